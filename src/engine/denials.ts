import { capacity } from '../core/plan.js'
import { Op, Status } from '../core/step.js'
import type { Check, CheckOutcome, Outcome } from './engine.js'

const isRefusal = ({ status }: CheckOutcome): boolean => status === Status.denied || status === Status.blocked

/** Refused, and not failed. Asked about every outcome, so it allocates nothing. */
function isRefused(checks: readonly CheckOutcome[]): boolean {
  let refused = false
  for (const said of checks) {
    if (said.status < 0) return false
    if (isRefusal(said)) refused = true
  }
  return refused
}

/** A refused request, and what was said of it. */
export class Denial {
  /** Before the request was handed to the connection, us on the clock of the cache. */
  readonly sentUs: number
  /** Settles when it is known whether the denial, too old to be believed, still holds. */
  successor: Promise<unknown> | undefined
  readonly #request: readonly Check[]
  readonly #outcome: Outcome
  /** Until the first of the checks that refused might pass. */
  readonly #waitUs: number

  constructor(request: readonly Check[], outcome: Outcome, sentUs: number) {
    this.sentUs = sentUs
    this.#request = request
    this.#outcome = outcome
    let waitUs = Infinity
    for (const said of outcome.checks) if (isRefusal(said)) waitUs = Math.min(waitUs, said.waitUs)
    this.#waitUs = waitUs
  }

  /** Whether this is sure to be refused as well: the same checks, those that refused of at least the same cost. */
  covers(request: readonly Check[]): boolean {
    const { checks } = this.#outcome
    return (
      request.length === this.#request.length &&
      request.every(({ plan, subject, op, n }, i) => {
        const own = this.#request[i] as Check
        const said = checks[i] as CheckOutcome
        if (plan !== own.plan || subject !== own.subject || op !== Op.consume) return false
        // Whoever asks for more than can ever pass has to be told so.
        if (n > own.n && n > capacity(plan)) return false
        if (said.status === Status.denied) return n >= own.n
        return said.status === Status.blocked || n === own.n
      })
    )
  }

  /** Whether it was made under the plan that this check has for its key. */
  isUnderPlanOf({ limit, plan, subject }: Check): boolean {
    return this.#request.some(
      own => own.limit.slot === limit.slot && own.subject === subject && own.plan === plan,
    )
  }

  holdsAt(nowUs: number): boolean {
    return nowUs >= this.sentUs && nowUs < this.sentUs + this.#waitUs
  }

  /** What was said, with its times counted down. Units are as they were. */
  outcomeAt(nowUs: number): Outcome {
    const elapsedUs = nowUs - this.sentUs
    const { nowUs: decidedUs, checks } = this.#outcome
    return {
      nowUs: decidedUs + elapsedUs,
      checks: checks.map(said => ({
        ...said,
        waitUs: isRefusal(said) ? said.waitUs - elapsedUs : said.waitUs,
        resetUs: Math.max(0, said.resetUs - elapsedUs),
      })),
      source: 'deny-cache',
    }
  }
}

/** Denials by the keys that refused, at most so many: the oldest go first. */
export class Denials {
  readonly #maxKeys: number
  /** By `Limit.slot` and subject. */
  readonly #tables: Map<string, Denial>[] = []
  #size = 0

  constructor(maxKeys: number) {
    this.#maxKeys = maxKeys
  }

  get size(): number {
    return this.#size
  }

  /** A denial of such a request. One made under another plan of the same key is forgotten: writes of two plans mix. */
  find(request: readonly Check[]): Denial | undefined {
    if (this.#size === 0) return undefined
    for (const check of request) {
      const denial = this.#tables[check.limit.slot]?.get(check.subject)
      if (denial === undefined) continue
      if (denial.covers(request)) return denial
      if (!denial.isUnderPlanOf(check)) this.#forget(check)
    }
    return undefined
  }

  /** Takes note of a denial, unless waiting is not what it takes: units of `concurrency` come back when a holder is done. */
  remember(request: readonly Check[], outcome: Outcome, sentUs: number): void {
    const { checks } = outcome
    if (!isRefused(checks) || checks.length !== request.length) return
    if (request.some(({ op }) => op !== Op.consume)) return
    const refused = request.filter((_, i) => isRefusal(checks[i] as CheckOutcome))
    if (refused.some(({ plan }) => plan.algorithm === 'concurrency')) return
    const denial = new Denial(request, outcome, sentUs)
    for (const check of refused) this.#put(check, denial)
  }

  /** Forgets what is known of the keys of these checks. */
  forget(request: readonly Check[]): void {
    if (this.#size === 0) return
    for (const check of request) this.#forget(check)
  }

  /** Forgets this very denial, unless a newer one has taken its place. */
  forgetDenial(denial: Denial, request: readonly Check[]): void {
    for (const check of request) {
      if (this.#tables[check.limit.slot]?.get(check.subject) === denial) this.#forget(check)
    }
  }

  clear(): void {
    this.#tables.length = 0
    this.#size = 0
  }

  #put(check: Check, denial: Denial): void {
    const { slot } = check.limit
    this.#forget(check)
    if (this.#size >= this.#maxKeys) this.#evict(slot)
    let table = this.#tables[slot]
    if (table === undefined) {
      table = new Map()
      this.#tables[slot] = table
    }
    table.set(check.subject, denial)
    this.#size++
  }

  #forget({ limit, subject }: Check): void {
    if (this.#tables[limit.slot]?.delete(subject)) this.#size--
  }

  /** The oldest of the same limit, or of any where this one has none. */
  #evict(slot: number): void {
    const own = this.#tables[slot]
    const table = own !== undefined && own.size > 0 ? own : this.#tables.find(other => other?.size > 0)
    const oldest = table?.keys().next()
    if (oldest === undefined || oldest.done) return
    table?.delete(oldest.value)
    this.#size--
  }
}
