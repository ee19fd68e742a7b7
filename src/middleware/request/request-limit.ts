import { systemClock } from '../../core/time.js'
import type { Decision } from '../../decision.js'
import { isSluiceError } from '../../errors.js'
import { AtOnce } from '../../limiter/at-once.js'
import type { Limiter } from '../../limiter/types.js'
import type { Subject } from '../../subject.js'
import { Waits, writeBackpressure } from '../headers/backpressure.js'
import type { RequestConfig } from '../options/read-options.js'
import type { Awaitable, CheckOptions } from '../options/request-options.js'
import type { RequestAdapter } from './adapter.js'
import { Counting } from './counting.js'
import { HoldBack } from './hold-back.js'
import { RateLimitInfo } from './rate-limit-info.js'
import { decidedGround, lastingGround, refuse } from './refusal.js'
import { CLIENT_LEFT, type Ruled, Ruling, type WriteDecision } from './ruling.js'
import { Settlement } from './settlement.js'
import { Shadow, type ShadowCounts } from './shadow.js'
import { SubjectAddress } from './subject-address.js'
import { wellFormed } from './well-formed.js'

/** One check of this request, as the limiter takes it. */
interface Item<A extends readonly unknown[], R> {
  readonly check: CheckOptions<A, R>
  readonly policy: string
  readonly subject: Subject
  readonly cost: number | undefined
  readonly limit: number | undefined
}

/** The limits of a route: what every adapter asks, whatever its framework. */
export class RequestLimit<A extends readonly unknown[], R, H> {
  readonly config: RequestConfig<A, R, H>
  readonly #address: SubjectAddress<A>
  readonly #shadow: Shadow<A>
  readonly #holdBack: HoldBack<A>
  readonly #writeFields: WriteDecision
  /** The only check, where there is nothing to ask but its key: most limits are that. */
  readonly #direct: CheckOptions<A, R> | undefined
  readonly #atOnce: AtOnce
  readonly #counting: Counting

  constructor(config: RequestConfig<A, R, H>, adapter: RequestAdapter<A, R>) {
    this.config = config
    this.#address = new SubjectAddress(config, adapter)
    const watching = config.checks.filter(({ shadow }) => shadow).map(({ policy }) => policy)
    this.#shadow = new Shadow(watching, config.onShadow)
    this.#holdBack = new HoldBack(config.limiter, adapter)
    this.#writeFields = fieldsOf(config)
    this.#direct = directCheck(config)
    this.#atOnce = new AtOnce(config.limiter)
    const policies = config.checks.map(({ policy }) => policy)
    this.#counting = new Counting(config.limiter, policies, adapter.place, config.validates)
  }

  get limiter(): Limiter {
    return this.config.limiter
  }

  /** What the policies that only watch would have done, by policy. */
  get shadow(): Readonly<Record<string, ShadowCounts>> {
    return this.#shadow.counts
  }

  /**
   * Decides a request, without a promise where none is needed. Throws, or rejects with, what a function of the options throws
   * and the errors of a limiter.
   */
  decide(...args: A): Awaitable<Ruled<A, R>> {
    const check = this.#direct
    if (check === undefined) return this.#decideFully(args)
    const { policy, key } = check
    const subject = key === undefined ? this.#address.key(policy, args) : key(...args)
    if (typeof subject !== 'string') return this.#decideLater(check, subject, args)
    const asked = this.#atOnce.check(policy, subject.toWellFormed())
    if (asked instanceof Promise) return asked.then(decision => this.#ruleOne(decision, check, args))
    return this.#ruleOne(asked, check, args)
  }

  async #decideLater(check: CheckOptions<A, R>, key: Awaitable<Subject>, args: A): Promise<Ruled<A, R>> {
    const subject = wellFormed(key instanceof Promise ? await key : key)
    return this.#ruleOne(await this.limiter.check(check.policy, subject), check, args)
  }

