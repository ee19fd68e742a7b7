import type { LeaseSet } from '../core/concurrency.js'
import { fixedWindow } from '../core/fixed-window.js'
import { gcra } from '../core/gcra.js'
import type {
  Algorithm,
  BucketPlan,
  FixedWindowPlan,
  GcraPlan,
  Plan,
  QuotaPlan,
  SlidingCounterPlan,
} from '../core/plan.js'
import { quota } from '../core/quota.js'
import { slidingCounter } from '../core/sliding-counter.js'
import type { WindowLog } from '../core/sliding-window.js'
import type { Op, Step } from '../core/step.js'
import { tokenBucket } from '../core/token-bucket.js'

/** A state that has no fixed size, and so does not lie in a row of cells. */
export type ObjectState = WindowLog | LeaseSet

/** Doubles of a state that lies in a row of cells; 0 for those that are objects. */
export const ROW_STATE_LENGTH: Readonly<Record<Algorithm, number>> = {
  gcra: 1,
  fixed_window: 3,
  token_bucket: 5,
  leaky_bucket: 5,
  sliding_counter: 4,
  quota: 3,
  sliding_window: 0,
  concurrency: 0,
}

/** The algorithms whose state lies in a row. */
export type RowAlgorithm = Exclude<Algorithm, 'sliding_window' | 'concurrency'>

/**
 * One decision of an algorithm whose state lies in a row.
 *
 * @param algorithm `plan.algorithm`, from where it is found fastest: plans have many shapes, tables have one
 */
export function decideRow(
  algorithm: RowAlgorithm,
  step: Step,
  plan: Plan,
  op: Op,
  n: number,
  at: number,
  now: number,
): void {
  switch (algorithm) {
    case 'gcra':
      gcra(step, plan as GcraPlan, op, n, at, now)
      break
    case 'fixed_window':
      fixedWindow(step, plan as FixedWindowPlan, op, n, at, now)
      break
    case 'token_bucket':
    case 'leaky_bucket':
      tokenBucket(step, plan as BucketPlan, op, n, at, now)
      break
    case 'sliding_counter':
      slidingCounter(step, plan as SlidingCounterPlan, op, n, at, now)
      break
    case 'quota':
      quota(step, plan as QuotaPlan, op, n, at, now)
      break
  }
}
