// CONTRACT STUB (the author of policy.ts replaces this file; other files rely on these names)
import type { Plan } from './core/plan.js'

/** One limit of a policy, compiled. A policy of several limits is several of these, checked as one request. */
export interface Limit {
  /** Name of the policy as the user wrote it. */
  readonly policy: string
  /** `<policy>` for the first limit of a policy, `<policy>~1`, `<policy>~2`, … for those after it, encoded: the third part of the key. */
  readonly keyName: string
  /** Dense number of this limit within its limiter, 0, 1, 2, …: engines in process keep one table per limit. */
  readonly slot: number
  readonly plan: Plan
  /** As the user wrote them, for people: units and milliseconds. */
  readonly limit: number
  readonly windowMs: number
}
