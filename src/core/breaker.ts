import { type Backoff, backoffMs } from './backoff.js'

/** `closed`: calls go through. `open`: none does. `half-open`: one probe is under way, and no call goes through. */
export type BreakerState = 'closed' | 'open' | 'half-open'

export interface BreakerOptions {
  /** Calls in a row that may fail while the other side was heard of lately, until it opens all the same. */
  readonly failuresMax: number
  /** From opening to the probe, and from a failed probe to the next. */
  readonly backoff: Backoff
  /** 0 to 1. Default: `Math.random`. */
  readonly random?: () => number
}

/**
 * The state of a circuit breaker: pure, its time comes from outside, in ms on a clock that never steps back.
 *
 * It opens at the first failure in silence: in the second half of the time that the failed call took, no other was
 * answered. So an outage costs its callers one wait, not one for each failure that some threshold asks for. A failure
 * among answers is that call's own trouble, until `failuresMax` come in a row.
 *
 * Calls that were under way when it opened say nothing any more: only the probe closes it.
 */
export class Breaker {
  readonly #options: BreakerOptions
  #state: BreakerState = 'closed'
  #failures = 0
  /** Openings and failed probes since a call last succeeded: a store that fails as soon as it is back waits longer. */
  #attempts = 0
  #heardAtMs = -Infinity
  #retryAtMs = 0

  constructor(options: BreakerOptions) {
    this.#options = options
  }

  get state(): BreakerState {
    return this.#state
  }

  /** While open: when the probe is due. */
  get retryAtMs(): number {
    return this.#retryAtMs
  }

  /** A call was answered. */
  succeeded(nowMs: number): void {
    if (this.#state !== 'closed') return
    this.#heardAtMs = nowMs
    this.#failures = 0
    this.#attempts = 0
  }

  /** A call that was sent at `sentMs` failed. @returns whether this opened the breaker */
  failed(sentMs: number, nowMs: number): boolean {
    if (this.#state !== 'closed') return false
    this.#failures++
    const heardLately = this.#heardAtMs > (sentMs + nowMs) / 2
    if (heardLately && this.#failures < this.#options.failuresMax) return false
    this.#open(nowMs)
    return true
  }

  /** The time for a probe has come. @returns false when one is under way, or none is needed */
  beginProbe(): boolean {
    if (this.#state !== 'open') return false
    this.#state = 'half-open'
    return true
  }

  endProbe(succeeded: boolean, nowMs: number): void {
    if (this.#state !== 'half-open') return
    if (succeeded) {
      this.#state = 'closed'
      this.#failures = 0
    } else {
      this.#open(nowMs)
    }
  }

  #open(nowMs: number): void {
    const { backoff, random } = this.#options
    this.#state = 'open'
    this.#attempts++
    this.#retryAtMs = nowMs + backoffMs(this.#attempts, backoff, random)
  }
}
