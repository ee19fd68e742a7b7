import type { CircuitPlan, CircuitRequest } from '../core/circuit-plan.js'
import { Forced, Phase } from '../core/circuit-state.js'
import { cdiv, systemClock } from '../core/time.js'
import { timersOf } from '../core/timers.js'
import { BreakerOpenError, ClosedError } from '../errors.js'
import { Emitter } from '../events/emitter.js'
import { rejectOnAbort } from '../redis/waiting.js'
import { identify, type SubjectRule } from '../subject.js'
import { BREAKER_CHANNELS, type BreakerEventName, type BreakerEvents, stateOf } from './breaker-events.js'
import { type BreakerMetrics, metricsOf } from './breaker-metrics.js'
import type { BreakerConfig, BreakerOptions, BreakerThresholds } from './breaker-options.js'
import { BreakerOrders, type BreakerSubject } from './breaker-orders.js'
import type { Admission, Circuit } from './circuit.js'
import { type CallOutcome, classifyCall, isPlain, returnedCall, threwCall } from './circuit-outcome.js'
import { CircuitTable } from './circuit-table.js'
import type { CircuitResult } from './circuit-wire.js'
import type { Circuits } from './circuits.js'
import { createCircuits } from './create-circuits.js'
import { logBreaker } from './log.js'
import { type BreakerRefusal, OpenPermit, type Permit } from './permit.js'
import { readBreakerOptions, readThresholds } from './read-options.js'
import { nameOfSubject } from './subject-name.js'

export interface BreakerCallOptions {
  readonly signal?: AbortSignal | undefined
}

/**
 * A circuit breaker: calls to what fails are refused for a while, and a few probes find out when it is well again.
 * Made by `createBreaker`.
 */
export class CircuitBreaker extends BreakerOrders {
  readonly #config: BreakerConfig
  readonly #rule: SubjectRule
  readonly #events = new Emitter<BreakerEvents>(BREAKER_CHANNELS)
  readonly #table: CircuitTable
  readonly #circuits: Circuits
  #thresholds: BreakerThresholds
  #plan: CircuitPlan
  #closing: Promise<void> | undefined

