import { z } from 'zod'
import { Op, Status } from '../../core/step.js'
import type { Check, DecideOptions, Engine, Outcome } from '../../engine/engine.js'
import { DialectError } from '../../errors.js'
import { splitLimitKeyName } from '../../key-part.js'
import { list } from '../../policy/refusal.js'
import type { FixedWindowOptions } from '../../policy.js'
import type { Script } from '../../redis/scripts.js'
import type { DialectConnection } from './dialect-store.js'
import { subjectText } from './subject-text.js'

/** Another system that keeps one integer with an expiry for each subject. */
export interface CounterDialect {
  readonly name: string
  readonly script: Script
  readonly policies: Readonly<Record<string, FixedWindowOptions>>
  /** By the name of their policy. */
  readonly limiters: Readonly<Record<string, CounterLimiter>>
  /** What its keys cannot do, and the way out. */
  readonly lacks: ReadonlyMap<Op, string>
  /** Their windows are whole multiples of this. */
  readonly windowUnitMs: number
  /** What a key without an end means to the next hit: the same window for another full time, or nothing. */
  readonly endless: 'counts' | 'begins anew'
}

export interface CounterLimiter {
  /** What stands before the subject in its keys. */
  readonly keyHead: string
  /** What the script takes after the arguments that all have. */
  readonly args: readonly string[]
  /** The count from which on a key is a block until its end, above the limit; `Infinity`: only one that outlives the window is. */
  readonly blocksFrom: number
}

const Reply = z.tuple([z.int(), z.int(), z.int(), z.int(), z.int()])

/** Decides on keys of one integer, by the arithmetic of the system they belong to. */
export class CounterEngine implements Engine {
  readonly source = 'redis'
  readonly countsRefusals = true
  readonly policies: CounterDialect['policies']
  readonly #dialect: CounterDialect
  readonly #connection: DialectConnection

  constructor(dialect: CounterDialect, connection: DialectConnection) {
    this.#dialect = dialect
    this.policies = dialect.policies
    this.#connection = connection
  }

  async decide(request: readonly Check[], options?: DecideOptions): Promise<Outcome> {
    const [check] = request
    if (check === undefined || request.length > 1) {
      throw new DialectError(
        this.#dialect.name,
        `decides one limit at a time, and this request has ${request.length}: check policies one after the other, ` +
          `as its own limiters are`,
      )
    }
    const { keyHead, args } = this.#limiterOf(check)
    const { limit, windowMs, debtLimit } = this.#planOf(check)
    if (check.op === Op.consume && check.n > limit) return { nowUs: 0, checks: [IMPOSSIBLE] }

    const [status, granted, count, lifeMs, nowUs] = await this.#connection.run(
      this.#dialect.script,
      Reply,
      [keyHead + this.#subjectOf(check)],
      [...[check.op, check.n, limit, windowMs, debtLimit, check.at].map(String), ...args],
      options,
    )
    const lifeUs = lifeMs * 1000
    const remaining = status < 0 ? 0 : Math.max(0, limit - count)
    const waitUs = status === Status.denied ? lifeUs : 0
    const outcome = { status: status as Status, granted, remaining, waitUs, resetUs: count > 0 ? lifeUs : 0 }
    return { nowUs, checks: [outcome] }
  }

  ready(): Promise<void> {
    return this.#connection.ready()
  }

  close(): Promise<void> {
    return this.#connection.close()
  }

  #limiterOf({ limit, op }: Check): CounterLimiter {
    const { name, limiters, lacks } = this.#dialect
    const limiter = Object.hasOwn(limiters, limit.policy) ? limiters[limit.policy] : undefined
    if (limiter === undefined) {
      throw new DialectError(
        name,
        `has no limiter '${limit.policy}'; limiters are ${list(Object.keys(limiters))}: name the policy as one of them`,
      )
    }
    if (splitLimitKeyName(limit.keyName)?.index !== 0) {
      throw new DialectError(
        name,
        `has one limit for each limiter, and policy '${limit.policy}' has several: make a limiter of each`,
      )
    }
    const lacking = lacks.get(op)
    if (lacking !== undefined) throw new DialectError(name, lacking)
    return limiter
  }

  #planOf({ plan, limit }: Check): { limit: number; windowMs: number; debtLimit: number } {
    const { name, windowUnitMs } = this.#dialect
    if (plan.algorithm !== 'fixed_window' || plan.clockAnchored === 1) {
      throw new DialectError(
        name,
        `counts in windows that begin at the first hit, and policy '${limit.policy}' is another: take the policies ` +
          `of the engine, or write algorithm: 'fixed_window'`,
      )
    }
    const windowMs = plan.windowUs / 1000
    if (windowMs % windowUnitMs !== 0) {
      throw new DialectError(
        name,
        `has windows of whole ${windowUnitMs === 1 ? 'milliseconds' : 'seconds'}, and that of policy ` +
          `'${limit.policy}' is ${windowMs} ms`,
      )
    }
    return { limit: plan.limit, windowMs, debtLimit: plan.debtLimit }
  }

  #subjectOf({ limit, subject }: Check): string {
    const text = subjectText(this.#dialect.name, limit.policy, subject)
    if (typeof text === 'string') return text
    throw new DialectError(
      this.#dialect.name,
      `has plain texts for subjects, and the one for policy '${limit.policy}' has named parts: give the text that ` +
        `stands in its keys`,
    )
  }
}

const IMPOSSIBLE = { status: Status.impossible, granted: 0, remaining: 0, waitUs: 0, resetUs: 0 }
