import type { Plan } from '../../core/plan.js'
import { Op } from '../../core/step.js'
import { type Clock, cdiv } from '../../core/time.js'
import { MemoryEngine } from '../../engine/memory-engine.js'
import { compilePlan } from '../../policy.js'
import { type BlockRule, blockThreshold, type PointCounter, type Points } from './points.js'

/** A count that no key reaches. */
const UNREACHED = 2 ** 39
/** 407 days: a window that cuts no other short. */
const LONGEST_US = 2 ** 45

const planOf = (windowUs: number): Plan =>
  compilePlan({ algorithm: 'fixed_window', limit: UNREACHED, windowUs, debt: UNREACHED })

/**
 * Counts in this process, in the memory engine: bounded, and without a timer for each key. The engine counts one more than was
 * consumed, so that a key is there also while nothing of it is.
 */
export class MemoryPoints implements PointCounter {
  readonly #engine: MemoryEngine
  /** Under which what is there is looked at: its window stays as it is. */
  readonly #longest = planOf(LONGEST_US)
  readonly #limit = {
    policy: 'points',
    keyName: 'points',
    slot: 0,
    plan: this.#longest,
    limit: UNREACHED,
    windowMs: LONGEST_US / 1000,
  }

  constructor(clock: Clock | undefined, maxKeys: number | undefined) {
    this.#engine = new MemoryEngine({
      ...(clock !== undefined && { clock }),
      ...(maxKeys !== undefined && { maxKeys }),
    })
  }

  async consume(
    key: string,
    units: number,
    points: number,
    durationMs: number,
    rule: BlockRule,
  ): Promise<Points> {
    const counted = this.#add(key, units, durationMs)
    const threshold = blockThreshold(points, rule)
    const crossed = counted.consumed >= threshold && counted.consumed - units < threshold
    if (rule.blockMs === 0 || !crossed) return counted
    this.#put(key, counted.consumed, rule.blockMs)
    return { consumed: counted.consumed, lifeMs: rule.blockMs }
  }

  async add(key: string, units: number, _points: number, durationMs: number): Promise<Points> {
    return this.#add(key, units, durationMs)
  }

  async takeAway(key: string, units: number): Promise<Points> {
    const found = this.#read(key)
    if (found === undefined || found.consumed === 0) return found ?? { consumed: 0, lifeMs: 0 }
    return this.#decide(key, Op.refund, Math.min(units, found.consumed), this.#longest)
  }

  async put(key: string, count: number, lifeMs: number): Promise<void> {
    this.#put(key, count, lifeMs)
  }

  async read(key: string): Promise<Points | undefined> {
    return this.#read(key)
  }

  async remove(key: string): Promise<boolean> {
    const found = this.#read(key) !== undefined
    this.#decide(key, Op.reset, 1, this.#longest)
    return found
  }

  close(): Promise<void> {
    return this.#engine.close()
  }

  #read(key: string): Points | undefined {
    const found = this.#decide(key, Op.peek, 1, this.#longest)
    return found.consumed < 0 ? undefined : found
  }

  #add(key: string, units: number, durationMs: number): Points {
    if (this.#read(key) === undefined) return this.#begin(key, units, durationMs)
    return this.#decide(key, Op.debit, units, this.#longest)
  }

  #put(key: string, count: number, lifeMs: number): void {
    this.#decide(key, Op.reset, 1, this.#longest)
    this.#begin(key, count, lifeMs)
  }

  #begin(key: string, count: number, lifeMs: number): Points {
    return this.#decide(key, Op.debit, count + 1, planOf(Math.round(lifeMs * 1000)))
  }

  #decide(key: string, op: Op, units: number, plan: Plan): Points {
    const { remaining, resetUs } = this.#engine.decideOne(this.#limit, plan, key, op, units, 0)
    return { consumed: UNREACHED - remaining - 1, lifeMs: cdiv(resetUs, 1000) }
  }
}
