import type { Decision } from '../../decision.js'
import { warnProcess } from '../../events.js'
import type { Limiter } from '../../limiter/types.js'

/** Who counts requests: tells, once, of one that is counted twice. */
export class Counting {
  readonly #limiter: Limiter
  readonly #policies: ReadonlySet<string>
  readonly #place: string
  #isQuiet: boolean

  /** @param validates `false`: says nothing */
  constructor(limiter: Limiter, policies: Iterable<string>, place: string, validates: boolean) {
    this.#limiter = limiter
    this.#policies = new Set(policies)
    this.#place = place
    this.#isQuiet = !validates
  }

  /**
   * Compares with what counted the same request before.
   *
   * @param decision of this one
   * @param before of the other one
   */
  compare(decision: Decision, other: Counting, before: Decision): void {
    if (this.#isQuiet) return
    const policy = this === other ? decision.policy : this.#countedByBoth(decision, other, before)
    if (policy === undefined) return
    this.#isQuiet = true
    warnProcess(
      `${this.#place}: policy '${policy}' counted one request twice: the same limit is on its way twice, such as by app.use ` +
        `and again on the route, or by a plugin that is registered twice; use it once, or accept it by 'validate: false'`,
      undefined,
      'WARN_SLUICE_COUNTED_TWICE',
    )
  }

  /** A policy and subject that were charged by both: the same policy may count the address here and the user there. */
  #countedByBoth(decision: Decision, other: Counting, before: Decision): string | undefined {
    if (this.#limiter !== other.#limiter || this.#policies.isDisjointFrom(other.#policies)) return undefined
    const charged = before.receipt?.charges ?? []
    const twice = decision.receipt?.charges.find(({ policy, subject }) =>
      charged.some(charge => charge.policy === policy && charge.subject === subject),
    )
    return twice?.policy
  }
}
