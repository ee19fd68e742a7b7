import type { Decision } from '../../decision.js'

/** What a request carries of its decision, by the names that express-rate-limit has. */
export class RateLimitInfo {
  /** When it was decided, ms since the Unix epoch. */
  readonly nowMs: number
  /** Everything that was decided. */
  readonly decision: Decision

  constructor(decision: Decision, nowMs: number) {
    this.decision = decision
    this.nowMs = nowMs
  }

  /** Units per window. */
  get limit(): number {
    return this.decision.limit
  }

  /** Units of the limit that are used, >= 0. */
  get used(): number {
    return Math.max(0, this.decision.limit - this.decision.remaining)
  }

  /** Largest cost that passes now, >= 0. */
  get remaining(): number {
    return this.decision.remaining
  }

  /** When all units are back if nobody else calls. */
  get resetTime(): Date {
    return new Date(this.nowMs + this.decision.resetAfterMs)
  }
}
