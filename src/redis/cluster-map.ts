import { setTimeout as sleep } from 'node:timers/promises'
import { type SluiceError, StoreUnavailableError } from '../errors.js'
import { backoffMs } from './backoff.js'
import { nameOf, readSlots, SLOTS, type SlotRange } from './cluster-slots.js'
import { describeFailure } from './failure-hints.js'
import { type NodeAddress, type RedisClient, ServerError } from './redis-client.js'

/** A node that does not answer so long is passed over. */
const ANSWER_MS = 1_000
/** So many nodes are asked at once; the first answer counts. */
const ASKED_AT_ONCE = 3
/** After so long without one, the next refresh does not wait. */
const CALM_MS = 10_000
/** From so many addresses on, those of nodes that are gone are forgotten. */
const NODES_KEPT_MAX = 256

export interface ClusterMapOptions {
  /** Nodes to begin with. */
  readonly seeds: readonly NodeAddress[]
  connectNode(address: NodeAddress): RedisClient
  /** Connections that are ready, to ask over before others are opened. */
  connected(): readonly (readonly [NodeAddress, RedisClient])[]
  /** Is called after every refresh, successful or not. */
  onRefresh(): void
  /** A clock that never steps back. */
  readonly elapsedMs: () => number
}

/**
 * Which node serves which slot. Any node may be asked; what a node says of a slot by `MOVED` counts at once. Refreshes
 * never run side by side and come slower the more of them are needed.
 */
export class ClusterMap {
  readonly #options: ClusterMapOptions
  /** By slot. Equal addresses are one object. */
  #owners: (NodeAddress | undefined)[] = new Array(SLOTS)
  #masters: ReadonlySet<NodeAddress> = new Set()
  /** Masters and replicas. */
  #members: ReadonlySet<NodeAddress> = new Set()
  readonly #nodes = new Map<string, NodeAddress>()
  #state: 'connecting' | 'ready' | 'down' = 'connecting'
  #failure: SluiceError | undefined
  #running: Promise<void> = Promise.resolve()
  /** Waits its turn: everybody who asks meanwhile shares it. */
  #next: Promise<void> | undefined
  /** Knows best: it has just said where something is. */
  #preferred: NodeAddress | undefined
  #endedAtMs = -CALM_MS
  #streak = 0
  readonly #closed = new AbortController()

  constructor(options: ClusterMapOptions) {
    this.#options = options
  }

  /** `connecting`: nobody has answered yet. `down`: nobody has ever answered, and the last attempt failed. */
  get state(): 'connecting' | 'ready' | 'down' {
    return this.#state
  }

  /** Those that serve slots. */
  get masters(): ReadonlySet<NodeAddress> {
    return this.#masters
  }

  /** Undefined where no node serves the slot, as far as known. */
  owner(slot: number): NodeAddress | undefined {
    return this.#owners[slot]
  }

  /** The one object for an address. */
  node(address: NodeAddress): NodeAddress {
    const name = nameOf(address)
    const known = this.#nodes.get(name)
    if (known !== undefined) return known
    this.#nodes.set(name, address)
    return address
  }

  /** A node said that the slot is at another one now. */
  moved(slot: number, to: NodeAddress): void {
    this.#owners[slot] = to
    this.#preferred = to
    this.refresh().catch(() => {})
  }

