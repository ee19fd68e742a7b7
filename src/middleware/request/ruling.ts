import type { Decision } from '../../decision.js'
import type { SetField } from '../headers/rate-limit-fields.js'
import type { RateLimitInfo } from './rate-limit-info.js'
import type { Refused } from './refused.js'
import type { Settlement } from './settlement.js'

/** Tells what clients are told of a decision. @param nowMs ms since the Unix epoch */
export type WriteDecision = (decision: Decision, nowMs: number, set: SetField) => void

/** The client left while it was held back: there is nobody to answer, and nothing to be done. */
export const CLIENT_LEFT = Symbol('the client left')

/** Status of what is answered to a client that left, where something has to be: as nginx logs it. */
export const CLIENT_LEFT_STATUS = 499

/** What is decided of a request; undefined: it is not limited. */
export type Ruled<A extends readonly unknown[], R> = Ruling<A, R> | typeof CLIENT_LEFT | undefined

/** What becomes of a request. */
export class Ruling<A extends readonly unknown[], R> {
  readonly #settlement: Settlement<A, R> | undefined
  readonly #writeFields: WriteDecision | undefined
  /** What was decided; undefined where no policy was asked. */
  readonly info: RateLimitInfo | undefined
  /** How it is refused; undefined: it goes on. */
  readonly refused: Refused | undefined

  constructor(
    info: RateLimitInfo | undefined,
    writeFields: WriteDecision | undefined,
    refused: Refused | undefined,
    settlement: Settlement<A, R> | undefined,
  ) {
    this.info = info
    this.#writeFields = writeFields
    this.refused = refused
    this.#settlement = settlement
  }

  /** Puts what was decided on the request, or on what it carries its state in. */
  attachTo(target: object, name: string): void {
    const { info } = this
    if (info === undefined) return
    const carrier = target as Record<string, unknown>
    const before = carrier[name]
    if (before !== undefined) info.replaces(before)
    carrier[name] = info
  }

  /** Tells the client. */
  writeFields(set: SetField): void {
    if (this.info !== undefined) this.#writeFields?.(this.info.decision, this.info.nowMs, set)
  }

  /** `settle` is to be called when the response is finished. */
  get settles(): boolean {
    return this.#settlement !== undefined && !this.#settlement.isEmpty
  }

  async settle(response: R): Promise<void> {
    await this.#settlement?.settle(response)
  }
}
