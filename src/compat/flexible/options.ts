import { z } from 'zod'
import type { Clock } from '../../core/time.js'
import { OptionError } from '../../errors.js'
import { didYouMean, list, show } from '../../policy/refusal.js'
import { type DurationText, parseDuration } from '../../policy.js'
import type { DialectStore } from '../dialects/dialect-store.js'
import { wrong } from '../dialects/read-options.js'
import type { RateLimiterRes } from './rate-limiter-res.js'

/** A limiter as rate-limiter-flexible has them: one of these, or one of its own. */
export interface RateLimiterLike {
  consume(key: string | number, points?: number, options?: ConsumeOptions): Promise<ResLike>
  penalty(key: string | number, points?: number, options?: ConsumeOptions): Promise<ResLike>
  reward(key: string | number, points?: number, options?: ConsumeOptions): Promise<ResLike>
  get(key: string | number): Promise<ResLike | null>
  set(key: string | number, points: number, secDuration: number): Promise<ResLike>
  block(key: string | number, secDuration: number): Promise<ResLike>
  delete(key: string | number): Promise<boolean>
  /** Settings that an `insuranceLimiter` takes over from the limiter that it insures. */
  blockDuration?: number
  execEvenly?: boolean
}

/** A result as rate-limiter-flexible has them: one of these, or one of its own. */
export type ResLike = Pick<
  RateLimiterRes,
  'remainingPoints' | 'msBeforeNext' | 'consumedPoints' | 'isFirstInDuration'
>

export interface ConsumeOptions {
  /** s of the duration, where this call begins it. Default: the limiter's. */
  readonly customDuration?: number
}

/** Options of every limiter, by the names of rate-limiter-flexible. */
export interface RateLimiterOptions {
  /** Points per duration: a whole number >= 0. */
  readonly points: number
  /** s, above 0; fractions are kept to the ms. */
  readonly duration: number
  /** Stands before the key, followed by a `:`. Default: `rlflx`. */
  readonly keyPrefix?: string
  /** s that a key stays refused once it has exceeded its points. Default: 0, until the duration ends. */
  readonly blockDuration?: number
  /** Delays admitted calls so that they spread over the duration. Default: false. */
  readonly execEvenly?: boolean
  /** ms between calls at least, with `execEvenly`. Default: the duration over the points. */
  readonly execEvenlyMinDelayMs?: number
}

export interface RateLimiterMemoryOptions extends RateLimiterOptions {
  /** Keys held at once. Default: 1,000,000. */
  readonly maxKeys?: number
  /** Counts by this clock. Default: the wall clock. */
  readonly clock?: Clock
}

export interface RateLimiterRedisOptions extends RateLimiterOptions {
  /** A client of ioredis, iovalkey or node-redis, or a store as `createLimiter` takes it. */
  readonly storeClient: DialectStore
  /** Count at which `blockDuration` begins, above `points`. Default: with the first point above. */
  readonly blockOnConsumed?: number
  /** Count from which a key is refused in this process without asking the store, at least `points`. Default: 0, always asks. */
  readonly inMemoryBlockOnConsumed?: number
  /** s of that. Default: until the duration ends. */
  readonly inMemoryBlockDuration?: number
  /** Asked when the store cannot be. Its `blockDuration` and `execEvenly` become those of this limiter. */
  readonly insuranceLimiter?: RateLimiterLike
  /** Says nothing new: the client is known by itself. */
  readonly useRedisPackage?: boolean
  /** Says nothing new: where there is no connection a call fails at once. */
  readonly rejectIfRedisNotReady?: true
  /** Longest wait for the store. Default: `'100ms'`. */
  readonly deadline?: DurationText
}

const amount = (what: string) => z.number(wrong(what)).min(0, wrong(what))
const count = z.int(wrong('a whole number of points')).min(0, wrong('a whole number of points'))

const COMMON = {
  points: count,
  duration: z
    .number(wrong('a number of seconds above 0'))
    .gt(0, wrong('a number of seconds above 0; a duration of 0 would never end')),
  keyPrefix: z.string(wrong('a text')).default('rlflx'),
  blockDuration: amount('a number of seconds').default(0),
  execEvenly: z.boolean(wrong('true or false')).default(false),
  execEvenlyMinDelayMs: amount('a number of ms').optional(),
}

