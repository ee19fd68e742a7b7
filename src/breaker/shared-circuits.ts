import { CircuitOp, type CircuitRequest, CircuitStatus } from '../core/circuit-plan.js'
import { type CircuitState, Forced, Phase } from '../core/circuit-state.js'
import type { Clock } from '../core/time.js'
import type { Timers } from '../core/timers.js'
import { ClosedError } from '../errors.js'
import type { Admission, Circuit } from './circuit.js'
import { type Answered, CircuitBatcher } from './circuit-batcher.js'
import { copyOfCircuit } from './circuit-copy.js'
import type { CallOutcome } from './circuit-outcome.js'
import type { CircuitStore } from './circuit-store.js'
import type { CircuitResult } from './circuit-wire.js'
import type { CircuitSource, Circuits, CircuitsContext } from './circuits.js'
import { LocalCircuits } from './local-circuits.js'
import { SharedSettings } from './shared-settings.js'
import { StoreParts } from './store-parts.js'

export interface SharedOptions {
  /** What this process knows of a circuit is at most so old when it decides by it. */
  readonly maxAgeMs: number
  readonly deadlineMs: number
  readonly source: CircuitSource
  readonly timers: Timers
  readonly clock: Clock
  /** All that this process knows. */
  readonly circuits: Iterable<Circuit>
  onStoreDown(part: string | undefined, error: unknown): void
  onStoreUp(part: string | undefined, downMs: number): void
  /** A circuit cannot be kept in the store, whatever its state: another's value is there. */
  onRefused(circuit: Circuit, status: CircuitStatus): void
}

const NOTHING = { generation: 0, a: 0, b: 0, ticket: 0 }
const LOOK: CircuitRequest = { ...NOTHING, op: CircuitOp.look }
const ACQUIRE: CircuitRequest = { ...NOTHING, op: CircuitOp.acquire }

/**
 * Circuits in a store that other processes use as well. Calls are answered by what this process knows, which is looked
 * up again in the background before it is too old, so that they wait only where nothing is known or a probe may be due.
 * While the store, or the part of it that has a circuit, cannot be asked, each process goes on with its own copies.
 */
export class SharedCircuits implements Circuits {
  readonly #context: CircuitsContext
  readonly #options: SharedOptions
  readonly #timers: Timers
  readonly #store: CircuitStore
  readonly #batcher: CircuitBatcher
  readonly #parts: StoreParts
  readonly #local: LocalCircuits
  readonly #settings: SharedSettings
  /** Circuits with calls that were not reported yet. */
  readonly #unreported = new Set<Circuit>()
  /** The store's clock less the monotonic one, us. */
  #offsetUs: number | undefined
  #flushDue = false
  #cancelFlush: (() => void) | undefined
  #isClosed = false

