import { setTimeout as delay } from 'node:timers/promises'
import { systemClock } from '../../core/time.js'
import type { Decision } from '../../decision.js'
import { isSluiceError } from '../../errors.js'
import type { Limiter } from '../../limiter/types.js'
import type { Subject } from '../../subject.js'
import type { RequestConfig } from '../options/read-options.js'
import type { CheckOptions } from '../options/request-options.js'
import type { RequestAdapter } from './adapter.js'
import { decidedGround, lastingGround, refuse } from './refusal.js'
import { Ruling } from './ruling.js'
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
  readonly #adapter: RequestAdapter<A, R>
  readonly #address: SubjectAddress<A>
  readonly #shadow: Shadow<A>

  constructor(config: RequestConfig<A, R, H>, adapter: RequestAdapter<A, R>) {
    this.config = config
    this.#adapter = adapter
    this.#address = new SubjectAddress(config, adapter)
    const watching = config.checks.filter(({ shadow }) => shadow).map(({ policy }) => policy)
    this.#shadow = new Shadow(watching, config.onShadow)
  }

  get limiter(): Limiter {
    return this.config.limiter
  }

  /** What the policies that only watch would have done, by policy. */
  get shadow(): Readonly<Record<string, ShadowCounts>> {
    return this.#shadow.counts
  }

  /**
   * Decides a request. Rejects with what a function of the options throws, and with the errors of a limiter.
   *
   * @returns undefined for a request that is not limited
   */
  async decide(...args: A): Promise<Ruling<A, R> | undefined> {
    const { skip, allow, deny, checks } = this.config
    if (skip !== undefined) {
      const skipped = skip(...args)
      if (typeof skipped === 'boolean' ? skipped : await skipped) return undefined
    }
    if (allow !== undefined || deny !== undefined) {
      const address = this.#address.find(...args) ?? ''
      if (deny?.has(address)) return this.#refuseForEver(args, 'forbidden', [])
      if (allow?.has(address)) return undefined
    }
    const settlement = new Settlement<A, R>(this.limiter, args)
    const deciding: Item<A, R>[] = []
    for (const check of checks) {
      if (check.shadow) {
        settlement.add(check, this.#shadow.watch(check.policy, this.#watch(check, args), args))
        continue
      }
      const item = await this.#itemOf(check, args)
      if (item === undefined) continue
      if (item.limit === 0) return this.#refuseForEver(args, 'quota-exceeded', [item.policy])
      deciding.push(item)
    }
    if (deciding.length === 0)
      return settlement.isEmpty ? undefined : new Ruling(undefined, undefined, settlement)
    return this.#decideAll(deciding, args, settlement)
  }

  async #decideAll(
    items: readonly Item<A, R>[],
    args: A,
    settlement: Settlement<A, R>,
  ): Promise<Ruling<A, R>> {
    let decision: Decision
    try {
      const [first] = items as readonly [Item<A, R>]
      decision = await (items.length === 1
        ? this.#check(first)
        : this.limiter.checkAll(items.map(toCheckItem)))
    } catch (error) {
      if (!isSluiceError(error, 'ERR_SLUICE_COST_IMPOSSIBLE')) throw error
      const detail = `It costs ${error.cost}, and at most ${error.capacity} can ever pass at once.`
      return this.#refuseForEver(args, 'quota-exceeded', [error.policy], detail)
    }
    const { writeFields } = this.config
    const told = { decision, nowMs: systemClock.nowUs() / 1000, writeFields }
    if (!decision.allowed)
      return new Ruling(told, await refuse(decidedGround(decision), this.config, args), settlement)
    for (const { check } of items) settlement.add(check, decision)
    if (decision.delayMs > 0) await this.#holdBack(decision, args)
    return new Ruling(told, undefined, settlement)
  }

  /** Undefined where there is nothing to check. */
  async #itemOf(check: CheckOptions<A, R>, args: A): Promise<Item<A, R> | undefined> {
    const { policy, skip, key } = check
    if (skip !== undefined && (await skip(...args))) return undefined
    const cost = typeof check.cost === 'function' ? await check.cost(...args) : check.cost
    if (cost === 0) return undefined
    const limit = typeof check.limit === 'function' ? await check.limit(...args) : check.limit
    if (key === undefined) return { check, policy, subject: this.#address.key(policy, ...args), cost, limit }
    const subject = key(...args)
    return {
      check,
      policy,
      subject: wellFormed(subject instanceof Promise ? await subject : subject),
      cost,
      limit,
    }
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

  /** A shaped call is done when its turn has come. Whoever leaves the queue frees the place. */
  async #holdBack(decision: Decision, args: A): Promise<void> {
    const gone = new AbortController()
    const forget = this.#adapter.onGone(() => gone.abort(), ...args)
    try {
      await delay(decision.delayMs, undefined, { signal: gone.signal })
    } catch (error) {
      if (decision.receipt !== undefined) this.limiter.refund(decision.receipt).catch(() => {})
      throw error
    } finally {
      forget()
    }
  }

  async #refuseForEver(args: A, ...ground: Parameters<typeof lastingGround>): Promise<Ruling<A, R>> {
    const refused = await refuse(lastingGround(...ground), this.config, args)
    return new Ruling(undefined, refused, new Settlement<A, R>(this.limiter, args))
  }
}

const toCheckItem = ({ policy, subject, cost, limit }: Item<never, never>) => ({
  policy,
  subject,
  ...(cost !== undefined && { cost }),
  ...(limit !== undefined && { limit }),
})
