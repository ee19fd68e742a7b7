import { Op, Status, type Step } from './core/step.js'
import { systemClock } from './core/time.js'
import { type Timers, timersOf } from './core/timers.js'
import { Decision, type Receipt } from './decision.js'
import { createEngine, type EngineSetup } from './engine/create-engine.js'
import { type Engine, isSyncEngine, type SyncEngine } from './engine/engine.js'
import type { InProcessStore } from './engine/engine-options.js'
import { guard } from './engine/guard.js'
import { SyncUnsupportedError } from './errors.js'
import { type EventName, Events, type Listener } from './events.js'
import { type Explanation, explainPolicy } from './explain.js'
import type { Acquisition } from './lease.js'
import { Acquirer } from './limiter/acquire.js'
import { atomicityWarning, SINGLE_PROCESS_WARNING } from './limiter/atomicity.js'
import { assertItems, assertOptions } from './limiter/call-options.js'
import { Dispatcher, type Request } from './limiter/dispatcher.js'
import { logLimiter } from './limiter/log.js'
import { type LimiterOptions, readOptions } from './limiter/options.js'
import { PolicyTable } from './limiter/policy-table.js'
import { planRefund } from './limiter/receipt.js'
import { assertOneRequest, type PlannedCheck, planChecks, planWholeKey, readCost } from './limiter/request.js'
import { type LimiterMetrics, Tally } from './limiter/tally.js'
import type {
  AcquireOptions,
  BlockOptions,
  CallOptions,
  CheckItem,
  CheckOptions,
  CostOptions,
  Limiter,
  MaxWait,
  RefundOptions,
  SyncLimiter,
  WaitOptions,
} from './limiter/types.js'
import { UsageMap } from './limiter/usage.js'
import type { WaitingSettings } from './limiter/waiting-options.js'
import { WaitingRoom } from './limiter/waiting-room.js'
import { type PoliciesInput, parseDuration } from './policy.js'
import { identify, isText, type Subject } from './subject.js'

// Of this module: V8 takes them for the constants they are, where it looks imported ones up at each use.
const { allowed, denied } = Status

/**
 * Makes a limiter.
 *
 * ```ts
 * const limiter = createLimiter({ policies: { perUser: '100/m' } })
 * const decision = await limiter.check('perUser', userId)
 * ```
 *
 * It answers at once: the connection to a server is opened in the background, and `ready()` waits for it.
 *
 * @throws PolicyError listing everything that is wrong with the options and the policies
 * @throws FileLockedError, SnapshotError when the file of a `file:` store cannot be had
 * @throws NativeError when the native engine is required and cannot be had
 */
export function createLimiter<const P extends PoliciesInput>(
  options: LimiterOptions<P> & { readonly store?: InProcessStore },
): SyncLimiter<P>
export function createLimiter<const P extends PoliciesInput>(options: LimiterOptions<P>): Limiter<P>
export function createLimiter(options: LimiterOptions): SyncLimiter {
  const compiled = readOptions(options)
  const { clock = systemClock } = options
  const timers = timersOf(clock)
  const events = new Events()
  const limits = Array.from(compiled.byName.values(), policy => policy.limits).flat()
  const { engine, keyOf } = createEngine(
    { ...options, limits },
    {
      onWarning: (message, error) => events.warn(message, error),
      onBatch: batch => events.has('batch') && events.emit('batch', batch),
    },
  )
  const warning =
    engine.atomicWithin === 'group'
      ? atomicityWarning(compiled.byName.values())
      : engine.singleProcess && SINGLE_PROCESS_WARNING
  // Listeners come after this call.
  if (warning !== undefined) queueMicrotask(() => events.warn(warning, undefined))
  logLimiter(events, options)
  const { clock: injected, maxKeys } = options
  const guarded = guard(engine, options, { timers, events, clock: injected, maxKeys })
  const table = new PolicyTable(options.policies, compiled, clock, timers)
  const { trackUsage, waiting } = options
  const usage = trackUsage === undefined ? undefined : new UsageMap(events, table, clock, trackUsage)
  return new PolicyLimiter({ engine: guarded, keyOf }, table, events, timers, usage, waiting)
}

class PolicyLimiter implements SyncLimiter {
  readonly #engine: Engine
  readonly #sync: SyncEngine | undefined
  readonly #table: PolicyTable
  readonly #events: Events
  readonly #tally = new Tally()
  readonly #dispatcher: Dispatcher
  readonly #acquirer: Acquirer
  readonly #waitingRoom: WaitingRoom
  readonly #usage: UsageMap | undefined
  #closing: Promise<void> | undefined

