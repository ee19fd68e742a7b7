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

/** An algorithm whose state lies in a row. The plan must be one of its own. */
export type DecideRow = (step: Step, plan: Plan, op: Op, n: number, at: number, now: number) => void

/** How the states of an algorithm are kept: in rows of `length` doubles, or, without `decide`, as objects. */
interface StateKind {
  readonly length: number
  readonly decide: DecideRow | undefined
}

const asObject: StateKind = { length: 0, decide: undefined }

/** By algorithm. A table keeps its own, so that a call finds the function without looking at the plan. */
export const STATE_KINDS: Readonly<Record<Algorithm, StateKind>> = {
  gcra: { length: 1, decide: gcra as DecideRow },
  fixed_window: { length: 3, decide: fixedWindow as DecideRow },
  token_bucket: { length: 5, decide: tokenBucket as DecideRow },
  leaky_bucket: { length: 5, decide: tokenBucket as DecideRow },
  sliding_counter: { length: 4, decide: slidingCounter as DecideRow },
  quota: { length: 3, decide: quota as DecideRow },
  sliding_window: asObject,
  concurrency: asObject,
}
