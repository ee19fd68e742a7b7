import { systemClock } from '../../core/time.js'
import type { Decision } from '../../decision.js'
import { isSluiceError } from '../../errors.js'
import { warnProcess } from '../../events.js'
import { AtOnce } from '../../limiter/at-once.js'
import type { Limiter } from '../../limiter/types.js'
import { ANONYMOUS, defaultSubject, type McpExtra, type McpRequest } from './mcp-call.js'
import type { McpLimitOptions } from './mcp-options.js'
import { impossible, type McpRefusal, refusalOf, unavailable } from './mcp-refusal.js'
import { type McpCheck, McpRules } from './mcp-rules.js'

/** The limits of a server. */
export class McpLimit {
  readonly #rules: McpRules
  readonly #atOnce: AtOnce
  readonly #options: McpLimitOptions
  readonly #signalClient: boolean

  constructor(options: McpLimitOptions) {
    this.#rules = McpRules.of(options)
    this.#atOnce = new AtOnce(this.#rules.limiter)
    this.#options = options
    this.#signalClient = options.signalClient ?? true
  }

  get limiter(): Limiter {
    return this.#rules.limiter
  }

  get ownsLimiter(): boolean {
    return this.#rules.ownsLimiter
  }

  /**
   * Decides a request.
   *
   * @returns how it is refused; undefined: it goes on
   */
  async refuse(request: McpRequest, extra: McpExtra): Promise<McpRefusal | undefined> {
    const checks = this.#rules.checksOf(request)
    if (checks.length === 0) return undefined
    try {
      const { skip, cost } = this.#options
      if (skip !== undefined && (await skip(extra, request))) return undefined
      const units = cost === undefined ? 1 : await cost(request, extra)
      if (units === 0) return undefined
      const { subject: subjectOf } = this.#options
      const subject =
        subjectOf === undefined
          ? defaultSubject(extra).toWellFormed()
          : await this.#subjectOf(subjectOf, request, extra)
      const asked = this.#decide(checks, subject, units, extra.signal)
      const decision = asked instanceof Promise ? await asked : asked
      if (decision.allowed) return undefined
      return refusalOf(decision, checks, systemClock.nowUs() / 1000, this.#signalClient)
    } catch (error) {
      // The request was cancelled: nobody reads an answer.
      if (extra.signal?.aborted) throw error
      if (isSluiceError(error, 'ERR_SLUICE_COST_IMPOSSIBLE')) return impossible(error, this.#signalClient)
      // Nobody passes because a limit failed.
      warnProcess(`limitMcp: a request of ${request.method} could not be counted and was refused`, error)
      return unavailable()
    }
  }

  #decide(
    checks: readonly McpCheck[],
    subject: string,
    cost: number,
    signal: AbortSignal | undefined,
  ): Decision | Promise<Decision> {
    const { maxWait } = this.#options
    const items = checks.map(({ policy, name }) => ({ policy, subject: { subject, name }, cost }))
    if (maxWait !== undefined) {
      return this.limiter.waitAll(items, signal === undefined ? { maxWait } : { maxWait, signal })
    }
    const [only] = items
    if (only !== undefined && items.length === 1) {
      return this.#atOnce.check(only.policy, only.subject, cost === 1 ? undefined : { cost })
    }
    return this.#atOnce.checkAll(items)
  }

  /** Somebody whom nothing tells apart is `anonymous`: limited with all others of whom nothing is known. */
  async #subjectOf(
    subjectOf: NonNullable<McpLimitOptions['subject']>,
    request: McpRequest,
    extra: McpExtra,
  ): Promise<string> {
    try {
      const subject: unknown = await subjectOf(extra, request)
      if (typeof subject === 'string' && subject !== '') return subject.toWellFormed()
      if (subject === undefined || subject === '') return ANONYMOUS
      throw new TypeError(`'subject' answered a ${typeof subject}, not a text`)
    } catch (error) {
      warnProcess(`limitMcp: 'subject' failed, and the request counts as '${ANONYMOUS}'`, error)
      return ANONYMOUS
    }
  }
}
