import { Breaker } from '../core/breaker.js'
import type { Timers } from '../core/timers.js'
import { StoreUnavailableError } from '../errors.js'

/** The numbers of the guard of a limiter: `docs/failures.md`. */
const BREAKER = { failuresMax: 5, backoff: { firstMs: 100, maxMs: 1_000 } }

export interface StoreHealthEvents {
  /** Asks the store something that changes nothing. Resolves to whether it answered; never rejects. */
  probe(): Promise<boolean>
  onDown(error: unknown): void
  /** @param downMs ms since `onDown` */
  onUp(downMs: number): void
}

/** Whether the store of circuits can be asked: the breaker of a limiter's guard, with a probe by a timer of its own. */
export class StoreHealth {
  readonly #breaker = new Breaker(BREAKER)
  readonly #timers: Timers
  readonly #events: StoreHealthEvents
  #cancelProbe: () => void = () => {}
  #downSinceMs = 0
  #error: unknown
  #isClosed = false

  constructor(timers: Timers, events: StoreHealthEvents) {
    this.#timers = timers
    this.#events = events
  }

  get isUp(): boolean {
    return this.#breaker.state === 'closed'
  }

  succeeded(): void {
    this.#breaker.succeeded(this.#timers.monotonicMs())
  }

  failed(sentMs: number, error: unknown): void {
    const nowMs = this.#timers.monotonicMs()
    if (!this.#breaker.failed(sentMs, nowMs)) return
    this.#error = error
    this.#downSinceMs = nowMs
    this.#events.onDown(error)
    this.#awaitProbe()
  }

  /** Why an order is not sent at all. */
  refusal(): StoreUnavailableError {
    const { message } = this.#error instanceof Error ? this.#error : { message: String(this.#error) }
    return new StoreUnavailableError(
      `the store of the circuits is not asked while it is down; what made it fail: ${message}`,
      { cause: this.#error },
    )
  }

  close(): void {
    this.#isClosed = true
    this.#cancelProbe()
  }

  #awaitProbe(): void {
    if (this.#isClosed) return
    const waitMs = this.#breaker.retryAtMs - this.#timers.monotonicMs()
    this.#cancelProbe = this.#timers.after(waitMs, () => {
      if (this.#breaker.beginProbe()) this.#events.probe().then(answered => this.#probed(answered))
    })
  }

  #probed(answered: boolean): void {
    const nowMs = this.#timers.monotonicMs()
    this.#breaker.endProbe(answered, nowMs)
    if (answered) this.#events.onUp(nowMs - this.#downSinceMs)
    else this.#awaitProbe()
  }
}
