import { z } from 'zod'
import { Op } from '../core/step.js'
import { loadScript } from '../redis/scripts.js'
import type { CounterDialect } from './dialects/counter-engine.js'
import { mapValues, readLimiters, refuseSharedKeys, wholeNumber, wrong } from './dialects/read-options.js'

/** Options of a `RateLimiterRedis` of rate-limiter-flexible: those that its keys depend on. */
export interface RateLimiterFlexibleOptions {
  /** Points per duration. */
  readonly points: number
  /** s, a whole number. */
  readonly duration: number
  /** Stands before the key, followed by a `:`. Default: `rlflx`. */
  readonly keyPrefix?: string
  /** s that a key stays refused once it has exceeded its points. Default: 0, until the duration ends. */
  readonly blockDuration?: number
  /** Count at which `blockDuration` begins, above `points`. Default: with the first point above. */
  readonly blockOnConsumed?: number
}

const DIALECT = 'rate-limiter-flexible'

const OPTIONS = z.strictObject({
  points: wholeNumber(1, 'a whole number of points, at least 1'),
  duration: wholeNumber(
    1,
    'a whole number of seconds, at least 1; a duration of 0 never ends, and its keys stay for ever',
  ),
  keyPrefix: z.string(wrong('a text')).default('rlflx'),
  blockDuration: wholeNumber(0, 'a whole number of seconds').default(0),
  blockOnConsumed: wholeNumber(0, 'a whole number of points').default(0),
}) satisfies z.ZodType<RateLimiterFlexibleOptions>

/** What a limiter there has beyond its keys, and what does that here. */
const ELSEWHERE = {
  storeClient: "is 'store' of the dialect",
  useRedisPackage: 'is not needed: the store knows its client',
  rejectIfRedisNotReady: 'is not needed: a check fails at once where there is no connection',
  insuranceLimiter: "is 'onStoreFailure' of createLimiter",
  inMemoryBlockOnConsumed: 'is not in the keys: leave it out',
  inMemoryBlockDuration: 'is not in the keys: leave it out',
  execEvenly: "is not in the keys: leave the dialect and take a policy with algorithm: 'leaky_bucket'",
  execEvenlyMinDelayMs:
    "is not in the keys: leave the dialect and take a policy with algorithm: 'leaky_bucket'",
  customIncrTtlLuaScript: 'is a script of your own, which this dialect cannot know',
}

type Limiter = z.infer<typeof OPTIONS>

const keyHeadOf = ({ keyPrefix }: Limiter): string => (keyPrefix === '' ? '' : `${keyPrefix}:`)

const blocksFrom = ({ points, blockDuration, blockOnConsumed }: Limiter): number =>
  blockDuration === 0 ? Infinity : Math.max(blockOnConsumed, points + 1)

/**
 * The dialect of RateLimiterRedis of rate-limiter-flexible 11: `<keyPrefix>:<key>`, an integer with an expiry.
 *
 * @throws OptionError listing everything that is wrong with the limiters
 */
export function rateLimiterFlexible(
  options: Readonly<Record<string, RateLimiterFlexibleOptions>>,
): CounterDialect {
  const limiters = readLimiters<Limiter>(DIALECT, options, OPTIONS, ELSEWHERE)
  refuseSharedKeys(DIALECT, limiters, keyHeadOf)
  return {
    name: DIALECT,
    script: loadScript('compat/rate_limiter_flexible'),
    windowUnitMs: 1000,
    endless: 'counts',
    policies: mapValues(limiters, ({ points, duration }) => ({
      algorithm: 'fixed_window',
      limit: points,
      window: `${duration} s`,
    })),
    limiters: mapValues(limiters, limiter => ({
      keyHead: keyHeadOf(limiter),
      args: [limiter.blockDuration * 1000, limiter.blockOnConsumed].map(String),
      blocksFrom: blocksFrom(limiter),
    })),
    lacks: new Map([
      [
        Op.unblock,
        'writes a block over the count, which cannot come back: reset forgets both, as its delete() does',
      ],
    ]),
  }
}
