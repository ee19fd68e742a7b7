import type { Waiter } from './deadlines.js'
import type { Caller, DecideOptions, Deferred, Outcome, UnderWay } from './engine.js'
import type { GuardedCheck } from './fallback.js'
import type { GuardPart } from './guard-part.js'

/** Who sent calls, and hears what became of each. */
export interface CallOwner {
  /** The store has answered. */
  answered(call: Call, outcome: Outcome): void
  /** The store could not be asked, or did not answer in time; or the caller has to hear of what it said. */
  failed(call: Call, error: unknown): void
  /** The deadline has come. */
  expired(call: Call): void
}

/** A request on its way to the store, and what settles it: the engine itself where it can. */
export class Call implements Waiter, Caller, DecideOptions, Deferred {
  readonly request: readonly GuardedCheck[]
  readonly part: GuardPart
  readonly signal: AbortSignal | undefined
  readonly caller: Caller = this
  readonly deferred: Deferred = this
  readonly promise: Promise<Outcome>
  isSettled = false
  /** The deadline has come, and no answer yet. */
  isExpired = false
  readonly sentMs: number
  dueMs = 0
  waitsFor: UnderWay | undefined = undefined
  readonly #guard: CallOwner
  #resolve: (outcome: Outcome | Promise<Outcome>) => void = () => {}

  constructor(
    request: readonly GuardedCheck[],
    part: GuardPart,
    guard: CallOwner,
    signal: AbortSignal | undefined,
    sentMs: number,
  ) {
    this.sentMs = sentMs
    this.request = request
    this.part = part
    this.signal = signal
    this.#guard = guard
    this.promise = new Promise(resolve => {
      this.#resolve = resolve
    })
  }

  get isGone(): boolean {
    return this.isSettled
  }

  settle(outcome: Outcome | Promise<Outcome>): void {
    this.isSettled = true
    this.waitsFor?.callerLeft()
    this.#resolve(outcome)
  }

  resolve(outcome: Outcome): void {
    this.#guard.answered(this, outcome)
  }

  reject(reason: unknown): void {
    this.#guard.failed(this, reason)
  }

  expire(): void {
    this.#guard.expired(this)
  }
}

/** A probe on its way to the store: whether it was answered in time. */
export class Look implements Waiter, Caller {
  readonly promise: Promise<boolean>
  isSettled = false
  dueMs = 0
  waitsFor: UnderWay | undefined = undefined
  readonly #resolve: (answered: boolean) => void

  constructor() {
    const { promise, resolve } = Promise.withResolvers<boolean>()
    this.promise = promise
    this.#resolve = resolve
  }

  get isGone(): boolean {
    return this.isSettled
  }

  settle(answered: boolean): void {
    this.isSettled = true
    this.waitsFor?.callerLeft()
    this.#resolve(answered)
  }

  expire(): void {
    this.settle(false)
  }
}
