import type { Decision } from '../../decision.js'
import type { SetField, WriteFields } from '../headers/rate-limit-fields.js'
import { RateLimitInfo } from './rate-limit-info.js'
import type { Refused } from './refused.js'
import type { Settlement } from './settlement.js'

interface Told {
  readonly decision: Decision
  /** ms since the Unix epoch. */
  readonly nowMs: number
  readonly writeFields: WriteFields
}

/** What becomes of a request. */
export class Ruling<A extends readonly unknown[], R> {
  readonly #told: Told | undefined
  readonly #settlement: Settlement<A, R>
  /** How it is refused; undefined: it goes on. */
  readonly refused: Refused | undefined

  constructor(told: Told | undefined, refused: Refused | undefined, settlement: Settlement<A, R>) {
    this.#told = told
    this.refused = refused
    this.#settlement = settlement
  }

  /** For the request to carry; undefined where no policy decided. */
  get info(): RateLimitInfo | undefined {
    return this.#told && new RateLimitInfo(this.#told.decision, this.#told.nowMs)
  }

  /** Tells the client. */
  writeFields(set: SetField): void {
    this.#told?.writeFields(this.#told.decision, this.#told.nowMs, set)
  }

  /** `settle` is to be called when the response is finished. */
  get settles(): boolean {
    return this.refused === undefined && !this.#settlement.isEmpty
  }

  settle(response: R): Promise<void> {
    return this.#settlement.settle(response)
  }
}
