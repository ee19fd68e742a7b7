import type { ReplayPolicy } from './replay-policy.js'

/** One check of a replay. */
export interface ReplayCheck {
  readonly policy: ReplayPolicy
  /** The parts the policy counts by, in its order. */
  readonly subject: readonly string[]
  /** Units, an integer >= 1. */
  readonly cost: number
}

export interface Verdict {
  readonly allowed: boolean
  /** Until this very cost passes, 0 if allowed. */
  readonly retryAfterMs: number
  /** How long the call is held back (`leaky_bucket` that shapes), else 0. */
  readonly delayMs: number
}

/** Who decides the requests of a log: the seam between reading logs and limiting. */
export interface Decider {
  /**
   * Decides checks of one instant, in their order, each for itself. May be called again before the answer is there, with a
   * `nowUs` that is never smaller: what was asked first is decided first.
   */
  decide(nowUs: number, checks: readonly ReplayCheck[]): readonly Verdict[] | Promise<readonly Verdict[]>
}
