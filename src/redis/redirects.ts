import { setTimeout as sleep } from 'node:timers/promises'
import type { DecideOptions } from '../engine/engine.js'
import { StoreUnavailableError } from '../errors.js'
import type { ClusterMap } from './cluster-map.js'
import { nameOf, readRedirect } from './cluster-slots.js'
import { type NodeAddress, ServerError } from './redis-client.js'
import { isUnwanted, unwanted } from './waiting.js'

const REDIRECTS_MAX = 16
/** So many are followed without a pause: more than happen unless nodes disagree for a while. */
const REDIRECTS_AT_ONCE = 3
const PAUSE_FIRST_MS = 1
const PAUSE_MAX_MS = 50
/** How long a request of several keys waits for its slot to have moved, when nobody gave it less time. */
const MOVE_PATIENCE_MS = 2_000

/** Sends one request to a node. @param asking the slot is being moved there, and the node has to be told that we know */
export type SendTo<T> = (node: NodeAddress, asking: boolean) => Promise<T>

/** What a node answered to a request. */
export interface Refusal {
  readonly node: NodeAddress
  readonly error: unknown
}

/**
 * Answers of a node after which the same request may be sent again, since nothing of it can have been executed: Redis
 * looks at the keys before it runs a script, and a script that may not write fails at its first write.
 */
const FOLLOWED: ReadonlySet<string> = new Set(['MOVED', 'ASK', 'TRYAGAIN', 'READONLY'])

export const isFollowed = (error: unknown): boolean =>
  error instanceof ServerError && FOLLOWED.has(error.kind)

/**
 * Sends one request to the node that has its slot, wherever that goes meanwhile.
 *
 * - `MOVED`: the slot has a new master, which is asked instead, from now on.
 * - `ASK`: the slot is on its way, and its key is at the new node, or will be made there: asked there this once.
 * - `TRYAGAIN`: of the request's keys some are still here and some there. It waits until the slot has moved.
 * - `READONLY`: the node is a replica now. Asked again once the map names another.
 *
 * @param first what was answered already; undefined: nothing was sent yet
 * @throws StoreUnavailableError when it leads nowhere; else what `send` rejected with
 */
export async function followRedirects<T>(
  map: ClusterMap,
  slot: number,
  elapsedMs: () => number,
  send: SendTo<T>,
  asked: DecideOptions,
  first?: Refusal,
): Promise<T> {
  const { signal } = asked
  let refusal = first
  let redirects = 0
  let pauseMs = PAUSE_FIRST_MS
  let movingSinceMs: number | undefined

  const pause = async () => {
    await sleep(pauseMs, undefined, signal === undefined ? {} : { signal }).catch(() => {})
    pauseMs = Math.min(PAUSE_MAX_MS, pauseMs * 2)
  }
  const owner = async () => {
    if (map.owner(slot) === undefined) await map.ready()
    const node = map.owner(slot)
    if (node === undefined) throw map.unavailable(slot)
    return node
  }
  /** Where to send it next. */
  const next = async ({ node, error }: Refusal): Promise<{ to: NodeAddress; asking: boolean }> => {
    if (!(error instanceof ServerError)) throw error
    if (error.kind === 'TRYAGAIN') {
      movingSinceMs ??= elapsedMs()
      if (elapsedMs() - movingSinceMs > MOVE_PATIENCE_MS) throw stillMoving(slot, error)
      // Going back and forth between the two nodes is how it waits.
      redirects = 0
      await pause()
      return { to: await owner(), asking: false }
    }
    if (++redirects > REDIRECTS_MAX) throw leadsNowhere(slot, node, error)
    if (redirects > REDIRECTS_AT_ONCE) await pause()
    if (error.kind === 'READONLY') {
      await map.refresh()
      const to = await owner()
      if (to === node) throw error
      return { to, asking: false }
    }
    const redirect = readRedirect(error.message, node)
    if (redirect === undefined) throw error
    const to = map.node(redirect.to)
    if (error.kind === 'MOVED') map.moved(redirect.slot, to)
    return { to, asking: error.kind === 'ASK' }
  }

  for (;;) {
    const { to, asking } = refusal === undefined ? { to: await owner(), asking: false } : await next(refusal)
    if (isUnwanted(asked)) throw unwanted(signal)
    try {
      return await send(to, asking)
    } catch (error) {
      if (!isFollowed(error)) throw error
      refusal = { node: to, error }
    }
  }
}

const stillMoving = (slot: number, cause: ServerError): StoreUnavailableError =>
  new StoreUnavailableError(
    `slot ${slot} is being moved, and keys of this request are at both nodes; after ${MOVE_PATIENCE_MS} ms this was ` +
      `given up, and nothing was charged`,
    { cause },
  )

const leadsNowhere = (slot: number, node: NodeAddress, cause: ServerError): StoreUnavailableError =>
  new StoreUnavailableError(
    `slot ${slot}: ${REDIRECTS_MAX} redirects, the last from ${nameOf(node)} (${cause.message}); nothing was charged; ` +
      `nodes of the cluster disagree: 'redis-cli --cluster check' tells how`,
    { cause },
  )