const MEMORY = z.strictObject({ ...COMMON, maxKeys: count.optional(), clock: z.custom<Clock>().optional() })

const isLimiter = (value: unknown): value is RateLimiterLike =>
  typeof value === 'object' && value !== null && 'consume' in value && 'penalty' in value

const REDIS = z.strictObject({
  ...COMMON,
  storeClient: z.custom<DialectStore>(value => value !== undefined, wrong('a client, or a store')),
  blockOnConsumed: count.default(0),
  inMemoryBlockOnConsumed: count.default(0),
  inMemoryBlockDuration: amount('a number of seconds').default(0),
  insuranceLimiter: z.custom<RateLimiterLike>(isLimiter, wrong('a limiter')).optional(),
  useRedisPackage: z.boolean(wrong('true or false')).optional(),
  rejectIfRedisNotReady: z
    .literal(true, wrong('true, as a call fails at once where there is no connection'))
    .optional(),
  deadline: z
    .unknown()
    .optional()
    .transform(value => (value === undefined ? 100 : Math.ceil(parseDuration(value, 'deadline') / 1000))),
})

export type MemorySettings = z.infer<typeof MEMORY>
export type RedisSettings = z.infer<typeof REDIS>
export type Settings = Omit<MemorySettings, 'maxKeys' | 'clock'>

/** Settings that may change while a limiter is in use. */
export type LiveSettings = Pick<Settings, 'points' | 'duration' | 'blockDuration' | 'execEvenly'>

const NEEDLESS: Readonly<Record<string, string>> = {
  useRedis3AndLowerPackage: 'is for clients that are no longer kept; take node-redis 5 or later',
  storeType: 'is not needed: the client is known by itself; leave it out',
  customIncrTtlLuaScript: 'is a script of your own, which cannot be run here',
}

function read<T>(place: string, schema: z.ZodObject<z.core.$ZodShape> & z.ZodType<T>, options: unknown): T {
  const parsed = schema.safeParse(options)
  if (parsed.success) return parsed.data
  const names = Object.keys(schema.shape)
  const problems = parsed.error.issues.flatMap(issue =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map(name =>
          Object.hasOwn(NEEDLESS, name)
            ? `${name}: ${NEEDLESS[name]}`
            : `${name}: is not an option; options are ${list(names)}${didYouMean(name, names)}`,
        )
      : [`${issue.path.length === 0 ? show(options) : issue.path.join('.')}: ${issue.message}`],
  )
  throw refused(place, problems)
}

const refused = (place: string, problems: readonly string[]): OptionError =>
  new OptionError(`${place} cannot take these options:\n  ${problems.join('\n  ')}`)

/** @throws OptionError listing everything that is wrong */
export function readMemoryOptions(options: RateLimiterMemoryOptions): MemorySettings {
  return read('RateLimiterMemory', MEMORY, options)
}

/** @throws OptionError listing everything that is wrong */
export function readRedisOptions(options: RateLimiterRedisOptions): RedisSettings {
  const settings = read('RateLimiterRedis', REDIS, options)
  const { points, inMemoryBlockOnConsumed, inMemoryBlockDuration } = settings
  if (inMemoryBlockDuration > 0 && inMemoryBlockOnConsumed === 0) {
    throw refused('RateLimiterRedis', ['inMemoryBlockDuration: needs inMemoryBlockOnConsumed beside it'])
  }
  if (inMemoryBlockOnConsumed > 0 && inMemoryBlockOnConsumed < points) {
    const problem = `inMemoryBlockOnConsumed: ${inMemoryBlockOnConsumed} is less than points, which are ${points}`
    throw refused('RateLimiterRedis', [`${problem}; it would refuse who has points left`])
  }
  return settings
}

const LIVE: { readonly [K in keyof LiveSettings]: z.ZodType<LiveSettings[K]> } = COMMON

/** Reads a setting that changes while a limiter is in use. @throws OptionError */
export function readSetting<K extends keyof LiveSettings>(name: K, value: LiveSettings[K]): LiveSettings[K] {
  const parsed = LIVE[name].safeParse(value)
  if (parsed.success) return parsed.data
  throw new OptionError(`${name}: ${parsed.error.issues.map(({ message }) => message).join('; ')}`)
}
