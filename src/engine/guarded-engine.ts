import { Op, Status } from '../core/step.js'
import type { Clock } from '../core/time.js'
import type { Timers } from '../core/timers.js'
import { isSluiceError, type SluiceErrorCode, StoreTimeoutError } from '../errors.js'
import type { Events } from '../events.js'
import type { StoreFailurePolicy } from '../policy.js'
import { Deadlines } from './deadlines.js'
import type { AnsweringEngine } from './deny-cache.js'
import type { Check, DecideOptions, Engine, Outcome, Source } from './engine.js'
import { Fallback, type GuardedCheck } from './fallback.js'
import { type GuardedStore, GuardPart } from './guard-part.js'
import { Call, type CallOwner, Look } from './guarded-call.js'

export interface GuardOptions {
  readonly deadlineMs: number
  readonly onStoreFailure: StoreFailurePolicy
  readonly replicas: number
  readonly timers: Timers
  readonly events: Events
  /** What fallback decisions go by. Default: the wall clock. */
  readonly clock?: Clock | undefined
  /** Keys counted at once while the store is down. */
  readonly maxKeys?: number | undefined
}

/** What the store cannot help: the call goes on without it. Anything else is thrown as it is. */
const OUTAGES: readonly SluiceErrorCode[] = [
  'ERR_SLUICE_STORE_UNAVAILABLE',
  'ERR_SLUICE_CONNECTION_LOST',
  'ERR_SLUICE_STORE_TIMEOUT',
  'ERR_SLUICE_OUT_OF_MEMORY',
  'ERR_SLUICE_READ_ONLY',
  'ERR_SLUICE_SCRIPTING',
  'ERR_SLUICE_PERMISSION',
]

const isOutage = (error: unknown): boolean => isSluiceError(error) && OUTAGES.includes(error.code)

/** The store may have done what it was asked. */
const isIndeterminate = (error: unknown): boolean =>
  isSluiceError(error, 'ERR_SLUICE_STORE_TIMEOUT') || isSluiceError(error, 'ERR_SLUICE_CONNECTION_LOST')

const isAcquired = ({ op, leaseId }: Check): boolean => op === Op.consume && leaseId !== undefined

/** Strictest last. */
const STRICTNESS: readonly StoreFailurePolicy[] = ['open', 'local', 'closed']

/** What can be decided anew by somebody else. Everything else is about what the store has counted. */
const isDecision = ({ op }: Check): boolean =>
  op === Op.consume || op === Op.peek || op === Op.grant || op === Op.debit

/**
 * Stands before an engine that has to be asked over a connection. A call waits for its deadline at most; one that failed
 * goes on without the store, by the policy for that, and so do all others until the store answers again.
 *
 * A call that ran into its deadline is indeterminate: it is never sent again, and what comes late is dropped.
 */
export class GuardedEngine implements AnsweringEngine, GuardedStore, CallOwner {
  readonly source: Source
  onAnswer: AnsweringEngine['onAnswer']
  readonly #engine: Engine
  readonly #options: GuardOptions
  readonly #deadlines: Deadlines
  readonly #fallback: Fallback
  readonly #parts = new Map<string | undefined, GuardPart>()
  readonly #whole: GuardPart

  constructor(engine: Engine, options: GuardOptions) {
    this.source = engine.source
    this.#engine = engine
    this.#options = options
    this.#deadlines = new Deadlines(options.timers, options.deadlineMs)
    this.#fallback = new Fallback(options)
    this.#whole = this.#part(undefined)
  }

  decide(request: readonly GuardedCheck[], options: DecideOptions = {}): Promise<Outcome> {
    const [first] = request as readonly [GuardedCheck]
    if (first.fallbackId !== undefined) return this.#settleFallback(request, first.fallbackId)
    const part = this.#partOf(request)
    if (!part.isUp) return this.#withoutStore(part, request, () => part.refusal())
    const sentMs = this.#options.timers.monotonicMs()
    const call = new Call(request, part, this, options.signal, sentMs)
    const answer = this.#engine.decide(request, call)
    this.#deadlines.add(call, this.#deadlineMs(request), sentMs)
    if (answer !== call.promise) {
      answer.then(
        outcome => call.resolve(outcome),
        error => call.reject(error),
      )
    }
    return call.promise
  }

