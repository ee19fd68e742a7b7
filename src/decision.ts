import { Op, Status } from './core/step.js'
import {
  type AskedCheck,
  type CheckState,
  checkState,
  type Decided,
  decidedChecks,
  type Reason,
  reasonOf,
  shownAt,
  toMs,
} from './decision/check-state.js'
import type { CheckOutcome, Outcome, Source } from './decision/outcome.js'
import { type Receipt, receiptOf } from './decision/receipt.js'
import type { Limit } from './policy.js'

export type { CheckState, Reason } from './decision/check-state.js'
export type { CheckOutcome, FallbackMark, Outcome, Source } from './decision/outcome.js'
export type { Charge, Receipt } from './decision/receipt.js'

/** Everything a Decision tells, as plain data: what `JSON.stringify(decision)` writes. */
export interface DecisionData {
  readonly allowed: boolean
  readonly reason: Reason
  readonly policy: string
  readonly limit: number
  readonly remaining: number
  readonly retryAfterMs: number
  readonly resetAfterMs: number
  readonly delayMs: number
  readonly source: Source
  readonly receipt: Receipt | undefined
  readonly checks: readonly CheckState[]
}

/** The check whose numbers a Decision shows: integers as the engine said them. */
interface ShownCheck {
  readonly limit: Limit
  /** In its canonical form. */
  readonly subject: string
  readonly status: Status
  readonly granted: number
  readonly remaining: number
  readonly waitUs: number
  readonly resetUs: number
  /** The store's clock, us since the Unix epoch. */
  readonly nowUs: number
}

/** All checks of a request, in its order, and what was said of them. */
interface DecidedRequest {
  readonly checks: readonly AskedCheck[]
  readonly outcome: Outcome
}

/**
 * What a caller sees of a request. A refusal is a Decision too; failures and impossible costs are errors.
 *
 * Of several checks, the numbers are those of one: when all passed, of the limit that is closest to exhausted (smallest
 * `remaining / limit`); when refused, of the check that has to wait longest. `checks` has them all.
 *
 * One is made for every check of a process, so it holds the engine's integers as they came and computes on demand what
 * is asked for. `JSON.stringify` and `console.log` show everything.
 */
export class Decision implements DecisionData {
  readonly #shown: ShownCheck
  /** Left out for a single `consume`. */
  readonly #request: DecidedRequest | undefined
  /** Who decided. */
  readonly source: Source

  /**
   * Of one `consume` without override or lease, or of the check whose numbers are to be shown: `of` finds that. The check
   * is one record: V8 does not compile a constructor of so many private fields into its callers, and that costs more.
   *
   * @param request left out for a single `consume`
   */
  constructor(shown: ShownCheck, source: Source, request?: DecidedRequest) {
    this.#shown = shown
    this.#request = request
    this.source = source
  }

  /**
   * The Decision of a request: chooses the check to show.
   *
   * @param source who decided, where the outcome does not tell
   */
  static of(checks: readonly AskedCheck[], outcome: Outcome, source: Source): Decision {
    const shown = shownAt(checks, outcome)
    const { subject, limit } = checks[shown] as AskedCheck
    const { status, granted, remaining, waitUs, resetUs } = outcome.checks[shown] as CheckOutcome
    const check = {
      limit: outcome.fallback?.limits[shown] ?? limit,
      subject,
      status,
      granted,
      remaining,
      waitUs,
      resetUs,
      nowUs: outcome.nowUs,
    }
    return new Decision(check, outcome.source ?? source, { checks, outcome })
  }

  get allowed(): boolean {
    return this.#shown.status === Status.allowed
  }

  get reason(): Reason {
    return reasonOf(this.#shown.status)
  }

  /** Name of the policy whose numbers these are. */
  get policy(): string {
    return this.#shown.limit.policy
  }

  /** Units per window, as configured or as overridden by the call. */
  get limit(): number {
    return this.#shown.limit.limit
  }

  /** Largest cost that passes now, >= 0. */
  get remaining(): number {
    return this.#shown.remaining
  }

  /** Refused: ms until this very cost passes if nobody else calls, rounded up. Allowed: 0. */
  get retryAfterMs(): number {
    return this.allowed ? 0 : toMs(this.#shown.waitUs)
  }

  /** ms until the state equals that of a subject never seen, rounded up. */
  get resetAfterMs(): number {
    return toMs(this.#shown.resetUs)
  }

  /** ms to hold the call back before doing it, rounded up. 0 except for a `leaky_bucket` that shapes. */
  get delayMs(): number {
    return this.allowed ? toMs(this.#shown.waitUs) : 0
  }

  /** What `refund` needs to give these units back; undefined when nothing was charged. */
  get receipt(): Receipt | undefined {
    return this.allowed ? receiptOf(this.#decided(), this.#shown.nowUs) : undefined
  }

  /** Every check's own state, in the order they were made. */
  get checks(): readonly CheckState[] {
    return this.#decided().map(check => checkState(check, this.allowed))
  }

  /** The same request, refused to somebody who cannot wait as long as it takes. @param waitMs what takes as long, >= 1 */
  refusedFor(waitMs: number): Decision {
    const decided = this.#decided()
    const shown = shownAt(decided, { nowUs: this.#shown.nowUs, checks: decided })
    const verdict = decided[shown] as Decided
    const status = this.allowed ? Status.denied : verdict.status
    const refused = { ...verdict, status, granted: 0, waitUs: Math.ceil(waitMs * 1000) }
    const outcome = { nowUs: this.#shown.nowUs, checks: decided.with(shown, refused) }
    return Decision.of(decided, outcome, this.source)
  }

  toJSON(): DecisionData {
    const { allowed, reason, policy, limit, remaining, retryAfterMs, resetAfterMs, delayMs, source } = this
    const { receipt, checks } = this
    return {
      allowed,
      reason,
      policy,
      limit,
      remaining,
      retryAfterMs,
      resetAfterMs,
      delayMs,
      source,
      receipt,
      checks,
    }
  }

  [Symbol.for('nodejs.util.inspect.custom')](
    _depth: number,
    options: object,
    inspect: (value: unknown, options: object) => string,
  ): string {
    return `Decision ${inspect(this.toJSON(), options)}`
  }

  #decided(): readonly Decided[] {
    if (this.#request !== undefined) return decidedChecks(this.#request.checks, this.#request.outcome)
    const { limit, subject, status, granted, remaining, waitUs, resetUs } = this.#shown
    return [{ limit, subject, op: Op.consume, status, granted, remaining, waitUs, resetUs }]
  }
}
