import type { Check, DecideOptions, Outcome } from '../engine/engine.js'
import { ClosedError, type ConnectionLostError } from '../errors.js'
import { ClusterMap } from './cluster-map.js'
import { commonSlotOf, nameOf, slotOf } from './cluster-slots.js'
import { decideAcrossSlots } from './cross-slot.js'
import { type Inspection, readInspection } from './inspection.js'
import { NodeLane, type SlotRequest } from './node-lane.js'
import { followRedirects, isFollowed, type Refusal, type SendTo } from './redirects.js'
import {
  type NodeAddress,
  type RedisClient,
  type RedisTarget,
  type ScriptArg,
  ServerError,
} from './redis-client.js'
import { ReplyReader } from './reply.js'
import { RequestBlock } from './request-block.js'
import { runScript, type Script, type Scripts } from './scripts.js'
import { translateServerError } from './server-errors.js'
import type { OnBatch, Topology, TopologyOptions } from './topology.js'
import { isUnwanted, rejectOnAbort, tooManyWait, unwanted, WAITING_MAX } from './waiting.js'

/** How long requests on their way through several nodes are waited for at the end. */
const CLOSE_GRACE_MS = 2_000

type ClusterTarget = Extract<RedisTarget, { kind: 'cluster' }>

export interface ClusterOptions extends TopologyOptions {
  /** Told when a request over several slots was refused and could not be undone: units stay charged. */
  readonly onLoss: (error: ConnectionLostError) => void
}

/**
 * A cluster: each request goes to the node that has its slot, over one connection to each master, which is opened when
 * the first request needs it. A node that is lost costs what was under way there and what is asked of its slots until
 * another takes its place.
 */
export class ClusterTopology implements Topology {
  readonly #target: ClusterTarget
  readonly #scripts: Scripts
  readonly #elapsedMs: () => number
  readonly #onConnect: () => void
  readonly #onBatch: OnBatch | undefined
  readonly #onLoss: (error: ConnectionLostError) => void
  readonly #map: ClusterMap
  readonly #lanes = new Map<NodeAddress, NodeLane>()
  /** Asked before the slots are known. */
  #early: SlotRequest[] = []
  /** What goes through several nodes, or from one to the next. */
  readonly #journeys = new Set<Promise<unknown>>()
  readonly #block = new RequestBlock()
  readonly #reader = new ReplyReader()
  #closed = false