  /** Who has waited for this finds the store in charge: nobody has to wait for the next probe as well. */
  async ready(): Promise<void> {
    await this.#engine.ready()
    await Promise.all([...this.#parts.values()].map(part => part.probe()))
  }

  async close(): Promise<void> {
    for (const part of this.#parts.values()) part.close()
    try {
      await this.#engine.close()
    } finally {
      // What was not answered until now never will be.
      this.#deadlines.expireAll()
      await this.#fallback.close()
    }
  }

  expired(call: Call): void {
    const waitedMs = Math.round(this.#options.timers.monotonicMs() - call.sentMs)
    const error = new StoreTimeoutError(
      `the store did not answer within ${waitedMs} ms; whether anything was charged is unknown, so it is not sent again`,
    )
    call.isExpired = true
    this.failed(call, error)
  }

  /** As a peek does. Any answer will do, also one that callers have to hear of. */
  look({ limit, plan, subject }: GuardedCheck): Promise<boolean> {
    const look = new Look()
    const request = [{ limit, plan, subject, op: Op.peek, n: 1, at: 0 }]
    const answer = this.#engine.decide(request, { caller: look })
    // A store that is too slow for most policies may be quick enough for the one that asks.
    this.#deadlines.add(look, this.#deadlineMs(request), this.#options.timers.monotonicMs())
    answer.then(
      () => look.settle(true),
      error => look.settle(!isOutage(error)),
    )
    return look.promise
  }

  giveBack(held: readonly Check[]): Promise<boolean> {
    // Of a lease that was given back already, or never granted, there is nothing to give back: it may be sent twice.
    return this.#engine.decide(held.map(check => ({ ...check, op: Op.refund }))).then(
      () => true,
      error => !isOutage(error),
    )
  }

  answered(call: Call, outcome: Outcome): void {
    const { part } = call
    if (call.isSettled) {
      if (call.isExpired) part.lateReply(this.#options.timers.monotonicMs() - call.dueMs)
      call.isExpired = false
      return
    }
    part.succeeded()
    this.onAnswer?.(call.request, outcome, call.sentMs)
    call.settle(outcome)
  }

  failed(call: Call, error: unknown): void {
    if (call.isSettled) return
    const { part, request } = call
    if (!isOutage(error)) {
      call.settle(Promise.reject(error))
      return
    }
    part.failed(call.sentMs, error, request[0] as GuardedCheck)
    const held = request.filter(isAcquired)
    if (held.length > 0 && isIndeterminate(error)) part.owe(held)
    call.settle(this.#withoutStore(part, request, () => error))
  }

  async #withoutStore(
    part: GuardPart,
    request: readonly GuardedCheck[],
    why: () => unknown,
  ): Promise<Outcome> {
    const policy = this.#policyOf(request)
    // A debit records what has happened. Refusing it would not undo that, so it is no decision: it has failed.
    const canGoOn = request.every(isDecision) && !(policy === 'closed' && request.some(isDebit))
    if (!canGoOn) throw why()
    part.decided++
    return this.#fallback.decide(request, policy, Math.ceil(part.retryMs * 1000))
  }

  /** What a fallback counted can be given back to it alone: one of another process has nothing here, and stays as it is. */
  async #settleFallback(request: readonly GuardedCheck[], fallbackId: string): Promise<Outcome> {
    if (fallbackId === this.#fallback.id) return this.#fallback.decideLocally(request, 0)
    const looks = request.map(check => ({ ...check, op: Op.peek, n: 1, at: 0 }))
    const outcome = this.#fallback.decideLocally(looks, 0)
    return {
      ...outcome,
      checks: outcome.checks.map(said => ({ ...said, status: Status.allowed, granted: 0 })),
    }
  }

  #deadlineMs(request: readonly GuardedCheck[]): number {
    let deadlineMs = Infinity
    for (const { limit } of request) {
      deadlineMs = Math.min(deadlineMs, limit.outage.deadlineMs ?? this.#options.deadlineMs)
    }
    return deadlineMs
  }

  #policyOf(request: readonly GuardedCheck[]): StoreFailurePolicy {
    const ranks = request.map(({ limit }) =>
      STRICTNESS.indexOf(limit.outage.onStoreFailure ?? this.#options.onStoreFailure),
    )
    return STRICTNESS[Math.max(...ranks)] as StoreFailurePolicy
  }

  #partOf(request: readonly Check[]): GuardPart {
    if (this.#engine.partOf === undefined) return this.#whole
    const name = this.#engine.partOf(request)
    return this.#parts.get(name) ?? this.#part(name)
  }

  #part(name: string | undefined): GuardPart {
    const { timers, events } = this.#options
    const part = new GuardPart(name, timers, events, this)
    this.#parts.set(name, part)
    return part
  }
}

const isDebit = ({ op }: Check): boolean => op === Op.debit
