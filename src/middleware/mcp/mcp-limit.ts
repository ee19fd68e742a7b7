import { systemClock } from '../../core/time.js'
import type { Decision } from '../../decision.js'
import { CheckError, isSluiceError } from '../../errors.js'
import { warnProcess } from '../../events.js'
import { AtOnce } from '../../limiter/at-once.js'
import type { Limiter } from '../../limiter/types.js'
import { kindOf, show } from '../../policy/refusal.js'
import { Waits } from '../headers/backpressure.js'
import type { ShadowCounts } from '../request/shadow.js'
import { ANONYMOUS, defaultSubject, HANDSHAKE, type McpExtra, type McpRequest } from './mcp-call.js'
import { McpGateway } from './mcp-gateway.js'
import type { McpLimitOptions } from './mcp-options.js'
import {
  headerFields,
  impossible,
  type McpRefusal,
  type McpRefusalData,
  type McpSignal,
  placeOf,
  refusalOf,
  unavailable,
} from './mcp-refusal.js'
import { type McpCheck, McpRules } from './mcp-rules.js'
import { McpSettlement } from './mcp-settlement.js'

/** What becomes of a request; neither: it goes on. */
export interface McpRuling {
  readonly refusal?: McpRefusal
  /** It goes on, and had to wait: what its client is told. */
  readonly heldBack?: Pick<McpRefusalData, 'headers'>
  /** It is to be settled when the handler has ended. */
  readonly settlement?: McpSettlement
}

const GOES_ON: McpRuling = {}

/** The limits of a server. */
export class McpLimit {
  readonly #options: McpLimitOptions
  readonly #signal: McpSignal
  /** One of both. */
  readonly #rules: McpRules | undefined
  readonly #gateway: McpGateway | undefined
  readonly #atOnce: AtOnce
  readonly #shadow = { allowed: 0, refused: 0, failed: 0 }
  /** Of use only where somebody is told. */
  readonly #waits: Waits | undefined

  constructor(options: McpLimitOptions) {
    const { gateway, identify, signalClient = true, backpressureHeader } = options
    this.#options = options
    this.#signal = { signalsClient: signalClient, backpressureHeader }
    this.#gateway = gateway && new McpGateway(gateway, identify)
    this.#rules = gateway === undefined ? McpRules.of(options) : undefined
    this.#atOnce = new AtOnce(this.limiter)
    this.#waits = backpressureHeader === undefined ? undefined : Waits.of(this.limiter)
  }

  get limiter(): Limiter {
    return (this.#rules ?? (this.#gateway as McpGateway).limits).limiter
  }

  /** What counts: the same for the same limits of one limiter. */
  get countsBy(): object {
    return this.#rules ?? (this.#gateway as McpGateway).limits
  }

  /** The limiter is nobody else's. */
  get ownsLimiter(): boolean {
    return this.#rules?.ownsLimiter === true
  }

  /** What limits that only watch would have done. */
  get shadow(): ShadowCounts {
    return { ...this.#shadow }
  }

  /** Decides a request. */
  async decide(request: McpRequest, extra: McpExtra): Promise<McpRuling> {
    const checks = this.#rules?.checksOf(request)
    if (checks === undefined ? HANDSHAKE.has(request.method) : checks.length === 0) return GOES_ON
    try {
      const { skip, cost } = this.#options
      if (skip !== undefined && (await skip(extra, request))) return GOES_ON
      const units = cost === undefined ? 1 : await cost(request, extra)
      if (units === 0) return GOES_ON
      if (checks === undefined) return await this.#decideByGateway(request, extra, units)
      const { subject: subjectOf } = this.#options
      const subject =
        subjectOf === undefined
          ? defaultSubject(extra).toWellFormed()
          : await this.#subjectOf(subjectOf, request, extra)
      const asked = this.#ask(checks, subject, units, extra.signal)
      const decision = asked instanceof Promise ? await asked : asked
      if (this.#options.shadow === true) return this.#watched(decision, request, extra)
      if (decision.allowed) return this.#goesOn(decision)
      return this.#refused(decision, placeOf(checks.find(({ policy }) => policy === decision.policy)))
    } catch (error) {
      if (this.#options.shadow === true) {
        this.#shadow.failed++
        return GOES_ON
      }
      // The request was cancelled: nobody reads an answer.
      if (extra.signal?.aborted) throw error
      if (isSluiceError(error, 'ERR_SLUICE_COST_IMPOSSIBLE'))
        return { refusal: impossible(error, this.#signal) }
      // Nobody passes because a limit failed.
      warnProcess(
        `limitMcp: a request of ${show(request.method)} could not be counted and was refused`,
        error,
      )
      return { refusal: unavailable() }
    }
  }

  async #decideByGateway(request: McpRequest, extra: McpExtra, cost: number): Promise<McpRuling> {
    const gateway = this.#gateway as McpGateway
    const decided = await gateway.decide(request, extra, cost, this.#options.maxWait)
    if (decided === undefined) return GOES_ON
    const { decision, place } = decided
    if (this.#options.shadow === true) return this.#watched(decision, request, extra)
    return decision.allowed ? this.#goesOn(decision) : this.#refused(decision, place)
  }

  #goesOn(decision: Decision): McpRuling {
    const isTold = this.#waits?.isHeldBack(decision) === true
    const settlement = this.#settlementOf(decision)
    if (!isTold && settlement === undefined) return GOES_ON
    return {
      ...(isTold && { heldBack: headerFields(decision, this.#signal.backpressureHeader, nowMs()) }),
      ...(settlement !== undefined && { settlement }),
    }
  }

  #settlementOf(decision: Decision): McpSettlement | undefined {
    const { countWhen } = this.#options
    // Before its receipt is asked for, which is made then.
    if (countWhen === undefined) return undefined
    const { receipt } = decision
    return receipt === undefined ? undefined : new McpSettlement(this.limiter, receipt, countWhen)
  }

  #watched(decision: Decision, request: McpRequest, extra: McpExtra): McpRuling {
    this.#shadow[decision.allowed ? 'allowed' : 'refused']++
    try {
      this.#options.onShadow?.({ ...decision.toJSON(), source: 'shadow' }, request, extra)
    } catch (error) {
      warnProcess("limitMcp: 'onShadow' failed", error)
    }
    const settlement = this.#settlementOf(decision)
    return settlement === undefined ? GOES_ON : { settlement }
  }

  #refused(decision: Decision, place: Pick<McpRefusalData, 'scope' | 'key'>): McpRuling {
    return { refusal: refusalOf(decision, place, nowMs(), this.#signal) }
  }

  #ask(
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
      throw new CheckError(`'subject' answered ${kindOf(subject)}, not a text`)
    } catch (error) {
      warnProcess(`limitMcp: 'subject' failed, and the request counts as '${ANONYMOUS}'`, error)
      return ANONYMOUS
    }
  }
}

const nowMs = (): number => systemClock.nowUs() / 1000
