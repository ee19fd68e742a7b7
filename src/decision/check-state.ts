import { type Algorithm, capacity } from '../core/plan.js'
import { Op, Status } from '../core/step.js'
import { cdiv } from '../core/time.js'
import type { Limit, LimitOverride } from '../policy.js'
import type { CheckOutcome, Outcome } from './outcome.js'

/**
 * Why. `limit` and `blocked` are refusals of the subject. `store-unavailable` is none: nobody knows whether it would have
 * passed, and the policy says that then nothing does.
 */
export type Reason = 'ok' | 'limit' | 'blocked' | 'store-unavailable'

/** One check of a request, as it was asked. */
export interface AskedCheck {
  readonly limit: Limit
  /** In its canonical form. */
  readonly subject: string
  readonly op: Op
  readonly leaseId?: string | undefined
  readonly override?: LimitOverride | undefined
}

/** One check with what an engine said of it: integers, times in us. */
export interface Decided extends AskedCheck, CheckOutcome {
  /** Which fallback counted it, when the store could not be asked. */
  readonly fallbackId?: string | undefined
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

/** Under which limit a check was decided. */
const limitAt = (checks: readonly AskedCheck[], { fallback }: Outcome, i: number): Limit =>
  fallback?.limits[i] ?? (checks[i] as AskedCheck).limit

/** The checks of a request with what was said of each. */
export const decidedChecks = (checks: readonly AskedCheck[], outcome: Outcome): readonly Decided[] =>
  checks.map(({ subject, op, leaseId, override }, i) => ({
    ...(outcome.checks[i] as CheckOutcome),
    limit: limitAt(checks, outcome, i),
    subject,
    op,
    leaseId,
    override,
    fallbackId: outcome.fallback?.id,
  }))

/** Which of several checks a Decision shows. */
export function shownAt(checks: readonly AskedCheck[], outcome: Outcome): number {
  let shown = 0
  for (let i = 1; i < checks.length; i++) if (outweighs(checks, outcome, i, shown)) shown = i
  return shown
}

/** Is `a` the one to show rather than `b`? A refusal before an admission, then the longer wait or the smaller share left. */
function outweighs(checks: readonly AskedCheck[], outcome: Outcome, a: number, b: number): boolean {
  const one = outcome.checks[a] as CheckOutcome
  const other = outcome.checks[b] as CheckOutcome
  const refused = one.status !== Status.allowed
  if (refused !== (other.status !== Status.allowed)) return refused
  if (refused) return one.waitUs > other.waitUs
  const [limit, otherLimit] = [limitAt(checks, outcome, a).limit, limitAt(checks, outcome, b).limit]
  return one.remaining * otherLimit < other.remaining * limit
}