  /** Without a promise where the request just goes on. */
  #ruleOne(decision: Decision, check: CheckOptions<A, R>, args: A): Awaitable<Ruled<A, R>> {
    if (!decision.allowed || decision.delayMs > 0) return this.#rule(decision, [check], args)
    return this.#admit(decision, this.#settlementOf([check], decision, args))
  }

  async #decideFully(args: A): Promise<Ruled<A, R>> {
    const { skip, allow, deny, checks } = this.config
    if (skip !== undefined && (await skip(...args))) return undefined
    if (allow !== undefined || deny !== undefined) {
      const address = this.#address.find(args) ?? ''
      if (deny?.has(address)) return this.#refuseForEver(args, lastingGround('forbidden', []))
      if (allow?.has(address)) return undefined
    }
    const items: Item<A, R>[] = []
    for (const check of checks) {
      if (check.shadow) continue
      const item = await this.#itemOf(check, args)
      if (item === undefined) continue
      items.push(item)
      if (item.limit === 0) break
    }
    const watching = this.#watchAll(args)
    try {
      const ruling = await this.#ruleAll(items, watching, args)
      if (ruling === CLIENT_LEFT) await watching.giveBack()
      return ruling
    } catch (error) {
      // A request of which nothing is decided has no response to go by.
      await watching.giveBack()
      throw error
    }
  }

  /** Begins what only watches. @returns what of it is to be settled, whatever becomes of the request */
  #watchAll(args: A): Settlement<A, R> {
    const watching = new Settlement<A, R>(this.limiter, args)
    for (const check of this.config.checks) {
      if (check.shadow) watching.add(check, this.#shadow.watch(check.policy, this.#watch(check, args), args))
    }
    return watching
  }

  async #ruleAll(items: readonly Item<A, R>[], watching: Settlement<A, R>, args: A): Promise<Ruled<A, R>> {
    const [first] = items
    if (first === undefined) {
      return watching.isEmpty ? undefined : new Ruling(undefined, undefined, undefined, watching)
    }
    const closed = items.find(({ limit }) => limit === 0)
    if (closed !== undefined) {
      return this.#refuseForEver(args, lastingGround('quota-exceeded', [closed.policy]), watching)
    }
    try {
      const decision = await this.#checkOrWait(first, items, args)
      if (decision === undefined) return CLIENT_LEFT
      const deciding = items.map(({ check }) => check)
      return await this.#rule(decision, deciding, args, watching)
    } catch (error) {
      if (!isSluiceError(error, 'ERR_SLUICE_COST_IMPOSSIBLE')) throw error
      const detail = `It costs ${error.cost}, and at most ${error.capacity} can ever pass at once.`
      return this.#refuseForEver(args, lastingGround('quota-exceeded', [error.policy], detail), watching)
    }
  }

  /** @param settlement what is to be settled already */
  async #rule(
    decision: Decision,
    checks: readonly CheckOptions<A, R>[],
    args: A,
    settlement?: Settlement<A, R>,
  ): Promise<Ruled<A, R>> {
    if (!decision.allowed) {
      const info = new RateLimitInfo(decision, nowMs(), this.#counting)
      const refused = await refuse(decidedGround(decision), this.config, args)
      return new Ruling(info, this.#writeFields, refused, settlement)
    }
    const isHeldBack = decision.delayMs > 0 && this.config.maxWait === undefined
    if (isHeldBack && !(await this.#holdBack.untilItsTurn(decision, args))) return CLIENT_LEFT
    return this.#admit(decision, this.#settlementOf(checks, decision, args, settlement))
  }

  #admit(decision: Decision, settlement: Settlement<A, R> | undefined): Ruling<A, R> {
    return new Ruling(
      new RateLimitInfo(decision, nowMs(), this.#counting),
      this.#writeFields,
      undefined,
      settlement,
    )
  }

  #settlementOf(
    checks: readonly CheckOptions<A, R>[],
    decision: Decision,
    args: A,
    begun?: Settlement<A, R>,
  ): Settlement<A, R> | undefined {
    let settlement = begun
    for (const check of checks) {
      if (check.countWhen === undefined) continue
      settlement ??= new Settlement(this.limiter, args)
      settlement.add(check, decision)
    }
    return settlement
  }

  /** Undefined where there is nothing to check. */
  async #itemOf(check: CheckOptions<A, R>, args: A): Promise<Item<A, R> | undefined> {
    const { policy, skip, key } = check
    if (skip !== undefined && (await skip(...args))) return undefined
    const cost = typeof check.cost === 'function' ? await check.cost(...args) : check.cost
    if (cost === 0) return undefined
    const limit = typeof check.limit === 'function' ? await check.limit(...args) : check.limit
    if (key === undefined) return { check, policy, subject: this.#address.key(policy, args), cost, limit }
    const subject = key(...args)
    return {
      check,
      policy,
      subject: wellFormed(subject instanceof Promise ? await subject : subject),
      cost,
      limit,
    }
  }

  /** Undefined where the client has left while it waited. */
  #checkOrWait(first: Item<A, R>, items: readonly Item<A, R>[], args: A): Promise<Decision | undefined> {
    const { maxWait } = this.config
    if (maxWait !== undefined) return this.#holdBack.wait(items.map(toCheckItem), maxWait, args)
    return items.length === 1 ? this.#check(first) : this.limiter.checkAll(items.map(toCheckItem))
  }

  #check({ policy, subject, cost, limit }: Item<A, R>): Promise<Decision> {
    if (cost === undefined && limit === undefined) return this.limiter.check(policy, subject)
    return this.limiter.check(policy, subject, {
      ...(cost !== undefined && { cost }),
      ...(limit !== undefined && { limit }),
    })
  }

  /** Undefined where the check is left out. A limit of 0 refuses everything: there is nothing to watch. */
  async #watch(check: CheckOptions<A, R>, args: A): Promise<Decision | undefined> {
    const item = await this.#itemOf(check, args)
    return item === undefined || item.limit === 0 ? undefined : this.#check(item)
  }

  async #refuseForEver(
    args: A,
    ground: ReturnType<typeof lastingGround>,
    settlement?: Settlement<A, R>,
  ): Promise<Ruling<A, R>> {
    return new Ruling(undefined, undefined, await refuse(ground, this.config, args), settlement)
  }
}

