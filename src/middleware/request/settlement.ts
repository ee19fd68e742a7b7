import type { Decision } from '../../decision.js'
import { warnProcess } from '../../events.js'
import type { Limiter } from '../../limiter/types.js'
import type { CheckOptions } from '../options/request-options.js'

interface Pending<A extends readonly unknown[], R> {
  readonly check: CheckOptions<A, R>
  readonly decision: Decision | Promise<Decision | undefined>
}

/** What a request was charged, until its response tells whether it counts. */
export class Settlement<A extends readonly unknown[], R> {
  readonly #limiter: Limiter
  readonly #args: A
  #pending: Pending<A, R>[] | undefined

  constructor(limiter: Limiter, args: A) {
    this.#limiter = limiter
    this.#args = args
  }

  /** There is nothing to settle. */
  get isEmpty(): boolean {
    return this.#pending === undefined
  }

  /** Remembers what was charged, where the check has a `countWhen`. */
  add(check: CheckOptions<A, R>, decision: Decision | Promise<Decision | undefined>): void {
    if (check.countWhen === undefined) return
    this.#pending ??= []
    this.#pending.push({ check, decision })
  }

  /**
   * Gives back what does not count. Never rejects: what cannot be told, or given back, stays counted. Call it once, and not
   * at all for a request whose response was never finished.
   */
  async settle(response: R): Promise<void> {
    const pending = this.#pending ?? []
    this.#pending = undefined
    for (const { check, decision } of pending) {
      try {
        if (await check.countWhen?.(response, ...this.#args)) continue
      } catch (error) {
        warnProcess(`countWhen of policy '${check.policy}' failed, so the request counts`, error)
        continue
      }
      await this.#giveBack(check.policy, await decision)
    }
  }

  /** Gives everything back: the request came to nothing, and has no response that tells. Never rejects. */
  async giveBack(): Promise<void> {
    const pending = this.#pending ?? []
    this.#pending = undefined
    for (const { check, decision } of pending) await this.#giveBack(check.policy, await decision)
  }

  /** Of a decision over several policies, the part of one. */
  async #giveBack(policy: string, decision: Decision | undefined): Promise<void> {
    const charges = decision?.receipt?.charges.filter(charge => charge.policy === policy) ?? []
    if (charges.length === 0) return
    try {
      await this.#limiter.refund({ charges })
    } catch {
      // The limiter tells it as `error`.
    }
  }
}