  constructor(target: ClusterTarget, { scripts, elapsedMs, onConnect, onBatch, onLoss }: ClusterOptions) {
    this.#target = target
    this.#scripts = scripts
    this.#elapsedMs = elapsedMs
    this.#onConnect = onConnect
    this.#onBatch = onBatch
    this.#onLoss = onLoss
    this.#map = new ClusterMap({
      seeds: target.seeds,
      connectNode: address => target.connectNode(address),
      connected: () => {
        const lanes = [...this.#lanes].map(([node, { client }]) => [node, client] as const)
        return lanes.filter(([, client]) => client.state === 'ready')
      },
      onRefresh: () => this.#follow(),
      elapsedMs,
    })
    this.#refresh()
  }

  decide(
    checks: readonly Check[],
    keys: readonly string[],
    nowUs: number,
    options: DecideOptions = {},
  ): Promise<Outcome> {
    if (this.#closed) return Promise.reject(new ClosedError('the limiter was closed'))
    if (options.signal?.aborted) return Promise.reject(options.signal.reason)
    const slot = commonSlotOf(keys)
    if (slot === undefined) return this.#decideAcross(checks, keys, nowUs, options)
    return this.#decideInSlot(slot, checks, keys, nowUs, options)
  }

  async inspect(keys: readonly string[]): Promise<Inspection> {
    const bySlot = Map.groupBy(keys, slotOf)
    const script = this.#scripts.inspect
    const parts = await Promise.all(
      [...bySlot].map(async ([slot, own]) => {
        const run: SendTo<unknown> = async (node, asking) =>
          runScript(await this.#clientOf(node), script, own, [], { asking })
        return readInspection(await this.#journey(slot, run), own)
      }),
    )
    const found = new Map(parts.flatMap(part => part.keys).map(key => [key.key, key]))
    return {
      nowUs: Math.max(...parts.map(({ nowUs }) => nowUs)),
      keys: keys.map(key => found.get(key) as Inspection['keys'][number]),
    }
  }

  /** Runs a script of any kind where its keys are, all of one slot. */
  runAt(script: Script, keys: readonly string[], args: readonly ScriptArg[]): Promise<unknown> {
    return this.#journey(slotOf(keys[0] as string), async (node, asking) =>
      runScript(await this.#clientOf(node), script, keys, args, { asking }),
    )
  }

  callAt(key: string, ...command: Parameters<RedisClient['call']>): Promise<unknown> {
    return this.#journey(slotOf(key), async (node, asking) => {
      const client = await this.#clientOf(node)
      // Its answer is always OK; where it is lost, so is the answer that matters.
      if (asking) client.call('ASKING').catch(() => {})
      return client.call(...command)
    })
  }

  /** The node that has these keys; undefined while that is not known, or where they are at several. */
  nodeOf(keys: readonly string[]): string | undefined {
    const slot = commonSlotOf(keys)
    const node = slot === undefined ? undefined : this.#map.owner(slot)
    return node === undefined ? undefined : nameOf(node)
  }

  async ready(): Promise<void> {
    if (this.#closed) throw new ClosedError('the limiter was closed')
    await this.#map.ready()
    await Promise.all([...this.#map.masters].map(node => this.#laneOf(node).ready())).catch(throwTranslated)
  }

  async close(): Promise<void> {
    this.#closed = true
    const closed = new ClosedError('the limiter was closed')
    for (const { reject } of this.#early.splice(0)) reject(closed)
    let timer: NodeJS.Timeout | undefined
    const patience = new Promise<void>(resolve => {
      timer = setTimeout(resolve, CLOSE_GRACE_MS)
    })
    await Promise.race([Promise.allSettled(this.#journeys), patience])
    clearTimeout(timer)
    this.#map.close()
    await Promise.all([...this.#lanes.values()].map(lane => lane.close()))
  }

  #decideInSlot(
    slot: number,
    checks: readonly Check[],
    keys: readonly string[],
    nowUs: number,
    options: DecideOptions,
  ): Promise<Outcome> {
    const { signal, caller } = options
    const { promise, resolve, reject } = Promise.withResolvers<Outcome>()
    this.#route({ slot, checks, keys, nowUs, signal, caller, resolve, reject })
    if (signal !== undefined) this.#rejectOnAbort(promise, reject, signal)
    return promise
  }

  #rejectOnAbort(promise: Promise<unknown>, reject: (reason: unknown) => void, signal: AbortSignal): void {
    const onAbort = (reason: unknown) => {
      reject(reason)
      // A node that answers too late may be cut off from the others, and its slots be elsewhere.
      this.#refresh()
    }
    rejectOnAbort(promise, onAbort, signal)
  }

  /** Hands a request to the lane of its node. */
  #route(request: SlotRequest): void {
    const node = this.#map.owner(request.slot)
    if (node !== undefined) {
      this.#laneOf(node).add(request)
    } else if (this.#map.state !== 'connecting') {
      request.reject(this.#map.unavailable(request.slot))
      this.#refresh()
    } else if (this.#early.length >= WAITING_MAX) {
      request.reject(tooManyWait())
    } else {
      this.#early.push(request)
    }
  }

  #decideAcross(
    checks: readonly Check[],
    keys: readonly string[],
    nowUs: number,
    options: DecideOptions,
  ): Promise<Outcome> {
    const { signal } = options
    const { promise, resolve, reject } = Promise.withResolvers<Outcome>()
    if (signal !== undefined) this.#rejectOnAbort(promise, reject, signal)
    // What was charged is undone even when nobody waits any more: the parts are not told of the signal.
    this.#track(
      decideAcrossSlots(
        checks,
        keys,
        keys.map(slotOf),
        (slot, part, partKeys) => this.#decideInSlot(slot, part, partKeys, nowUs, {}),
        options,
        this.#onLoss,
      ),
    ).then(resolve, reject)
    return promise
  }

  #laneOf(node: NodeAddress): NodeLane {
    const known = this.#lanes.get(node)
    if (known !== undefined) return known
    const lane = new NodeLane(this.#target.connectNode(node), this.#scripts.decide, this.#elapsedMs, {
      onFailure: (requests, error) => this.#failed(node, requests, error),
      onReady: this.#onConnect,
      onDown: () => this.#refresh(),
      onSilence: () => this.#refresh(),
      onBatch: batch => this.#onBatch?.({ part: nameOf(node), ...batch }),
    })
    this.#lanes.set(node, lane)
    return lane
  }

  async #clientOf(node: NodeAddress): Promise<RedisClient> {
    const { client } = this.#laneOf(node)
    if (client.state === 'connecting') await client.ready()
    return client
  }

  #failed(node: NodeAddress, requests: readonly SlotRequest[], error: unknown): void {
    if (!isFollowed(error)) {
      const reason = this.#translate(error)
      for (const { reject } of requests) reject(reason)
    } else if (requests.length === 1) {
      this.#resend(requests[0] as SlotRequest, { node, error })
    } else {
      // Of several requests none was decided because of one: each goes on alone.
      const refusal = isMoving(error) ? undefined : { node, error }
      for (const request of requests) this.#resend(request, refusal)
    }
  }

  #resend(request: SlotRequest, refusal: Refusal | undefined): void {
    const { slot, resolve, reject } = request
    this.#journey(slot, (node, asking) => this.#decideAlone(request, node, asking), request, refusal).then(
      resolve,
      reject,
    )
  }

  /** Without a batch. */
  async #decideAlone(request: SlotRequest, node: NodeAddress, asking: boolean): Promise<Outcome> {
    const client = await this.#clientOf(node)
    if (isUnwanted(request)) throw unwanted(request.signal)
    this.#block.add(request)
    const { keys, args } = this.#block.take()
    const reply = await runScript(client, this.#scripts.decide, keys, args, { asking })
    this.#reader.read(reply, keys.length)
    return this.#reader.outcome(0, keys.length)
  }

  #journey<T>(slot: number, send: SendTo<T>, asked: DecideOptions = {}, first?: Refusal): Promise<T> {
    return this.#track(
      followRedirects(this.#map, slot, this.#elapsedMs, send, asked, first).catch(error => {
        throw this.#translate(error)
      }),
    )
  }

  #track<T>(journey: Promise<T>): Promise<T> {
    this.#journeys.add(journey)
    const forget = () => this.#journeys.delete(journey)
    journey.then(forget, forget)
    return journey
  }

  /** The error for the caller. Where the node is lost or knows itself out of service, another may have its slots. */
  #translate(error: unknown): unknown {
    if (!(error instanceof ServerError) || OUT_OF_SERVICE.has(error.kind)) this.#refresh()
    return translateServerError(error)
  }

  #refresh(): void {
    // What it fails with is told to the next request.
    if (!this.#closed) this.#map.refresh().catch(() => {})
  }

  /** After a refresh of the map: leaves nodes that are no masters any more, and sends what waited for the map. */
  #follow(): void {
    const { masters, state } = this.#map
    let isBroken = state !== 'ready'
    for (const [node, lane] of this.#lanes) {
      if (masters.has(node)) {
        lane.servesSlots = true
        isBroken ||= lane.client.state === 'down'
      } else if (lane.servesSlots) {
        // One that never did is being given its first slots.
        this.#lanes.delete(node)
        for (const request of lane.takeWaiting()) this.#route(request)
        this.#track(lane.close())
      }
    }
    for (const request of this.#early.splice(0)) this.#route(request)
    if (isBroken) this.#refresh()
  }
}

const OUT_OF_SERVICE: ReadonlySet<string> = new Set(['CLUSTERDOWN', 'MASTERDOWN', 'LOADING', 'READONLY'])

const isMoving = (error: unknown): boolean => error instanceof ServerError && error.kind === 'TRYAGAIN'

function throwTranslated(error: unknown): never {
  throw translateServerError(error)
}
