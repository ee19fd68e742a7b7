import { z } from 'zod'
import { Op, Status } from '../../core/step.js'
import { ForeignValueError, StoreTimeoutError, WrongTypeError } from '../../errors.js'
import { loadScript } from '../../redis/scripts.js'
import { DialectConnection, type DialectStore } from '../dialects/dialect-store.js'
import type { BlockRule, PointCounter, Points } from './points.js'

const Reply = z.tuple([z.int(), z.int(), z.int(), z.int(), z.int()])

/** A count that no key reaches. */
const UNREACHED = 2 ** 52
const NO_BLOCK: BlockRule = { blockMs: 0, blockOnConsumed: 0 }

interface Call {
  readonly op: Op
  readonly units: number
  readonly limit: number
  readonly durationMs?: number
  readonly rule?: BlockRule
}

/** Counts on the keys of rate-limiter-flexible itself: replicas with it and with this may run side by side. */
export class RedisPoints implements PointCounter {
  readonly #connection: DialectConnection
  readonly #script = loadScript('compat/rate_limiter_flexible')
  readonly #deadlineMs: number

  constructor(store: DialectStore, deadlineMs: number) {
    this.#connection = new DialectConnection(store)
    this.#deadlineMs = deadlineMs
  }

  consume(key: string, units: number, points: number, durationMs: number, rule: BlockRule): Promise<Points> {
    return this.#run(key, { op: Op.consume, units, limit: points, durationMs, rule })
  }

  add(key: string, units: number, points: number, durationMs: number): Promise<Points> {
    return this.#run(key, { op: Op.debit, units, limit: points, durationMs })
  }

  takeAway(key: string, units: number, points: number): Promise<Points> {
    return this.#run(key, { op: Op.refund, units, limit: points })
  }

  async put(key: string, count: number, lifeMs: number): Promise<void> {
    // A block counts to at least one above its limit. Both commands leave together.
    const block = { op: Op.block, units: lifeMs * 1000, limit: count - 1 }
    await Promise.all([this.#run(key, { op: Op.reset, units: 1, limit: count }), this.#run(key, block)])
  }

  async read(key: string, points: number): Promise<Points | undefined> {
    const found = await this.#run(key, { op: Op.peek, units: 1, limit: points })
    return found.lifeMs === 0 ? undefined : found
  }

  async remove(key: string): Promise<boolean> {
    const [found] = await Promise.all([
      this.read(key, UNREACHED),
      this.#run(key, { op: Op.reset, units: 1, limit: UNREACHED }),
    ])
    return found !== undefined
  }

  close(): Promise<void> {
    return this.#connection.close()
  }

  async #run(key: string, { op, units, limit, durationMs = 1, rule = NO_BLOCK }: Call): Promise<Points> {
    const { blockMs, blockOnConsumed } = rule
    const args = [op, units, limit, durationMs, UNREACHED, 0, blockMs, blockOnConsumed].map(String)
    const signal = AbortSignal.timeout(this.#deadlineMs)
    try {
      const [status, , consumed, lifeMs] = await this.#connection.run(this.#script, Reply, [key], args, {
        signal,
      })
      if (status === Status.wrongType) throw new WrongTypeError('rate-limiter-flexible', key)
      if (status === Status.foreignValue) throw new ForeignValueError('rate-limiter-flexible', key)
      return { consumed, lifeMs }
    } catch (error) {
      if (error !== signal.reason) throw error
      throw new StoreTimeoutError(
        `the store did not answer within ${this.#deadlineMs} ms; whether anything was counted is unknown, so it is not sent again`,
      )
    }
  }
}
