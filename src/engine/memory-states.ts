import type { LeaseSet } from '../core/concurrency.js'
import { fixedWindow } from '../core/fixed-window.js'
import { gcra } from '../core/gcra.js'
import type { Algorithm, Plan } from '../core/plan.js'
import { quota } from '../core/quota.js'
import { slidingCounter } from '../core/sliding-counter.js'
import type { WindowLog } from '../core/sliding-window.js'
import type { Op, Step } from '../core/step.js'
import { tokenBucket } from '../core/token-bucket.js'

/** A state that has no fixed size, and so does not lie in a row of cells. */
export type ObjectState = WindowLog | LeaseSet

/** Doubles of a state in its row; 0: it has no fixed size, and is kept as an object. */
export const STATE_LENGTHS: Readonly<Record<Algorithm, number>> = {
  gcra: 1,
  fixed_window: 3,
  token_bucket: 5,
  leaky_bucket: 5,
  sliding_counter: 4,
  quota: 3,
  sliding_window: 0,
  concurrency: 0,
}

/**
 * Decides on a state in a row. Each algorithm is called by its name: of functions out of a table V8 compiles none into its
 * caller once there are two.
 */
export function decideRow(step: Step, plan: Plan, op: Op, n: number, at: number, now: number): void {
  switch (plan.algorithm) {
    case 'gcra':
      gcra(step, plan, op, n, at, now)
      break
    case 'fixed_window':
      fixedWindow(step, plan, op, n, at, now)
      break
    case 'token_bucket':
    case 'leaky_bucket':
      tokenBucket(step, plan, op, n, at, now)
      break
    case 'sliding_counter':
      slidingCounter(step, plan, op, n, at, now)
      break
    case 'quota':
      quota(step, plan, op, n, at, now)
      break
  }
}
