import type { Plan } from '../core/plan.js'
import { createStep, Op, type Step, Write } from '../core/step.js'
import { type Clock, NOW_MIN_US, systemClock } from '../core/time.js'
import type { Limit } from '../policy.js'
import type { Check, DecideOptions, Outcome, Source, SyncEngine } from './engine.js'
import { assertProvedTime, closedClock } from './engine-clock.js'
import { ROW_CELLS } from './key-rows.js'
import { type KeyTable, MemoryKeys } from './memory-keys.js'
import { RequestDecider } from './memory-request.js'
import { decideRow } from './memory-states.js'
import { NONE } from './timing-wheel.js'

/** Keys held where the user names no number. About 95 MB when full, with subjects of up to 47 characters and `gcra`. */
export const DEFAULT_MAX_KEYS = 1_000_000

export interface MemoryEngineOptions {
  /** What the time is. Default: the wall clock of the process. */
  readonly clock?: Clock
  /**
   * Most keys held at once, 1 to 16,777,216; a key is one subject under one limit. When there are as many and another comes, the key
   * goes that ends first among those that refuse nobody (a check of cost 1 would pass now); if all refuse, the one that
   * ends first. Either way within one tick, about a millisecond. The subject of an evicted key starts anew. Default: 1,000,000.
   */
  readonly maxKeys?: number
}

/** What an engine in memory holds, for gauges. */
export interface MemoryStats {
  /** Keys held, those included that have ended and were not taken out yet. */
  readonly keys: number
  readonly maxKeys: number
  /** Keys that had to go before their end, since the engine was made. Not 0: `maxKeys` is too small for the traffic. */
  readonly evicted: number
}

/**
 * Decides in this process. State is lost with the process (`FileEngine` keeps it) and shared with no other (`RedisEngine`
 * shares it). Ended keys are taken out by the calls that come later, a few each; there are no timers.
 */
export class MemoryEngine implements SyncEngine {
  readonly source: Source = 'memory'
  lastNowUs = 0

  #clock: Clock
  #keys: MemoryKeys
  #requests: RequestDecider
  readonly #step = createStep()
  /** By `Limit.slot`: the table last used for it. */
  #tables: KeyTable[] = []
  /** Of the checks of the request under way. */
  #requestTables: KeyTable[] = []

  /** @throws OptionError when `maxKeys` is out of its range */
  constructor({ clock = systemClock, maxKeys = DEFAULT_MAX_KEYS }: MemoryEngineOptions = {}) {
    this.#clock = clock
    this.#keys = new MemoryKeys(maxKeys)
    this.#requests = new RequestDecider(this.#keys)
  }

  /** An engine on keys that were filled before. */
  static on(keys: MemoryKeys, clock: Clock): MemoryEngine {
    const engine = new MemoryEngine({ clock, maxKeys: keys.maxKeys })
    engine.#keys = keys
    engine.#requests = new RequestDecider(keys)
    return engine
  }

  decideOne(
    limit: Limit,
    plan: Plan,
    subject: string,
    op: Op,
    n: number,
    at: number,
    leaseId?: string,
  ): Readonly<Step> {
    const now = this.#begin()
    const table = this.#openTable(limit)
    const step = this.#step
    // The common case, apart from the others for speed: a key that is there, not blocked, its state in its row.
    if (table.stateLength > 0 && op <= Op.rollback && n >= 1 && Number.isInteger(n) && Number.isInteger(at)) {
      const key = table.index.find(subject)
      if (this.#isLive(key, now)) {
        this.#decideRow(key, plan, op, n, at, now)
        return step
      }
    }
    this.#requests.decideOne(table, step, plan, subject, op, n, at, leaseId, now)
    return step
  }

  consumeLive(limit: Limit, plan: Plan, text: string, n: number): Readonly<Step> | undefined {
    const now = this.#begin()
    const table = this.#openTable(limit)
    if (table.stateLength === 0) return undefined
    const key = table.index.findText(text)
    if (!this.#isLive(key, now)) return undefined
    this.#decideRow(key, plan, Op.consume, n, 0, now)
    return this.#step
  }

  decideSync(request: readonly Check[]): Outcome {
    const [first] = request
    if (request.length === 1 && first !== undefined) {
      const { limit, plan, subject, op, n, at, leaseId } = first
      const { status, granted, remaining, waitUs, resetUs } = this.decideOne(
        limit,
        plan,
        subject,
        op,
        n,
        at,
        leaseId,
      )
      return { nowUs: this.lastNowUs, checks: [{ status, granted, remaining, waitUs, resetUs }] }
    }
    const nowUs = this.#begin()
    const tables = this.#requestTables
    for (let i = 0; i < request.length; i++) tables[i] = this.#openTable((request[i] as Check).limit)
    return { nowUs, checks: this.#requests.decide(tables, request, nowUs) }
  }

  async decide(request: readonly Check[], options?: DecideOptions): Promise<Outcome> {
    options?.signal?.throwIfAborted()
    return this.decideSync(request)
  }

  async ready(): Promise<void> {
    this.#clock.nowUs()
  }

  async close(): Promise<void> {
    this.#clock = closedClock
    this.#keys = new MemoryKeys(this.#keys.maxKeys)
    this.#requests = new RequestDecider(this.#keys)
    this.#tables = []
    this.#requestTables = []
  }

  stats(): MemoryStats {
    return { keys: this.#keys.size, maxKeys: this.#keys.maxKeys, evicted: this.#keys.evicted }
  }

  /** Reads the clock, and does what is due. Short, so that it costs a check nothing but the clock. */
  #begin(): number {
    const now = this.#clock.nowUs()
    this.lastNowUs = now
    if (!(now >= NOW_MIN_US && now < this.#keys.lifetimes.nothingEndsBeforeUs)) this.#attend(now)
    return now
  }

  #attend(now: number): void {
    assertProvedTime(now)
    this.#keys.reap(now)
  }

  /** Whether there is such a key, with a state, and not blocked. */
  #isLive(key: number, now: number): boolean {
    return key !== NONE && (this.#keys.rows.cells[key * ROW_CELLS] as number) > now
  }

  #decideRow(key: number, plan: Plan, op: Op, n: number, at: number, now: number): void {
    const step = this.#step
    step.present = true
    step.state = this.#keys.rows.cells
    step.cell = key * ROW_CELLS + 1
    decideRow(step, plan, op, n, at, now)
    if (step.write === Write.none) return
    if (step.write === Write.expire) this.#keys.setStateEnd(key, now + step.ttlUs, now)
    else this.#keys.lifetimes.changed(key)
  }

  #openTable(limit: Limit): KeyTable {
    const slotted = this.#tables[limit.slot]
    if (slotted !== undefined && slotted.limit === limit) return slotted
    const table = this.#keys.openTable(limit.keyName, limit.plan.algorithm)
    table.limit = limit
    this.#tables[limit.slot] = table
    return table
  }
}
