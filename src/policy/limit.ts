import type { Plan } from '../core/plan.js'
import type { LimitConfig, OutageConfig } from './config.js'

/** One limit of a policy, compiled: what an engine needs of it. */
export interface Limit {
  /** Name of the policy as the user wrote it. */
  readonly policy: string
  /** `<policy>` for the first limit of a policy, `<policy>~1`, `<policy>~2`, … for those after it, encoded: a part of the key. */
  readonly keyName: string
  /** Dense number of this limit within its limiter, 0, 1, 2, …: engines in process keep one table per limit. */
  readonly slot: number
  readonly plan: Plan
  /** As the user wrote them, for people: units and milliseconds. */
  readonly limit: number
  /** The window; for `quota` the current calendar period, for `concurrency` the lease. */
  readonly windowMs: number
}

/** Another number of units for one call, such as what this user has paid for. */
export interface LimitOverride {
  /** Units per window, per period, or held at once: an integer >= 1. */
  readonly limit: number
  /** `gcra` and the buckets only: units that pass at once after a pause. Default: `limit`. */
  readonly burst?: number
}

/** A limit with what the limiter needs beyond the engine: plans for other times and other numbers of units. */
export interface PolicyLimit extends Limit {
  readonly config: LimitConfig
  /**
   * The plan for this instant. Only a `quota` has more than one: when `nowUs` is not in the first of the two calendar
   * periods it knows, they are computed anew, and `plan` and `windowMs` are the new ones from then on.
   */
  planAt(nowUs: number): Plan
  /**
   * The same limit on the same key with other numbers of units. The latest 1,000 of them are kept, so that a call costs
   * a lookup.
   *
   * @throws PolicyError when they are no positive integers or outside the ranges of the algorithm
   */
  withLimit(override: LimitOverride): PolicyLimit
  /** What the policy says of a store that cannot be asked. */
  readonly outage: OutageConfig
  /**
   * What one of so many replicas admits of this limit by itself: units, burst and debt divided and rounded down, at least 1
   * of each that there is. So together they admit what the limit says, or one unit each where it has fewer.
   */
  shareOf(replicas: number): PolicyLimit
}