const nowMs = (): number => systemClock.nowUs() / 1000

/** What clients are told of a decision. */
function fieldsOf({
  writeFields,
  backpressureHeader,
  limiter,
}: Pick<
  RequestConfig<never, never, unknown>,
  'writeFields' | 'backpressureHeader' | 'limiter'
>): WriteDecision {
  if (backpressureHeader === undefined) return writeFields
  const waits = Waits.of(limiter)
  return (decision, nowMs, set) => {
    writeFields(decision, nowMs, set)
    if (decision.allowed && !waits.isHeldBack(decision)) return
    writeBackpressure(backpressureHeader, decision, nowMs, set)
  }
}

function directCheck<A extends readonly unknown[], R>({
  skip,
  allow,
  deny,
  checks,
  maxWait,
}: Pick<RequestConfig<A, R, unknown>, 'skip' | 'allow' | 'deny' | 'checks' | 'maxWait'>):
  | CheckOptions<A, R>
  | undefined {
  const [check] = checks
  if (check === undefined || checks.length > 1) return undefined
  const asks = [skip, allow, deny, maxWait, check.skip, check.cost, check.limit, check.shadow || undefined]
  return asks.every(asked => asked === undefined) ? check : undefined
}

const toCheckItem = ({ policy, subject, cost, limit }: Item<never, never>) => ({
  policy,
  subject,
  ...(cost !== undefined && { cost }),
  ...(limit !== undefined && { limit }),
})
