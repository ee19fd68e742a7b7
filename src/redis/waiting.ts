import type { Caller, DecideOptions, Outcome } from '../engine/engine.js'
import { StoreUnavailableError } from '../errors.js'
import type { KeyedRequest } from './request-block.js'

/** Requests that wait to be sent to one server. More would only wait longer than anybody does. */
export const WAITING_MAX = 100_000
/** Batches, or bursts of them, under way whatever the window says: bounds what piles up behind a stalled server. */
export const IN_FLIGHT_MAX = 32
/**
 * A batch of so many checks is full: a larger one costs the server hardly less per check, and keeps this process idle
 * for longer. Several of this size under way keep both ends busy.
 */
export const FULL_BATCH_CHECKS = 32

/** A request that somebody waits for. */
export interface Waiting extends KeyedRequest {
  readonly signal: AbortSignal | undefined
  readonly caller?: Caller | undefined
  readonly resolve: (outcome: Outcome) => void
  readonly reject: (reason: unknown) => void
}

/** Nobody waits for it any more, so it need not be sent. */
export const isUnwanted = ({ signal, caller }: DecideOptions): boolean =>
  signal?.aborted === true || caller?.isGone === true

/** What is told to nobody. */
export const unwanted = (signal: AbortSignal | undefined): unknown =>
  signal?.reason ?? new StoreUnavailableError('nobody waits for the answer any more; nothing was charged')

export const tooManyWait = (): StoreUnavailableError =>
  new StoreUnavailableError(`${WAITING_MAX} requests wait for Redis already; nothing was charged`)

/** Rejects with the signal's reason as soon as it aborts, unless the promise is settled by then. */
export function rejectOnAbort(
  promise: Promise<unknown>,
  reject: (reason: unknown) => void,
  signal: AbortSignal,
): void {
  const onAbort = () => reject(signal.reason)
  const forget = () => signal.removeEventListener('abort', onAbort)
  signal.addEventListener('abort', onAbort, { once: true })
  promise.then(forget, forget)
}
