import { capacity } from '../core/plan.js'
import { Op } from '../core/step.js'
import { cdiv } from '../core/time.js'
import type { Timers } from '../core/timers.js'
import type { Decision } from '../decision.js'
import type { SyncEngine } from '../engine/engine.js'
import { ClosedError } from '../errors.js'
import type { Asked, Events } from '../events.js'
import { type CompiledPolicy, parseDuration } from '../policy.js'
import type { Dispatcher } from './dispatcher.js'
import type { PolicyTable } from './policy-table.js'
import { planRefund } from './receipt.js'
import { assertOneRequest, type PlannedCheck, planChecks } from './request.js'
import type { Tally } from './tally.js'
import type { CostOptions, WaitOptions } from './types.js'
import { type Answer, type Forecast, type Places, type WaitCall, WaitingLine } from './waiting-line.js'
import { type WaitingSettings, waitingConfig } from './waiting-options.js'

/** One check of a call that waits. */
export interface WaitItem extends Asked, CostOptions {}

interface RoomOptions {
  /** The store, where it answers at once. */
  readonly sync: SyncEngine | undefined
  readonly events: Events
  readonly tally: Tally
  readonly timers: Timers
  readonly settings: WaitingSettings | undefined
}

interface Line {
  readonly line: WaitingLine
  readonly policies: readonly string[]
}

/** How long a call waits unless it says so. */
const DEFAULT_MAX_WAIT = '5s'

/** The lines of a limiter, one for each list of policies and subjects that somebody waits for. */
export class WaitingRoom {
  readonly #dispatcher: Dispatcher
  readonly #table: PolicyTable
  readonly #sync: SyncEngine | undefined
  readonly #events: Events
  readonly #tally: Tally
  readonly #timers: Timers
  readonly #max: number
  readonly #maxPerSubject: number
  readonly #lines = new Map<string, Line>()
  #waiting = 0

  constructor(
    dispatcher: Dispatcher,
    table: PolicyTable,
    { sync, events, tally, timers, settings }: RoomOptions,
  ) {
    const { max, maxPerSubject } = waitingConfig(settings)
    this.#dispatcher = dispatcher
    this.#table = table
    this.#sync = sync
    this.#events = events
    this.#tally = tally
    this.#timers = timers
    this.#max = max
    this.#maxPerSubject = maxPerSubject
  }

  /** Calls that wait now. */
  get waiting(): number {
    return this.#waiting
  }

  async wait(items: readonly WaitItem[], options: WaitOptions): Promise<Decision> {
    const startedMs = this.#dispatcher.startedMs()
    const asked = items.map(({ policy, subject }) => ({ policy, subject }))
    try {
      this.#dispatcher.assertOpen()
      options.signal?.throwIfAborted()
      const maxWaitMs = cdiv(parseDuration(options.maxWait ?? DEFAULT_MAX_WAIT, 'maxWait'), 1000)
      // Whatever is wrong with the call is told before anybody waits.
      const checks = this.#plan(items)
      const name = checks
        .map(({ limit, subject }) => `${limit.keyName} ${subject.length} ${subject}`)
        .join(' ')
      const decision = await this.#line(name, items).join(this.#call(items, asked, maxWaitMs, options.signal))
      this.#dispatcher.decided('wait', asked, decision, startedMs)
      return decision
    } catch (error) {
      // That somebody gives up is no failure: clients that leave must not fill logs. `waited` tells of it.
      if (options.signal?.aborted && error === options.signal.reason) throw error
      throw this.#dispatcher.failed({ call: 'wait', asked }, error)
    }
  }

  /**
   * Allowance was given back in this process: who is first may pass earlier than the store had said.
   *
   * @param policies of which; left out: of any
   */
  wake(policies?: readonly string[]): void {
    for (const { line, policies: own } of this.#lines.values()) {
      if (policies === undefined || own.some(policy => policies.includes(policy))) line.wake()
    }
  }

  /** Rejects all who wait. What was granted to them with a delay is given back. */
  close(): void {
    const reason = new ClosedError('the limiter was closed while this call waited')
    for (const { line } of this.#lines.values()) line.close(reason)
  }

  #line(name: string, items: readonly WaitItem[]): WaitingLine {
    const known = this.#lines.get(name)
    if (known !== undefined) return known.line
    const line = new WaitingLine(this.#timers, this.#places(), () => this.#lines.delete(name))
    this.#lines.set(name, { line, policies: items.map(({ policy }) => policy) })
    return line
  }

  #places(): Places {
    let inLine = 0
    return {
      take: () => {
        if (this.#waiting >= this.#max || inLine >= this.#maxPerSubject) return false
        this.#waiting++
        inLine++
        return true
      },
      leave: () => {
        this.#waiting--
        inLine--
      },
    }
  }

  #call(
    items: readonly WaitItem[],
    asked: readonly Asked[],
    maxWaitMs: number,
    signal: AbortSignal | undefined,
  ): WaitCall {
    // What happens on the way is no answer of its own: listeners are told of the call once, when it is over.
    const decide = (plan: () => readonly PlannedCheck[]): Answer<Decision> =>
      this.#sync === undefined
        ? this.#dispatcher.decide({ asked, plan })
        : this.#dispatcher.decideSync({ asked, plan }, this.#sync)
    return {
      alike: items.map(({ cost = 1, limit = '', burst = '' }) => `${cost}/${limit}/${burst}`).join(' '),
      units: items.map(({ cost = 1 }) => cost),
      maxWaitMs,
      signal,
      consume: () => decide(() => this.#plan(items)),
      look: units => {
        const wanted = items.flatMap((item, i) => this.#planItem(item, Op.peek, units[i] as number))
        const decision = decide(() =>
          wanted.map(check => ({ ...check, n: Math.min(check.n, capacity(check.plan)) })),
        )
        return decision instanceof Promise
          ? decision.then(looked => forecast(wanted, looked))
          : forecast(wanted, decision)
      },
      moreAlike: ({ checks }) =>
        Math.min(...checks.map(({ remaining, granted }) => Math.floor(remaining / granted))),
      giveBack: ({ receipt }) => {
        // Let through without a count while the store was down.
        if (receipt === undefined) return
        const plan = () => planRefund(this.#table, receipt, undefined)
        this.#dispatcher.decide({ asked, plan }).catch(() => {})
      },
      ended: (decision, waitedMs) => {
        if (waitedMs === 0) return
        const waited = { asked, waitedMs, decision }
        this.#tally.waited(waited)
        if (this.#events.has('waited')) this.#events.emit('waited', waited)
      },
    }
  }

  #plan(items: readonly WaitItem[]): readonly PlannedCheck[] {
    const checks = items.flatMap(item => this.#planItem(item, Op.consume, item.cost))
    assertOneRequest(checks)
    return checks
  }

  #planItem(item: WaitItem, op: Op, cost: number | undefined): readonly PlannedCheck[] {
    const policy: CompiledPolicy = this.#table.get(item.policy)
    return planChecks(policy, item.subject, op, { ...item, ...(cost !== undefined && { cost }) })
  }
}

/**
 * When all these units have passed, at the earliest: when as many have as the limit ever admits at once, and for the rest its
 * rate. A window admits in jumps, so it may be later.
 */
function forecast(wanted: readonly PlannedCheck[], decision: Decision): Forecast {
  const waits = decision.checks.map(({ retryAfterMs, windowMs, limit }, i) => {
    const { n, plan } = wanted[i] as PlannedCheck
    return retryAfterMs + Math.floor((Math.max(0, n - capacity(plan)) * windowMs) / limit)
  })
  return { decision, atLeastMs: Math.max(...waits) }
}
