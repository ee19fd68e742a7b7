import { z } from 'zod'
import { Op } from '../core/step.js'
import { loadScript } from '../redis/scripts.js'
import type { CounterDialect } from './dialects/counter-engine.js'
import { mapValues, readLimiters, refuseSharedKeys, wholeNumber, wrong } from './dialects/read-options.js'

/** Options of express-rate-limit and of its store rate-limit-redis: those that its keys depend on. */
export interface RateLimitRedisOptions {
  /** Hits per window, as a number. */
  readonly limit: number
  /** ms. Default: 60,000, as express-rate-limit has it. */
  readonly windowMs?: number
  /** Stands before the key, as it is. Default: `rl:`. */
  readonly prefix?: string
  /** Up to version 5 of rate-limit-redis: every hit starts the window anew, refused ones too. Default: false. */
  readonly resetExpiryOnChange?: boolean
}

const DIALECT = 'rate-limit-redis'

const OPTIONS = z.strictObject({
  limit: wholeNumber(
    1,
    'a whole number of hits, at least 1; where it is a function, give a limit with each check',
  ),
  windowMs: wholeNumber(1, 'a whole number of milliseconds, at least 1').default(60_000),
  prefix: z.string(wrong('a text')).default('rl:'),
  resetExpiryOnChange: z.boolean(wrong('true or false')).default(false),
}) satisfies z.ZodType<RateLimitRedisOptions>

const ELSEWHERE = {
  sendCommand: "is 'store' of the dialect",
  sendCommandCluster: "is 'store' of the dialect",
  store: "is 'store' of the dialect, beside 'limiters'",
  max: "is 'limit' by now",
  keyGenerator: 'is the subject of each check',
  skip: 'is a check that you do not make',
  passOnStoreError: "is 'onStoreFailure' of createLimiter",
}

type Limiter = z.infer<typeof OPTIONS>

const keyHeadOf = ({ prefix }: Limiter): string => prefix

/**
 * The dialect of rate-limit-redis 6, and 3 to 5: `<prefix><key>`, an integer with an expiry.
 *
 * @throws OptionError listing everything that is wrong with the limiters
 */
export function rateLimitRedis(options: Readonly<Record<string, RateLimitRedisOptions>>): CounterDialect {
  const limiters = readLimiters<Limiter>(DIALECT, options, OPTIONS, ELSEWHERE)
  refuseSharedKeys(DIALECT, limiters, keyHeadOf)
  const noBlock = 'has no blocks in its keys: leave the dialect, or refuse in front of the limiter'
  return {
    name: DIALECT,
    script: loadScript('compat/rate_limit_redis'),
    windowUnitMs: 1,
    endless: 'begins anew',
    policies: mapValues(limiters, ({ limit, windowMs }) => ({
      algorithm: 'fixed_window',
      limit,
      window: `${windowMs} ms`,
    })),
    limiters: mapValues(limiters, limiter => ({
      keyHead: keyHeadOf(limiter),
      args: [limiter.resetExpiryOnChange ? '1' : '0'],
      blocksFrom: Infinity,
    })),
    lacks: new Map([
      [Op.block, noBlock],
      [Op.unblock, noBlock],
    ]),
  }
}