  /** @throws PolicyError listing everything that is wrong with the options */
  constructor(options: BreakerOptions) {
    super()
    const config = readBreakerOptions(options)
    const { name, scope, plan, deadlineMs, maxAgeMs } = config
    const { clock = systemClock, random = Math.random, prefix, store = 'memory' } = options
    this.#config = config
    this.#rule = { name, by: scope.by, group: undefined }
    this.#thresholds = options
    this.#plan = plan
    this.#table = new CircuitTable(config.maxCircuits)
    logBreaker(this.#events, options)
    this.#circuits = createCircuits({
      ...{ store, name, prefix, deadlineMs, maxAgeMs, clock, random },
      injectedClock: options.clock,
      timers: timersOf(clock),
      table: this.#table,
      plan: () => this.#plan,
      countsSuccesses: () => this.#plan.ratePpm > 0 || this.#plan.volumeMin > 1,
      onTransition: (circuit, from, result, source) => {
        circuit.counts.stateTransitions++
        if (!this.#events.has('transition')) return
        this.#events.emit('transition', {
          ...this.#named(circuit),
          ...{ from: stateOf(from), to: stateOf(result.phase), source, attempt: result.attempt },
          isForced: result.forced !== Forced.no,
          retryAfterMs: cdiv(result.waitUs, 1000),
        })
      },
      onSettings: text => this.#adopt(text),
      onStoreDown: (part, error) => this.#storeDown(part, error),
      onStoreUp: (part, downMs) => this.#events.emit('storeUp', { breaker: name, part, downMs }),
      onWarning: (message, error) => this.#events.warn(message, error),
    })
  }

  get name(): string {
    return this.#config.name
  }

  /**
   * Calls `fn` unless the circuit refuses, and takes note of how it went. The answer does not wait for the store to be
   * told.
   *
   * @param fn is given the signal
   * @throws BreakerOpenError when the circuit refuses; nothing was called then
   * @throws what `fn` throws, and the signal's reason when it is aborted before `fn` was called
   */
  async run<T>(
    subject: BreakerSubject,
    fn: (signal: AbortSignal | undefined) => T | Promise<T>,
    options?: BreakerCallOptions,
  ): Promise<T> {
    const signal = options?.signal
    signal?.throwIfAborted()
    const circuit = this.#circuitOf(subject)
    const asked = this.#admit(circuit, signal)
    const admission = asked instanceof Promise ? await asked : asked
    if (!admission.allowed) {
      const { state, retryAfterMs, isForced } = this.#refuse(circuit, admission)
      throw new BreakerOpenError(this.name, state, retryAfterMs, isForced)
    }
    let value: T
    try {
      value = await fn(signal)
    } catch (error) {
      this.#settle(circuit, admission, this.#classify(threwCall(error), signal), error)
      throw error
    }
    const says = this.#config.triggerErrors === undefined && isPlain(value)
    const outcome = says ? 'success' : this.#classify(returnedCall(value), signal)
    this.#settle(circuit, admission, outcome, value)
    return value
  }

  /**
   * May a call pass? For callers that say themselves how it went.
   *
   * @throws the signal's reason when it is aborted meanwhile
   */
  async permit(subject: BreakerSubject, options?: BreakerCallOptions): Promise<Permit | BreakerRefusal> {
    const signal = options?.signal
    signal?.throwIfAborted()
    const circuit = this.#circuitOf(subject)
    const asked = this.#admit(circuit, signal)
    const admission = asked instanceof Promise ? await asked : asked
    if (!admission.allowed) return this.#refuse(circuit, admission)
    return new OpenPermit(admission, (outcome, error) => this.#settle(circuit, admission, outcome, error))
  }

  /**
   * Changes thresholds while calls are under way. What was counted stays, unless the window gets another length; what
   * is open stays so as long as it was to. For this process, until `updateAll` of any has others.
   *
   * @throws PolicyError listing everything that is wrong
   */
  update(thresholds: BreakerThresholds): void {
    readThresholds(thresholds)
    const { failureThreshold, failureRate, minimumVolume, window, successThreshold } = this.#thresholds
    const { timeout, backoff, jitter, halfOpenMax, probeTimeout } = this.#thresholds
    const merged = {
      ...{ failureThreshold, failureRate, minimumVolume, window, successThreshold },
      ...{ timeout, backoff, jitter, halfOpenMax, probeTimeout },
      ...thresholds,
    }
    this.#plan = readThresholds(merged)
    this.#thresholds = merged
    this.#events.emit('update', { breaker: this.name, thresholds })
  }

  /**
   * The same in every process that has a breaker of this name on the store: each goes by it within `maxAge` of its use,
   * and so does one that starts later.
   *
   * @throws PolicyError listing everything that is wrong; StoreUnavailableError, …
   */
  async updateAll(thresholds: BreakerThresholds): Promise<void> {
    this.#assertOpen()
    readThresholds(thresholds)
    await this.#circuits.share(before => JSON.stringify({ ...this.#parse(before), ...thresholds }))
  }

  /**
   * What this process has seen. Numbers only grow; states are those it knows of. Circuits that are open are looked at
   * again in the background, so that the next snapshot tells when others have closed them.
   */
  metrics(): BreakerMetrics {
    this.#circuits.refresh()
    return metricsOf(this.#config.scope.label, this.#table)
  }

  /** @returns what takes the listener away again */
  on<E extends BreakerEventName>(event: E, listener: (event: BreakerEvents[E]) => void): () => void {
    return this.#events.on(event, listener)
  }

  /** Resolves when what calls have said so far is in the store, or is known not to get there. */
  flush(): Promise<void> {
    return this.#circuits.flush()
  }

  /** Resolves when the store can be asked. @throws StoreUnavailableError, … */
  async ready(): Promise<void> {
    this.#assertOpen()
    await this.#circuits.ready()
  }

  /** Tells the store what is left to tell, and lets it go. Calls under way go on; new ones are refused. */
  close(): Promise<void> {
    this.#closing ??= this.#circuits.close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #circuitOf(subject: BreakerSubject): Circuit {
    const scoped = this.#config.scope.subjectOf(subject, error => {
      const message = `the scope of breaker '${this.name}' failed, and the call counts as 'default'`
      this.#events.warn(message, error)
    })
    return this.#table.circuit(identify(this.#rule, scoped), () => nameOfSubject(scoped))
  }

  #admit(circuit: Circuit, signal: AbortSignal | undefined): Admission | Promise<Admission> {
    this.#assertOpen()
    circuit.counts.totalRequests++
    const admission = this.#circuits.admit(circuit, signal)
    return admission instanceof Promise ? this.#inTime(circuit, admission, signal) : admission
  }

  /** Rejects as soon as the signal aborts. The place of a probe that is granted after that is given back. */
  #inTime(circuit: Circuit, asked: Promise<Admission>, signal: AbortSignal | undefined): Promise<Admission> {
    if (signal === undefined) return asked
    const { promise, resolve, reject } = Promise.withResolvers<Admission>()
    rejectOnAbort(asked, reject, signal)
    asked.then(admission => {
      if (!signal.aborted) resolve(admission)
      else if (admission.allowed) this.#settle(circuit, admission, 'ignore', undefined)
      else circuit.counts.rejectedRequests++
    }, reject)
    return promise
  }

  #refuse(circuit: Circuit, { phase, forced, waitUs }: Admission): BreakerRefusal {
    circuit.counts.rejectedRequests++
    const state = phase === Phase.halfOpen ? 'half-open' : 'open'
    const retryAfterMs = Math.max(1, cdiv(waitUs, 1000))
    if (this.#events.has('rejected')) {
      this.#events.emit('rejected', { ...this.#named(circuit), state, retryAfterMs })
    }
    return { allowed: false, state, retryAfterMs, isForced: forced === Forced.open }
  }

  #settle(circuit: Circuit, admission: Admission, outcome: CallOutcome, ended: unknown): void {
    const { counts } = circuit
    if (outcome === 'success') counts.successfulRequests++
    else if (outcome === 'failure') counts.failedRequests++
    else counts.ignoredRequests++
    if (outcome === 'failure' && this.#events.has('failure')) {
      this.#events.emit('failure', { ...this.#named(circuit), error: ended })
    }
    this.#circuits.report(circuit, admission, outcome)
  }

  #classify(call: ReturnType<typeof threwCall>, signal: AbortSignal | undefined): CallOutcome {
    return classifyCall(call, this.#config.triggerErrors, signal, error => {
      this.#events.warn(`'triggerErrors' of breaker '${this.name}' threw, and its default decides`, error)
    })
  }

  protected override order(subject: BreakerSubject, request: CircuitRequest): Promise<CircuitResult> {
    this.#assertOpen()
    return this.#circuits.order(this.#circuitOf(subject), request)
  }

  #adopt(settings: string): void {
    const thresholds = this.#parse(settings)
    if (thresholds !== undefined) this.update(thresholds)
  }

  /** Thresholds that came out of the store; undefined where there are none, or none that can be gone by. */
  #parse(settings: string | undefined): BreakerThresholds | undefined {
    if (settings === undefined) return undefined
    try {
      const thresholds: BreakerThresholds = JSON.parse(settings)
      readThresholds(thresholds)
      return thresholds
    } catch (error) {
      this.#events.warn(`thresholds in the store of breaker '${this.name}' are not taken over`, error)
      return undefined
    }
  }

  #storeDown(part: string | undefined, error: unknown): void {
    if (this.#events.has('storeDown')) {
      this.#events.emit('storeDown', { breaker: this.name, part, error })
      return
    }
    const reason = error instanceof Error ? error.message : String(error)
    this.#events.warn(
      `the store of breaker '${this.name}' is down, and this process goes on alone: ${reason}`,
      error,
    )
  }

  #named({ name }: Circuit) {
    return { breaker: this.name, scope: this.#config.scope.label, key: name }
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw new ClosedError(`breaker '${this.name}' was closed`)
  }
}
