import { monotonicMs } from '../core/time.js'
import type { Decision } from '../decision.js'
import type { Engine, Outcome, SyncEngine } from '../engine/engine.js'
import { ClosedError } from '../errors.js'
import { type Asked, type Call, type Events, isRequest } from '../events.js'
import type { KeyBuilder } from '../keys.js'
import { assertOptions } from './call-options.js'
import { isStale, readOutcome } from './outcome.js'
import { type PlannedCheck, replan } from './request.js'
import type { Tally } from './tally.js'
import type { CheckOptions } from './types.js'

/** One call of the limiter, planned. */
export interface Request {
  /** Undefined: it is a part of a call, and whoever makes that tells the listeners. */
  readonly call?: Call
  readonly asked: readonly Asked[]
  /** Lazily, so that what is wrong with the call is told to listeners too. */
  readonly plan: () => readonly PlannedCheck[]
}

/** Sends requests to the engine, reads its outcomes, and tells the listeners. */
export class Dispatcher {
  readonly #engine: Engine
  readonly #keyOf: KeyBuilder
  readonly #events: Events
  readonly #tally: Tally
  #closed = false

  constructor(engine: Engine, keyOf: KeyBuilder, events: Events, tally: Tally) {
    this.#tally = tally
    this.#engine = engine
    this.#keyOf = keyOf
    this.#events = events
  }

  async decide(request: Request, given?: CheckOptions): Promise<Decision> {
    const startedMs = this.startedMs()
    try {
      this.#begin(request, given)
      const options = given?.signal === undefined ? {} : { signal: given.signal }
      let checks = request.plan()
      let outcome = await this.#engine.decide(checks, options)
      if (isStale(outcome)) {
        checks = replan(checks, outcome)
        outcome = await this.#engine.decide(checks, options)
      }
      return this.#read(request, checks, outcome, startedMs)
    } catch (error) {
      throw this.failed(request, error)
    }
  }

  decideSync(request: Request, engine: SyncEngine, given?: CheckOptions): Decision {
    const startedMs = this.startedMs()
    try {
      this.#begin(request, given)
      let checks = request.plan()
      let outcome = engine.decideSync(checks)
      if (isStale(outcome)) {
        checks = replan(checks, outcome)
        outcome = engine.decideSync(checks)
      }
      return this.#read(request, checks, outcome, startedMs)
    } catch (error) {
      throw this.failed(request, error)
    }
  }

  /** Tells the listeners of an error that the caller is about to get. */
  failed({ call, asked }: Omit<Request, 'plan'>, error: unknown): unknown {
    if (call === undefined) return error
    this.#tally.failed()
    if (this.#events.has('error')) this.#events.emit('error', { call, asked, error })
    return error
  }

  assertOpen(): void {
    if (this.#closed) throw new ClosedError('the limiter was closed; make another one with createLimiter')
  }

  close(): void {
    this.#closed = true
  }

  /** When a call began, ms, where somebody wants to know how long it took. */
  startedMs(): number {
    return this.#events.has('decision') ? monotonicMs() : 0
  }

  /** Counts a call that was decided, and tells the listeners. */
  decided(call: Call, asked: readonly Asked[], decision: Decision, startedMs: number): void {
    if (isRequest(call)) {
      const [first] = asked
      if (asked.length === 1 && first !== undefined) {
        this.#tally.countOne(first.policy, decision.allowed, decision.source)
      } else {
        this.#tally.count(asked, decision)
      }
    }
    if (!this.#events.has('decision')) return
    const durationMs = startedMs === 0 ? 0 : monotonicMs() - startedMs
    this.#events.emit('decision', { call, asked, decision, durationMs })
  }

  #begin({ call }: Request, given: CheckOptions | undefined): void {
    this.assertOpen()
    if (given === undefined) return
    if (call !== undefined) assertOptions(call, given)
    given.signal?.throwIfAborted()
  }

  #read(
    { call, asked }: Request,
    checks: readonly PlannedCheck[],
    outcome: Outcome,
    startedMs: number,
  ): Decision {
    const decision = readOutcome(checks, outcome, this.#engine.source, this.#keyOf)
    if (call !== undefined) this.decided(call, asked, decision, startedMs)
    return decision
  }
}