  constructor(store: CircuitStore, context: CircuitsContext, options: SharedOptions) {
    const { timers, deadlineMs } = options
    this.#store = store
    this.#context = context
    this.#options = options
    this.#timers = timers
    this.#local = new LocalCircuits(context, 'fallback', () => this.#nowUs())
    this.#parts = new StoreParts(store, timers, {
      probe: identity => this.#probe(identity),
      onDown: (part, error) => options.onStoreDown(part, error),
      onUp: (part, downMs) => this.#goOn(part, downMs),
    })
    this.#settings = new SharedSettings(store, { ...options, onSettings: text => context.onSettings(text) })
    this.#batcher = new CircuitBatcher(store, context.plan, timers, deadlineMs, {
      onAnswer: identity => this.#parts.succeeded(identity),
      onFailure: (identity, sentMs, error) => this.#parts.failed(identity, sentMs, error),
      onLateAnswer: (identity, request, result) => this.#giveBack(identity, request, result),
    })
  }

  admit(circuit: Circuit, signal?: AbortSignal): Admission | Promise<Admission> {
    if (!this.#canAsk(circuit)) return this.#admitWithout(circuit)
    // It may have come to a part that never failed.
    if (circuit.state !== undefined) this.#handOver(circuit)
    const nowMs = this.#timers.monotonicMs()
    this.#settings.used(nowMs)
    const ageMs = nowMs - circuit.seenMs
    const { maxAgeMs } = this.#options
    if (ageMs >= maxAgeMs && !circuit.isRefused) return this.#ask(circuit, signal)
    if (ageMs >= maxAgeMs / 2 && !circuit.refreshing) this.#refresh(circuit)
    if (circuit.isRefused) return this.#admitWithout(circuit)
    return this.#byWhatIsKnown(circuit, nowMs) ?? this.#ask(circuit, signal)
  }

  report(circuit: Circuit, admission: Admission, outcome: CallOutcome): void {
    if (!this.#canAsk(circuit) || circuit.isRefused) {
      circuit.state ??= this.#copyOf(circuit)
      this.#local.report(circuit, admission, outcome)
      return
    }
    const { ticket, generation } = admission
    if (ticket > 0) {
      const a = outcome === 'failure' ? 1 : 0
      const b = outcome === 'success' ? 1 : 0
      this.#send(circuit, { op: CircuitOp.report, generation, a, b, ticket })
    } else if (outcome === 'ignore') {
      return
    } else if (generation !== circuit.generation) {
      circuit.counts.staleReports++
    } else if (outcome === 'failure') {
      circuit.failures++
      this.#unreported.add(circuit)
      this.#flushSoon()
    } else if (this.#context.countsSuccesses()) {
      circuit.successes++
      this.#unreported.add(circuit)
      this.#cancelFlush ??= this.#timers.after(this.#options.maxAgeMs / 2, () => this.#flushSoon())
    }
  }

  async order(circuit: Circuit, request: CircuitRequest): Promise<CircuitResult> {
    if (this.#isClosed) throw new ClosedError('the breaker was closed')
    if (!this.#parts.isUp(circuit.identity)) throw this.#parts.refusal(circuit.identity)
    const answered = await this.#batcher.step(circuit.identity, request)
    this.#learn(circuit, request, answered)
    return answered.result
  }

  refresh(): void {
    const nowMs = this.#timers.monotonicMs()
    for (const circuit of this.#options.circuits) {
      const isSettled = circuit.phase === Phase.closed && circuit.forced === Forced.no
      if (
        isSettled ||
        !this.#canAsk(circuit) ||
        circuit.refreshing ||
        nowMs - circuit.seenMs < this.#options.maxAgeMs / 2
      )
        continue
      this.#refresh(circuit)
    }
  }

  async share(change: (settings: string | undefined) => string): Promise<void> {
    if (this.#isClosed) throw new ClosedError('the breaker was closed')
    await this.#settings.share(change)
  }

  async flush(): Promise<void> {
    this.#flush()
    await this.#batcher.settled()
  }

  ready(): Promise<void> {
    return this.#store.ready()
  }

  async close(): Promise<void> {
    if (!this.#isClosed) {
      await this.flush()
      this.#isClosed = true
    }
    this.#parts.close()
    this.#cancelFlush?.()
    this.#batcher.close()
    await this.#store.close()
  }

  /** Undefined where a probe may be due. */
  #byWhatIsKnown(circuit: Circuit, nowMs: number): Admission | undefined {
    if (circuit.phase === Phase.closed) return circuit.pass
    if (nowMs >= circuit.retryMs) return undefined
    const { phase, forced, generation, retryMs } = circuit
    const waitUs = Math.ceil((retryMs - nowMs) * 1000)
    return { allowed: false, phase, forced, generation, ticket: 0, waitUs }
  }

  /** What was opened without the store is taken there, so that the fleet need not find out anew. */
  #handOver(circuit: Circuit): void {
    const { state } = circuit
    if (state === undefined || circuit.isRefused) return
    circuit.state = undefined
    circuit.seenMs = Number.NEGATIVE_INFINITY
    const { phase, generation, untilUs, attempt } = state
    if (phase === Phase.closed || state.forced !== Forced.no) return
    this.#send(circuit, { op: CircuitOp.adopt, generation, a: untilUs, b: attempt, ticket: 0 })
  }

  #canAsk({ identity }: Circuit): boolean {
    return !this.#isClosed && this.#parts.isUp(identity)
  }

  #admitWithout(circuit: Circuit): Admission {
    circuit.state ??= this.#copyOf(circuit)
    return this.#local.admit(circuit)
  }

  /** One question about a circuit at a time: whoever comes meanwhile goes by its answer, as long as that tells enough. */
  async #ask(circuit: Circuit, signal: AbortSignal | undefined): Promise<Admission> {
    while (circuit.asking !== undefined) {
      const answered = await circuit.asking
      signal?.throwIfAborted()
      if (!answered || !this.#parts.isUp(circuit.identity)) return this.#admitWithout(circuit)
      const known = this.#byWhatIsKnown(circuit, this.#timers.monotonicMs())
      if (known !== undefined) return known
    }
    const asked = this.#batcher.step(circuit.identity, ACQUIRE)
    circuit.asking = asked
      .then(
        answered => this.#learn(circuit, ACQUIRE, answered),
        () => false,
      )
      .finally(() => {
        circuit.asking = undefined
      })
    if (!(await circuit.asking)) return this.#admitWithout(circuit)
    const { status, phase, forced, generation, ticket, waitUs } = (await asked).result
    const allowed = status === CircuitStatus.done
    return { allowed, phase, forced, generation, ticket, waitUs: allowed ? 0 : waitUs }
  }

  #refresh(circuit: Circuit): void {
    circuit.refreshing = true
    this.#send(circuit, LOOK).finally(() => {
      circuit.refreshing = false
    })
  }

  /** For what nobody waits for. Never rejects. */
  async #send(circuit: Circuit, request: CircuitRequest): Promise<boolean> {
    try {
      return this.#learn(circuit, request, await this.#batcher.step(circuit.identity, request))
    } catch {
      // The health of the store was told of it. What was to be counted is lost, or counted already.
      return false
    }
  }

  /** Takes note of what the store says. @returns whether it says anything of the circuit */
  #learn(circuit: Circuit, request: CircuitRequest, { result, sentMs, nowUs }: Answered): boolean {
    this.#offsetUs = nowUs - sentMs * 1000
    const { status, phase, forced, generation, attempt, waitUs, was } = result
    circuit.seenMs = sentMs
    if (status === CircuitStatus.wrongType || status === CircuitStatus.foreignValue) {
      if (!circuit.isRefused) this.#options.onRefused(circuit, status)
      circuit.isRefused = true
      return false
    }
    if (circuit.isRefused) circuit.state = undefined
    circuit.isRefused = false
    circuit.show(phase, forced, generation, attempt)
    circuit.retryMs = waitUs === 0 ? 0 : sentMs + waitUs / 1000
    // An opening that was taken over was told of when it was made.
    if (was !== -1 && request.op !== CircuitOp.adopt)
      this.#context.onTransition(circuit, was, result, this.#options.source)
    return true
  }

  /** A place that was given to somebody who did not wait for it. If this is lost, it is free when its time is over. */
  #giveBack(identity: string, { op }: CircuitRequest, { ticket, generation }: CircuitResult): void {
    if (ticket === 0 || this.#isClosed) return
    const back = op === CircuitOp.isolate ? CircuitOp.release : CircuitOp.report
    this.#batcher.step(identity, { op: back, generation, a: 0, b: 0, ticket }).catch(() => {})
  }

  #flushSoon(): void {
    if (this.#flushDue) return
    this.#flushDue = true
    process.nextTick(() => this.#flush())
  }

  #flush(): void {
    this.#flushDue = false
    this.#cancelFlush?.()
    this.#cancelFlush = undefined
    for (const circuit of this.#unreported) {
      const { generation, failures, successes } = circuit
      circuit.failures = 0
      circuit.successes = 0
      if (failures + successes === 0 || !this.#parts.isUp(circuit.identity)) continue
      const request = { op: CircuitOp.report, generation, a: failures, b: successes, ticket: 0 }
      this.#report(circuit, request)
    }
    this.#unreported.clear()
  }

  async #report(circuit: Circuit, request: CircuitRequest): Promise<void> {
    try {
      const answered = await this.#batcher.step(circuit.identity, request)
      if (answered.result.status === CircuitStatus.stale) circuit.counts.staleReports += request.a + request.b
      this.#learn(circuit, request, answered)
    } catch {
      // As with `#send`.
    }
  }

  /** Whatever the store answers: it does. */
  #probe(identity: string): Promise<boolean> {
    return this.#batcher.step(identity, LOOK).then(
      () => true,
      () => false,
    )
  }

  /** The store's clock, as far as it can be told without it. */
  #nowUs(): number {
    if (this.#offsetUs === undefined) return this.#options.clock.nowUs()
    return Math.floor(this.#offsetUs + this.#timers.monotonicMs() * 1000)
  }

  #copyOf(circuit: Circuit): CircuitState {
    return copyOfCircuit(circuit, this.#nowUs(), this.#timers.monotonicMs())
  }

  /** A part decides again. */
  #goOn(part: string | undefined, downMs: number): void {
    for (const circuit of this.#options.circuits) if (this.#canAsk(circuit)) this.#handOver(circuit)
    this.#options.onStoreUp(part, downMs)
  }
}
