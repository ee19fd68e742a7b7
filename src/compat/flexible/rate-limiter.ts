import { setTimeout as delay } from 'node:timers/promises'
import { CheckError } from '../../errors.js'
import { show } from '../../policy/refusal.js'
import { type ConsumeOptions, type LiveSettings, readSetting, type Settings } from './options.js'
import type { PointCounter, Points } from './points.js'
import { RateLimiterRes } from './rate-limiter-res.js'

/** What the limiters have in common: the calls of rate-limiter-flexible over a counter. */
export abstract class RateLimiter {
  readonly keyPrefix: string
  readonly #live: LiveSettings
  readonly #execEvenlyMinDelayMs: number | undefined
  readonly #blockOnConsumed: number
  protected readonly counter: PointCounter

  constructor(settings: Settings, counter: PointCounter, blockOnConsumed: number) {
    const { points, duration, blockDuration, execEvenly } = settings
    this.keyPrefix = settings.keyPrefix
    this.counter = counter
    this.#live = { points, duration, blockDuration, execEvenly }
    this.#execEvenlyMinDelayMs = settings.execEvenlyMinDelayMs
    this.#blockOnConsumed = blockOnConsumed
  }

  get points(): number {
    return this.#live.points
  }

  set points(points: number) {
    this.#live.points = readSetting('points', points)
  }

  /** s */
  get duration(): number {
    return this.#live.duration
  }

  set duration(duration: number) {
    this.#live.duration = readSetting('duration', duration)
  }

  get msDuration(): number {
    return this.duration * 1000
  }

  /** s */
  get blockDuration(): number {
    return this.#live.blockDuration
  }

  set blockDuration(blockDuration: number) {
    this.#live.blockDuration = readSetting('blockDuration', blockDuration)
  }

  get msBlockDuration(): number {
    return this.blockDuration * 1000
  }

  get execEvenly(): boolean {
    return this.#live.execEvenly
  }

  set execEvenly(execEvenly: boolean) {
    this.#live.execEvenly = readSetting('execEvenly', execEvenly)
  }

  /**
   * Takes points: resolves when there were enough. Rejects with a RateLimiterRes when there were not, and with an Error when
   * the store cannot be asked. Points of a refused call are counted, as rate-limiter-flexible does.
   */
  async consume(key: string | number, points = 1, options: ConsumeOptions = {}): Promise<RateLimiterRes> {
    const units = readPoints(points)
    const durationMs = this.#durationMs(options)
    const rule = { blockMs: toMs(this.blockDuration), blockOnConsumed: this.#blockOnConsumed }
    const counted = await this.counter.consume(this.getKey(key), units, this.points, durationMs, rule)
    const result = this.result(counted, units)
    if (result.consumedPoints > this.points) throw result
    return this.#evenly(result)
  }

  /** Adds points without refusing. */
  async penalty(key: string | number, points = 1, options: ConsumeOptions = {}): Promise<RateLimiterRes> {
    const units = readPoints(points)
    const counted = await this.counter.add(this.getKey(key), units, this.points, this.#durationMs(options))
    return this.result(counted, units)
  }

  /** Takes points away, down to 0: what was not consumed cannot be saved up. */
  async reward(key: string | number, points = 1): Promise<RateLimiterRes> {
    const units = readPoints(points)
    return this.result(await this.counter.takeAway(this.getKey(key), units, this.points), -units)
  }

  /** null where the key is not there. */
  async get(key: string | number): Promise<RateLimiterRes | null> {
    const found = await this.counter.read(this.getKey(key), this.points)
    return found === undefined ? null : this.result(found, 0)
  }

  /** Sets what is consumed, for so many s. */
  async set(key: string | number, points: number, secDuration: number): Promise<RateLimiterRes> {
    const count = readPoints(points, 0)
    const lifeMs = readLife(toMs(secDuration >= 0 ? secDuration : this.duration))
    await this.counter.put(this.getKey(key), count, lifeMs)
    return new RateLimiterRes(0, lifeMs, count)
  }

  /** Refuses the key for so many s. */
  async block(key: string | number, secDuration: number): Promise<RateLimiterRes> {
    const lifeMs = readLife(toMs(secDuration))
    const points = Math.max(this.points + 1, this.#blockOnConsumed)
    await this.counter.put(this.getKey(key), points, lifeMs)
    return new RateLimiterRes(0, lifeMs, points)
  }

  /** Forgets the key. @returns whether it was there */
  delete(key: string | number): Promise<boolean> {
    return this.counter.remove(this.getKey(key))
  }

  /** The key as it is in the store. */
  getKey(key: string | number): string {
    const text = String(key).toWellFormed()
    return this.keyPrefix === '' ? text : `${this.keyPrefix}:${text}`
  }

  parseKey(rlKey: string): string {
    return this.keyPrefix === '' ? rlKey : rlKey.slice(this.keyPrefix.length + 1)
  }

  /** Gives back connections and memory. */
  close(): Promise<void> {
    return this.counter.close()
  }

  protected result({ consumed, lifeMs }: Points, changed: number): RateLimiterRes {
    return new RateLimiterRes(Math.max(0, this.points - consumed), lifeMs, consumed, consumed === changed)
  }

  /** Holds an admitted call back by the formula of rate-limiter-flexible. */
  async #evenly(result: RateLimiterRes): Promise<RateLimiterRes> {
    const { msBeforeNext, remainingPoints, consumedPoints, isFirstInDuration } = result
    if (!this.execEvenly || isFirstInDuration || msBeforeNext <= 0) return result
    const leastMs = this.#execEvenlyMinDelayMs ?? Math.ceil(toMs(this.duration) / this.points)
    const evenMs = Math.ceil(msBeforeNext / (remainingPoints + 2))
    const waitMs = evenMs < leastMs ? consumedPoints * leastMs : evenMs
    await delay(waitMs)
    return new RateLimiterRes(remainingPoints, Math.max(0, msBeforeNext - waitMs), consumedPoints)
  }

  #durationMs({ customDuration }: ConsumeOptions): number {
    return customDuration === undefined ? toMs(this.duration) : readLife(toMs(customDuration))
  }
}

const toMs = (seconds: number): number => Math.ceil(seconds * 1000)

function readPoints(points: unknown, least = 1): number {
  if (typeof points === 'number' && Number.isSafeInteger(points) && points >= least) return points
  throw new CheckError(`${show(points)} is not a whole number of points, at least ${least}`)
}

function readLife(lifeMs: number): number {
  if (lifeMs > 0) return lifeMs
  throw new CheckError(
    `a duration of ${lifeMs / 1000} s would never end; give a number of seconds above 0, such as 31_536_000 for a year`,
  )
}
