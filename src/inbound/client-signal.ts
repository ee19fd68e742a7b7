import type { Clock } from '../core/time.js'
import type { Decision } from '../decision.js'
import type { Limiter } from '../limiter/types.js'
import { Waits, writeBackpressure } from '../middleware/headers/backpressure.js'
import type { WriteFields } from '../middleware/headers/rate-limit-fields.js'

/** How clients are told of a decision, read from a configuration. */
export interface SignalRules {
  readonly writeFields: WriteFields
  /** Name of one more field, for those who were refused or had to wait. */
  readonly backpressureHeader: string | undefined
}

/** The header fields by which clients are told. */
export class ClientSignal {
  readonly #rules: SignalRules
  readonly #clock: Clock
  readonly #waits: Waits | undefined

  constructor(rules: SignalRules, limiter: Limiter, clock: Clock) {
    this.#rules = rules
    this.#clock = clock
    this.#waits = rules.backpressureHeader === undefined ? undefined : Waits.of(limiter)
  }

  fieldsOf(decision: Decision): Readonly<Record<string, string>> {
    const fields: Record<string, string> = {}
    const set = (name: string, value: string): void => {
      fields[name] = value
    }
    const nowMs = this.#clock.nowUs() / 1000
    const { writeFields, backpressureHeader } = this.#rules
    writeFields(decision, nowMs, set)
    const isToldMore = !decision.allowed || this.#waits?.isHeldBack(decision) === true
    if (backpressureHeader !== undefined && isToldMore) {
      writeBackpressure(backpressureHeader, decision, nowMs, set)
    }
    return fields
  }
}
