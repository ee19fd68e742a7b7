import { BlockedKeys } from './blocked-keys.js'
import {
  type ConsumeOptions,
  type RateLimiterLike,
  type RateLimiterRedisOptions,
  type RedisSettings,
  type ResLike,
  readRedisOptions,
} from './options.js'
import { RateLimiter } from './rate-limiter.js'
import { RateLimiterRes } from './rate-limiter-res.js'
import { RedisPoints } from './redis-points.js'

/**
 * As `RateLimiterRedis` of rate-limiter-flexible, on the same keys: replicas with it and with this count together. A call
 * that the store does not answer within the deadline asks the `insuranceLimiter`, or rejects with an Error.
 */
export class RateLimiterRedis extends RateLimiter {
  readonly #insurance: RateLimiterLike | undefined
  readonly #blockedFrom: number
  readonly #blockedMs: number
  readonly #blocked = new BlockedKeys()

  /** @throws OptionError listing everything that is wrong with the options; ClientError for a client that repeats commands */
  constructor(options: RateLimiterRedisOptions) {
    const settings: RedisSettings = readRedisOptions(options)
    super(settings, new RedisPoints(settings.storeClient, settings.deadline), settings.blockOnConsumed)
    this.#insurance = settings.insuranceLimiter
    if (this.#insurance !== undefined) {
      this.#insurance.blockDuration = this.blockDuration
      this.#insurance.execEvenly = this.execEvenly
    }
    this.#blockedFrom = settings.inMemoryBlockOnConsumed
    this.#blockedMs = settings.inMemoryBlockDuration * 1000
  }

  override async consume(
    key: string | number,
    points = 1,
    options: ConsumeOptions = {},
  ): Promise<RateLimiterRes> {
    const leftMs = this.#blocked.left(this.getKey(key))
    if (leftMs > 0) throw new RateLimiterRes(0, leftMs)
    try {
      const result = await super.consume(key, points, options)
      this.#remember(key, result)
      return result
    } catch (error) {
      if (error instanceof RateLimiterRes) throw this.#remember(key, error)
      if (this.#insurance === undefined) throw error
      return this.#insurance.consume(key, points, options).then(resOf, refusal => {
        throw isRes(refusal) ? resOf(refusal) : refusal
      })
    }
  }

  override penalty(key: string | number, points = 1, options: ConsumeOptions = {}): Promise<RateLimiterRes> {
    const insured = async (limiter: RateLimiterLike) => resOf(await limiter.penalty(key, points, options))
    return this.#insured(super.penalty(key, points, options), insured)
  }

  override reward(key: string | number, points = 1): Promise<RateLimiterRes> {
    return this.#insured(super.reward(key, points), async limiter => resOf(await limiter.reward(key, points)))
  }

  override get(key: string | number): Promise<RateLimiterRes | null> {
    return this.#insured(super.get(key), async limiter => {
      const found = await limiter.get(key)
      return found === null ? null : resOf(found)
    })
  }

  override set(key: string | number, points: number, secDuration: number): Promise<RateLimiterRes> {
    const insured = async (limiter: RateLimiterLike) => resOf(await limiter.set(key, points, secDuration))
    return this.#insured(super.set(key, points, secDuration), insured)
  }

  override block(key: string | number, secDuration: number): Promise<RateLimiterRes> {
    const insured = async (limiter: RateLimiterLike) => resOf(await limiter.block(key, secDuration))
    return this.#insured(super.block(key, secDuration), insured)
  }

  override async delete(key: string | number): Promise<boolean> {
    const existed = await this.#insured(super.delete(key), limiter => limiter.delete(key))
    this.#blocked.delete(this.getKey(key))
    return existed
  }

  /** Forgets what is refused without asking the store. */
  deleteInMemoryBlockedAll(): void {
    this.#blocked.clear()
  }

  /** From a count on, refuses the key here. */
  #remember(key: string | number, result: RateLimiterRes): RateLimiterRes {
    const { consumedPoints, msBeforeNext, remainingPoints } = result
    if (this.#blockedFrom === 0 || consumedPoints < this.#blockedFrom) return result
    if (this.#blockedMs === 0) {
      this.#blocked.block(this.getKey(key), msBeforeNext)
      return result
    }
    if (consumedPoints <= this.points) return result
    this.#blocked.block(this.getKey(key), this.#blockedMs)
    return new RateLimiterRes(remainingPoints, this.#blockedMs, consumedPoints)
  }

  async #insured<T>(asked: Promise<T>, ask: (limiter: RateLimiterLike) => Promise<T>): Promise<T> {
    if (this.#insurance === undefined) return asked
    const insurance = this.#insurance
    return asked.catch(() => ask(insurance))
  }
}

/** A refusal, and no failure. */
const isRes = (value: unknown): value is ResLike =>
  typeof value === 'object' && value !== null && 'consumedPoints' in value && 'msBeforeNext' in value

/** The result of whatever limiter, as one of ours. */
const resOf = (result: ResLike): RateLimiterRes =>
  new RateLimiterRes(
    result.remainingPoints,
    result.msBeforeNext,
    result.consumedPoints,
    result.isFirstInDuration,
  )
