import type { Decision } from '../../decision.js'
import type { Counting } from './counting.js'

/** What a request carries of its decision, by the names that express-rate-limit has. */
export class RateLimitInfo {
  /** When it was decided, ms since the Unix epoch. */
  readonly nowMs: number
  /** Everything that was decided. */
  readonly decision: Decision
  readonly #counting: Counting
  /** Of what counted the same request before. */
  #before: RateLimitInfo | undefined

  constructor(decision: Decision, nowMs: number, counting: Counting) {
    this.decision = decision
    this.nowMs = nowMs
    this.#counting = counting
  }

  /** Stands in the place of what a request carried so far, and looks whether it was counted by the same. */
  replaces(before: unknown): void {
    if (!(before instanceof RateLimitInfo)) return
    this.#before = before
    for (let info: RateLimitInfo | undefined = before; info !== undefined; info = info.#before) {
      this.#counting.compare(this.decision, info.#counting, info.decision)
    }
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
