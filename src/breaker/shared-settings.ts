import type { Timers } from '../core/timers.js'
import { StoreTimeoutError } from '../errors.js'
import type { CircuitStore } from './circuit-store.js'

export interface SharedSettingsOptions {
  /** What is in force here is at most so much older than what is in the store. */
  readonly maxAgeMs: number
  readonly deadlineMs: number
  readonly timers: Timers
  onSettings(text: string): void
}

/** Thresholds that processes leave for one another: looked up in the background while circuits are in use. */
export class SharedSettings {
  readonly #store: CircuitStore
  readonly #options: SharedSettingsOptions
  #seenMs = Number.NEGATIVE_INFINITY
  #isReading = false
  /** In force already. */
  #known: string | undefined

  constructor(store: CircuitStore, options: SharedSettingsOptions) {
    this.#store = store
    this.#options = options
  }

  /** A circuit was asked for. */
  used(nowMs: number): void {
    if (this.#isReading || nowMs - this.#seenMs < this.#options.maxAgeMs / 2) return
    this.#isReading = true
    this.#seenMs = nowMs
    // A store that fails is noticed by those who ask it for circuits.
    this.#inTime(this.#store.readSettings())
      .then(
        text => this.#learn(text),
        () => {},
      )
      .finally(() => {
        this.#isReading = false
      })
  }

  /** @param change from what is in the store, if anything is, to what shall be */
  async share(change: (text: string | undefined) => string): Promise<void> {
    const text = change(await this.#inTime(this.#store.readSettings()))
    await this.#inTime(this.#store.writeSettings(text))
    this.#learn(text)
  }

  #inTime<T>(answer: Promise<T>): Promise<T> {
    const { timers, deadlineMs } = this.#options
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    const cancel = timers.after(deadlineMs, () => {
      reject(new StoreTimeoutError(`the store of the circuits did not answer within ${deadlineMs} ms`))
    })
    answer.then(resolve, reject).finally(cancel)
    return promise
  }

  #learn(text: string | undefined): void {
    if (text === undefined || text === this.#known) return
    this.#known = text
    this.#options.onSettings(text)
  }
}