  /** Why there is no node to ask. */
  unavailable(slot: number): SluiceError {
    if (this.#state !== 'ready' && this.#failure !== undefined) return this.#failure
    return new StoreUnavailableError(
      `no node of the cluster serves slot ${slot}; nothing was charged; 'redis-cli --cluster check' tells why`,
    )
  }

  /** Resolves when the slots are known. @throws StoreUnavailableError when the attempt under way fails */
  async ready(): Promise<void> {
    if (this.#state !== 'ready') await this.refresh()
  }

  /**
   * Asks the cluster anew, beginning after this call.
   *
   * @throws StoreUnavailableError when no node answers; what was known before stays
   */
  refresh(): Promise<void> {
    this.#next ??= this.#running.then(() => this.#refreshInTurn())
    return this.#next
  }

  close(): void {
    this.#closed.abort()
  }

  async #refreshInTurn(): Promise<void> {
    const { elapsedMs, onRefresh } = this.#options
    this.#streak = elapsedMs() - this.#endedAtMs > CALM_MS ? 0 : this.#streak + 1
    const waitMs = this.#streak === 0 ? 0 : this.#endedAtMs + backoffMs(this.#streak) - elapsedMs()
    const { signal } = this.#closed
    if (waitMs > 0) await sleep(waitMs, undefined, { signal }).catch(() => {})
    const own = this.#next as Promise<void>
    this.#next = undefined
    this.#running = own.catch(() => {})
    if (signal.aborted) throw new StoreUnavailableError('the connection to Redis was closed by this process')
    try {
      this.#adopt(await this.#ask())
      this.#state = 'ready'
    } catch (error) {
      this.#failure = error as SluiceError
      if (this.#state === 'connecting') this.#state = 'down'
      throw error
    } finally {
      this.#endedAtMs = elapsedMs()
      if (!signal.aborted) onRefresh()
    }
  }

  #adopt(ranges: readonly SlotRange[]): void {
    const owners: (NodeAddress | undefined)[] = new Array(SLOTS)
    for (const { from, to, master } of ranges) owners.fill(this.node(master), from, to + 1)
    this.#owners = owners
    this.#masters = new Set(ranges.map(({ master }) => this.node(master)))
    const replicas = ranges.flatMap(range => range.replicas.map(address => this.node(address)))
    this.#members = new Set([...this.#masters, ...replicas])
    if (this.#nodes.size <= NODES_KEPT_MAX) return
    for (const [name, node] of this.#nodes) if (!this.#members.has(node)) this.#nodes.delete(name)
  }

  /** First over connections that are there; then, over new ones, everybody known. */
  async #ask(): Promise<readonly SlotRange[]> {
    const connected = shuffled(this.#options.connected())
    const preferred = connected.filter(([node]) => node === this.#preferred)
    this.#preferred = undefined
    const reasons = new Map<string, string>()
    for (const asked of [preferred, connected.slice(0, ASKED_AT_ONCE)]) {
      const ranges = await firstOf(asked.map(([node, client]) => askSlots(node, client, reasons)))
      if (ranges !== undefined) return ranges
    }
    const strangers = new Map<string, NodeAddress>()
    for (const node of [...this.#options.seeds, ...shuffled([...this.#members])]) {
      strangers.set(nameOf(node), node)
    }
    const left = [...strangers.values()]
    while (left.length > 0) {
      const asked = left.splice(0, ASKED_AT_ONCE)
      const ranges = await firstOf(asked.map(node => this.#askStranger(node, reasons)))
      if (ranges !== undefined) return ranges
    }
    const told = [...reasons].map(([name, why]) => {
      const text = why.replace(/; nothing was charged$/, '')
      return text.includes(name) ? text : `${name}: ${text}`
    })
    throw new StoreUnavailableError(
      `no node of the cluster tells who serves its slots: ${told.join('; ')}; nothing was charged`,
    )
  }

  async #askStranger(
    node: NodeAddress,
    reasons: Map<string, string>,
  ): Promise<readonly SlotRange[] | undefined> {
    const client = this.#options.connectNode(node)
    try {
      return await askSlots(node, client, reasons)
    } finally {
      client.close().catch(() => {})
    }
  }
}

/** @param reasons where to say why it told nothing */
async function askSlots(
  node: NodeAddress,
  client: RedisClient,
  reasons: Map<string, string>,
): Promise<readonly SlotRange[] | undefined> {
  let timer: NodeJS.Timeout | undefined
  const patience = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ANSWER_MS} ms`)), ANSWER_MS)
  })
  try {
    const reply = await Promise.race([client.ready().then(() => client.call('CLUSTER', 'SLOTS')), patience])
    const ranges = readSlots(reply, node)
    if (ranges !== undefined && ranges.length > 0) return ranges
    reasons.set(nameOf(node), ranges === undefined ? 'no answer to CLUSTER SLOTS' : 'it knows no slots')
  } catch (error) {
    reasons.set(nameOf(node), describe(error))
  } finally {
    clearTimeout(timer)
  }
  return undefined
}

/** What a client says of itself has its hints already. */
function describe(error: unknown): string {
  if (error instanceof ServerError) return describeFailure(error, true)
  return error instanceof Error ? error.message : String(error)
}

/** The first that is not undefined; undefined when all are. */
async function firstOf<T>(promises: readonly Promise<T | undefined>[]): Promise<T | undefined> {
  const answers = promises.map(async promise => {
    const answer = await promise
    if (answer === undefined) throw new Error('told nothing')
    return answer
  })
  return Promise.any(answers).catch(() => undefined)
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map(item => [Math.random(), item] as const)
    .sort(([a], [b]) => a - b)
    .map(([, item]) => item)
}