  constructor(
    { engine, keyOf }: EngineSetup,
    table: PolicyTable,
    events: Events,
    timers: Timers,
    usage: UsageMap | undefined,
    settings: WaitingSettings | undefined,
  ) {
    this.#usage = usage
    this.#engine = engine
    this.#events = events
    this.#sync = isSyncEngine(engine) ? engine : undefined
    this.#table = table
    this.#dispatcher = new Dispatcher(engine, keyOf, events, this.#tally)
    this.#acquirer = new Acquirer(this.#dispatcher, this.#events, timers)
    this.#waitingRoom = new WaitingRoom(this.#dispatcher, table, {
      sync: this.#sync,
      events,
      tally: this.#tally,
      timers,
      settings,
    })
  }

  check(policy: string, subject: Subject, options?: CheckOptions): Promise<Decision> {
    // The promise as it is: one of its own around it would take three more turns of the microtasks.
    if (this.#sync === undefined) return this.#one('check', Op.consume, policy, subject, options)
    return this.#checkInProcess(policy, subject, options)
  }

  checkSync(policy: string, subject: Subject, options?: CostOptions): Decision {
    const engine = this.#sync
    if (engine === undefined) throw this.#notSync('checkSync')
    // Most checks are of one limit, and nobody listens: those allocate nothing but their Decision.
    if (this.#closing === undefined && !this.#events.has('decision')) {
      try {
        const decision = this.#checkOne(engine, policy, subject, options)
        if (decision !== undefined) return decision
      } catch (error) {
        throw this.#dispatcher.failed({ call: 'check', asked: [{ policy, subject }] }, error)
      }
    }
    return this.#dispatcher.decideSync(
      this.#request('check', Op.consume, policy, subject, options),
      engine,
      options,
    )
  }

  async #checkInProcess(
    policy: string,
    subject: Subject,
    options: CheckOptions | undefined,
  ): Promise<Decision> {
    // A signal that is none is told of there.
    if (options?.signal?.aborted === true) throw options.signal.reason
    return this.checkSync(policy, subject, options)
  }

  /** Undefined where it takes more than one look: several limits, an override, an error, a plan out of date. */
  #checkOne(
    engine: SyncEngine,
    policy: string,
    subject: Subject,
    options: CostOptions | undefined,
  ): Decision | undefined {
    const compiled = this.#table.get(policy)
    const limit = compiled.only
    if (limit === undefined) return undefined
    const { plan } = limit
    let n = 1
    if (options !== undefined) {
      assertOptions('check', options)
      if (options.limit !== undefined || options.burst !== undefined) return undefined
      if (options.cost !== undefined) n = readCost(options.cost, policy)
    }
    let identity = ''
    let step: Readonly<Step> | undefined
    if (isText(compiled, subject)) {
      identity = subject
      step = engine.consumeLive?.(limit, plan, subject, n)
    }
    if (step === undefined) {
      identity = identify(compiled, subject)
      step = engine.decideOne(limit, plan, identity, Op.consume, n, 0)
    }
    const { status, granted, remaining, waitUs, resetUs } = step
    if (status < denied) return undefined
    const { lastNowUs, source } = engine
    this.#tally.countOne(policy, status === allowed, source)
    const shown = { limit, subject: identity, status, granted, remaining, waitUs, resetUs, nowUs: lastNowUs }
    return new Decision(shown, source)
  }

  checkAll(items: readonly CheckItem<PoliciesInput>[], options?: CallOptions): Promise<Decision> {
    const request = this.#requestOfAll(items)
    if (this.#sync === undefined) return this.#dispatcher.decide(request, options)
    return this.#checkAllInProcess(request, this.#sync, options)
  }

  checkAllSync(items: readonly CheckItem<PoliciesInput>[]): Decision {
    if (this.#sync === undefined) throw this.#notSync('checkAllSync')
    return this.#dispatcher.decideSync(this.#requestOfAll(items), this.#sync)
  }

  async #checkAllInProcess(
    request: Request,
    engine: SyncEngine,
    options: CallOptions | undefined,
  ): Promise<Decision> {
    return this.#dispatcher.decideSync(request, engine, options)
  }

  #requestOfAll(items: readonly CheckItem<PoliciesInput>[]): Request {
    const plan = () => {
      assertItems('checkAll', items)
      const checks: PlannedCheck[] = []
      for (const item of items) {
        planChecks(this.#table.get(item.policy), item.subject, Op.consume, item, checks)
      }
      assertOneRequest(checks)
      return checks
    }
    return { call: 'checkAll', asked: Array.isArray(items) ? items : [], plan }
  }

  async wait(policy: string, subject: Subject, options: CheckOptions & MaxWait = {}): Promise<Decision> {
    assertOptions('wait', options)
    return this.#waitingRoom.wait([{ ...options, policy, subject }], options)
  }

  async waitAll(items: readonly CheckItem<PoliciesInput>[], options: WaitOptions = {}): Promise<Decision> {
    assertItems('waitAll', items)
    assertOptions('waitAll', options)
    return this.#waitingRoom.wait(items, options)
  }

  peek(policy: string, subject: Subject, options?: CheckOptions): Promise<Decision> {
    return this.#one('peek', Op.peek, policy, subject, options)
  }

  debit(policy: string, subject: Subject, options?: CheckOptions): Promise<Decision> {
    return this.#one('debit', Op.debit, policy, subject, options)
  }

  async refund(receipt: Receipt, options?: RefundOptions): Promise<Decision> {
    const plan = () => planRefund(this.#table, receipt, options?.units)
    const asked = Array.isArray(receipt?.charges) ? receipt.charges : []
    const decision = await this.#dispatcher.decide({ call: 'refund', asked, plan }, options)
    this.#waitingRoom.wake(asked.map(({ policy }) => policy))
    return decision
  }

  async reset(policy: string, subject: Subject, options?: CallOptions): Promise<void> {
    // It stands alone in its request, so each limit is a request; a policy that does not exist is refused by the first.
    const limits = this.#table.find(policy)?.limits.length ?? 1
    const indexes = Array.from({ length: limits }, (_, index) => index)
    await Promise.all(
      indexes.map(index => this.#wholeKey('reset', Op.reset, policy, subject, options, index)),
    )
    this.#waitingRoom.wake([policy])
  }

  async block(policy: string, subject: Subject, options: BlockOptions): Promise<void> {
    const blockUs = () => parseDuration(options?.for, `how long to block policy '${policy}' (for)`)
    await this.#wholeKey('block', Op.block, policy, subject, options, 0, blockUs)
  }

  async unblock(policy: string, subject: Subject, options?: CallOptions): Promise<void> {
    await this.#wholeKey('unblock', Op.unblock, policy, subject, options, 0)
    this.#waitingRoom.wake([policy])
  }

  async acquire(policy: string, subject: Subject, options?: AcquireOptions): Promise<Acquisition> {
    return this.#acquirer.acquire(() => this.#table.get(policy), policy, subject, options)
  }

  async explain(subject: Subject, options?: CallOptions): Promise<readonly Explanation[]> {
    assertOptions('explain', options)
    const peeks = Array.from(this.#table.all, policy =>
      explainPolicy(policy, subject, () => this.#one('peek', Op.peek, policy.name, subject, options)),
    )
    return Promise.all(peeks)
  }

  update(policies: PoliciesInput): void {
    this.#dispatcher.assertOpen()
    this.#table.update(policies)
    this.#waitingRoom.wake()
  }

  define(policies: PoliciesInput): this {
    this.#dispatcher.assertOpen()
    this.#table.define(policies)
    return this
  }

  on<E extends EventName>(event: E, listener: Listener<E>): () => void {
    return this.#events.on(event, listener)
  }

  metrics(): LimiterMetrics {
    return this.#tally.read(this.#waitingRoom.waiting, this.#usage?.read())
  }

  async ready(): Promise<void> {
    this.#dispatcher.assertOpen()
    return this.#engine.ready()
  }

  close(): Promise<void> {
    if (this.#closing === undefined) {
      this.#waitingRoom.close()
      this.#dispatcher.close()
      this.#table.close()
      this.#closing = this.#engine.close()
    }
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #one(
    call: 'check' | 'peek' | 'debit',
    op: Op,
    policy: string,
    subject: Subject,
    options: CheckOptions | undefined,
  ): Promise<Decision> {
    return this.#dispatcher.decide(this.#request(call, op, policy, subject, options), options)
  }

  #request(
    call: 'check' | 'peek' | 'debit',
    op: Op,
    policy: string,
    subject: Subject,
    options: CostOptions | undefined,
  ): Request {
    const plan = () => planChecks(this.#table.get(policy), subject, op, options)
    return { call, asked: [{ policy, subject }], plan }
  }

  /**
   * @param index which limit of the policy. One that refuses refuses the request, so a block of the first is a block of
   * the policy, and atomic.
   */
  #wholeKey(
    call: 'reset' | 'block' | 'unblock',
    op: Op,
    policy: string,
    subject: Subject,
    options: CallOptions | undefined,
    index: number,
    n: () => number = () => 1,
  ): Promise<Decision> {
    const plan = () => [planWholeKey(this.#table.get(policy), subject, index, op, n())]
    return this.#dispatcher.decide({ call, asked: [{ policy, subject }], plan }, options)
  }

  #notSync(call: 'checkSync' | 'checkAllSync'): SyncUnsupportedError {
    const instead = call === 'checkSync' ? 'check' : 'checkAll'
    return new SyncUnsupportedError(
      `${call}: the store '${this.#engine.source}' has to be asked over a connection; call ${instead}, or use the store 'memory'`,
    )
  }
}
