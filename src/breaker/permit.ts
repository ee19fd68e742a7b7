import type { BreakerState } from '../core/breaker.js'
import { stateOf } from './breaker-events.js'
import type { Admission } from './circuit.js'
import type { CallOutcome } from './circuit-outcome.js'

/** A call may pass. Whoever has it says how the call went, once; what says nothing tells nothing and frees the place. */
export interface Permit {
  readonly allowed: true
  readonly state: BreakerState
  /** The call is one of the few that tell whether the circuit closes. */
  readonly isProbe: boolean
  success(): void
  /** @param error for listeners */
  failure(error?: unknown): void
  /** It was cancelled, refused by a limiter, or the caller's own fault. */
  ignore(): void
  /** `ignore`, unless it was said before how the call went. */
  [Symbol.dispose](): void
}

/** A call may not pass. */
export interface BreakerRefusal {
  readonly allowed: false
  readonly state: 'open' | 'half-open'
  /** ms until a call may pass, rounded up, 1 or more. */
  readonly retryAfterMs: number
  /** An operator holds it open. */
  readonly isForced: boolean
}

export class OpenPermit implements Permit {
  readonly allowed = true
  readonly state: BreakerState
  readonly isProbe: boolean
  readonly #settle: (outcome: CallOutcome, error: unknown) => void
  #isSettled = false

  constructor({ phase, ticket }: Admission, settle: (outcome: CallOutcome, error: unknown) => void) {
    this.state = stateOf(phase)
    this.isProbe = ticket > 0
    this.#settle = settle
  }

  success(): void {
    this.#once('success', undefined)
  }

  failure(error?: unknown): void {
    this.#once('failure', error)
  }

  ignore(): void {
    this.#once('ignore', undefined)
  }

  [Symbol.dispose](): void {
    this.ignore()
  }

  #once(outcome: CallOutcome, error: unknown): void {
    if (this.#isSettled) return
    this.#isSettled = true
    this.#settle(outcome, error)
  }
}
