import { type Algorithm, capacity } from '../core/plan.js'
import { Op, Status } from '../core/step.js'
import { cdiv } from '../core/time.js'
import type { Limit, LimitOverride } from '../policy.js'

/**
 * Why. `limit` and `blocked` are refusals of the subject. `store-unavailable` is none: nobody knows whether it would have
 * passed, and the policy says that then nothing does.
 */
export type Reason = 'ok' | 'limit' | 'blocked' | 'store-unavailable'

/** One check as an engine left it: integers, times in us. */
export interface Decided {
  readonly limit: Limit
  /** In its canonical form. */
  readonly subject: string
  readonly op: Op
  readonly leaseId?: string | undefined
  readonly override?: LimitOverride | undefined
  /** Which fallback counted it, when the store could not be asked. */
  readonly fallbackId?: string | undefined
  readonly status: Status
  readonly granted: number
  readonly remaining: number
  readonly waitUs: number
  readonly resetUs: number
  /** When it was decided, where that is another instant than that of the Decision. */
  readonly nowUs?: number | undefined
}

/** What one limit said of one check. A policy of several limits, or a request of several checks, has several. */
export interface CheckState {
  /** Name of the policy, as configured. */
  readonly policy: string
  /** Units per window (or held at once), as configured or as overridden by the call. */
  readonly limit: number
  /** Largest cost that can ever pass at once: the limit, or the burst. */
  readonly capacity: number
  /** The window in ms; for `concurrency` how long a lease lasts. */
  readonly windowMs: number
  readonly algorithm: Algorithm
  readonly allowed: boolean
  readonly reason: Reason
  /** Units this check took or gave back. 0 when the request was refused, and for a peek. */
  readonly granted: number
  /** Largest cost that passes now, >= 0. */
  readonly remaining: number
  /** Refused: ms until this very cost passes if nobody else calls, rounded up. Allowed: 0. */
  readonly retryAfterMs: number
  /** ms until the state equals that of a subject never seen, rounded up. */
  readonly resetAfterMs: number
  /** ms to hold the call back before doing it, rounded up. 0 except for a `leaky_bucket` that shapes. */
  readonly delayMs: number
}

/** Waits are rounded up, so that nobody comes back too early. */
export const toMs = (us: number): number => cdiv(us, 1000)

export function reasonOf(status: Status): Reason {
  switch (status) {
    case Status.allowed:
      return 'ok'
    case Status.blocked:
      return 'blocked'
    case Status.unavailable:
      return 'store-unavailable'
    default:
      return 'limit'
  }
}

/** @param requestPassed of a refused request, no check has taken anything */
export function checkState(check: Decided, requestPassed: boolean): CheckState {
  const { limit, status } = check
  const allowed = status === Status.allowed
  return {
    policy: limit.policy,
    limit: limit.limit,
    capacity: capacity(limit.plan),
    windowMs: limit.windowMs,
    algorithm: limit.plan.algorithm,
    allowed,
    reason: reasonOf(status),
    granted: requestPassed && check.op !== Op.peek ? check.granted : 0,
    remaining: check.remaining,
    retryAfterMs: allowed ? 0 : toMs(check.waitUs),
    resetAfterMs: toMs(check.resetUs),
    delayMs: allowed ? toMs(check.waitUs) : 0,
  }
}

/** The one of several checks that a Decision shows. */
export function shownOf(checks: readonly Decided[]): Decided {
  let shown = checks[0] as Decided
  for (const check of checks) if (outweighs(check, shown)) shown = check
  return shown
}

/** Is `a` the one to show rather than `b`? A refusal before an admission, then the longer wait or the smaller share left. */
function outweighs(a: Decided, b: Decided): boolean {
  const refused = a.status !== Status.allowed
  if (refused !== (b.status !== Status.allowed)) return refused
  if (refused) return a.waitUs > b.waitUs
  return a.remaining * b.limit.limit < b.remaining * a.limit.limit
}
