import { setTimeout as sleep } from 'node:timers/promises'
import { PermissionError, ProtocolError, StoreUnavailableError } from '../errors.js'
import { nameOf, readSlots, type SlotRange, slotOf } from './cluster-slots.js'
import { describeFailure } from './failure-hints.js'
import { type NodeAddress, type RedisClient, type RedisTarget, ServerError } from './redis-client.js'
import { translateServerError } from './server-errors.js'

/** A person waits for the answer, so it may take longer than that of a check. */
const ANSWER_MS = 5_000
/** A connection gives up after 5 s by itself, and knows better why. */
const READY_MS = 7_000
const CLOSE_MS = 1_000

/**
 * Every server of a store that holds keys, each by a connection of its own: for commands that look at a store as a whole.
 * Engines have better ways.
 */
export interface StoreNodes {
  /** Connected: the one server, or the masters of a cluster. */
  readonly nodes: readonly RedisClient[]
  /** Masters of a cluster that could not be reached. */
  readonly unreachable: readonly { readonly address: string; readonly error: Error }[]
  /** Undefined where it is no cluster. */
  readonly slots: readonly SlotRange[] | undefined
  /** The node that has this key. @throws StoreUnavailableError when it could not be reached */
  nodeOf(key: string): RedisClient
  close(): Promise<void>
}

/** @throws what `ready` of a connection rejects with, when no server can be asked */
export async function connectNodes(target: RedisTarget): Promise<StoreNodes> {
  if (target.kind === 'cluster') return connectMasters(target)
  const client = target.connect()
  try {
    await ready(client)
  } catch (error) {
    await close([client])
    throw error
  }
  return {
    nodes: [client],
    unreachable: [],
    slots: undefined,
    nodeOf: () => client,
    close: () => close([client]),
  }
}

type ClusterTarget = Extract<RedisTarget, { kind: 'cluster' }>

async function connectMasters(target: ClusterTarget): Promise<StoreNodes> {
  const slots = await slotsOf(target)
  const masters = new Map(slots.map(({ master }) => [nameOf(master), master]))
  const clients = [...masters].map(([address, master]) => ({ address, client: target.connectNode(master) }))
  const attempts = await Promise.allSettled(clients.map(({ client }) => ready(client)))
  const byAddress = new Map<string, RedisClient>()
  const unreachable: { address: string; error: Error }[] = []
  for (const [index, { address, client }] of clients.entries()) {
    const attempt = attempts[index] as PromiseSettledResult<void>
    if (attempt.status === 'fulfilled') byAddress.set(address, client)
    else unreachable.push({ address, error: attempt.reason })
  }
  return {
    nodes: [...byAddress.values()],
    unreachable,
    slots,
    nodeOf(key) {
      const slot = slotOf(key)
      const range = slots.find(({ from, to }) => from <= slot && slot <= to)
      const client = range && byAddress.get(nameOf(range.master))
      if (client !== undefined) return client
      const where = range === undefined ? 'no node' : nameOf(range.master)
      throw new StoreUnavailableError(
        `the key '${key}' is in slot ${slot} of ${where}, which cannot be asked`,
      )
    },
    close: () => close(clients.map(({ client }) => client)),
  }
}

/** As the first node says that answers. */
async function slotsOf({ seeds, connectNode }: ClusterTarget): Promise<readonly SlotRange[]> {
  const failures: Error[] = []
  for (const seed of seeds) {
    const client = connectNode(seed)
    try {
      return await askForSlots(client, seed)
    } catch (error) {
      failures.push(error as Error)
    } finally {
      await close([client])
    }
  }
  const [first] = failures
  throw first ?? new StoreUnavailableError('the store names no node of the cluster')
}

async function askForSlots(client: RedisClient, seed: NodeAddress): Promise<readonly SlotRange[]> {
  await ready(client)
  const slots = readSlots(await ask(client, 'CLUSTER', 'SLOTS').catch(refuseNode), seed)
  if (slots === undefined) throw new ProtocolError(`${client.address} does not tell the slots of its cluster`)
  return slots
}

/** @throws StoreUnavailableError with the way out, where there is one */
function refuseNode(error: Error): never {
  const { cause } = error
  if (!(cause instanceof ServerError)) throw error
  throw new StoreUnavailableError(
    `the slots of a cluster cannot be asked for: ${describeFailure(cause, false)}`,
    {
      cause,
    },
  )
}

/**
 * Asks one server, and does not wait for ever.
 *
 * @throws PermissionError when the user may not run the command, or the server does not have it
 * @throws SluiceError by the kind of any other answer; StoreUnavailableError when none comes within 5 s
 */
export async function ask(
  client: RedisClient,
  command: string,
  ...args: readonly string[]
): Promise<unknown> {
  try {
    return await inTime(
      client.call(command, ...args),
      ANSWER_MS,
      `${client.address} has not answered ${command}`,
    )
  } catch (error) {
    if (error instanceof ServerError && /^(?:NOPERM|ERR unknown (?:sub)?command)\b/.test(error.message)) {
      throw new PermissionError(`${client.address} does not let this user run ${command}: ${error.message}`, {
        cause: error,
      })
    }
    throw translateServerError(error)
  }
}

/** A server that stands still takes connections, and says nothing. */
const ready = (client: RedisClient): Promise<void> =>
  inTime(client.ready(), READY_MS, `${client.address} takes connections and does not answer`)

/** @throws StoreUnavailableError when it takes longer than a person is to wait */
async function inTime<T>(answer: Promise<T>, timeMs: number, otherwise: string): Promise<T> {
  const given = new AbortController()
  const late = sleep(timeMs, undefined, { signal: given.signal }).then((): never => {
    throw new StoreUnavailableError(`${otherwise} within ${timeMs / 1000} s`)
  })
  try {
    return await Promise.race([answer, late])
  } finally {
    given.abort()
    late.catch(() => {})
  }
}

/** A server that stands still is not waited for. */
async function close(clients: readonly RedisClient[]): Promise<void> {
  const patience = new AbortController()
  const waited = sleep(CLOSE_MS, undefined, { signal: patience.signal }).catch(() => {})
  await Promise.race([Promise.allSettled(clients.map(client => client.close())), waited])
  patience.abort()
}
