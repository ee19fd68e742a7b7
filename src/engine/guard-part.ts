import { Breaker, type BreakerState } from '../core/breaker.js'
import type { Timers } from '../core/timers.js'
import { StoreUnavailableError } from '../errors.js'
import { wordsOf } from '../events/words.js'
import type { Events } from '../events.js'
import type { Check } from './engine.js'
import type { GuardedCheck } from './fallback.js'

const BREAKER = { failuresMax: 5, backoff: { firstMs: 100, maxMs: 1_000 } }

/** What a part asks of its store. */
export interface GuardedStore {
  /** Looks at the key of a check, which charges nothing. Resolves to whether the store answered; never rejects. */
  look(check: GuardedCheck): Promise<boolean>
  /** Gives back leases that the store may have granted to nobody. Resolves to whether it could be asked; never rejects. */
  giveBack(held: readonly Check[]): Promise<boolean>
}

/** Requests whose leases are given back as soon as the store answers. Those of more end by themselves. */
const OWED_MAX = 1_000

/** What a guard knows of one part of its store: the circuit breaker, and the probe that closes it again. */
export class GuardPart {
  /** Calls decided without the store in this outage. */
  decided = 0
  readonly #name: string | undefined
  readonly #timers: Timers
  readonly #events: Events
  readonly #store: GuardedStore
  #owed: (readonly Check[])[] = []
  readonly #breaker = new Breaker(BREAKER)
  #cancelProbe: () => void = () => {}
  #probing: Promise<void> = Promise.resolve()
  /** What the store was asked when it failed: a probe looks at the same key. */
  #suspect: GuardedCheck | undefined
  #isClosed = false
  #downSinceMs = 0
  #error: unknown

  constructor(name: string | undefined, timers: Timers, events: Events, store: GuardedStore) {
    this.#name = name
    this.#timers = timers
    this.#events = events
    this.#store = store
  }

  /** The part takes calls. */
  get isUp(): boolean {
    return this.#breaker.state === 'closed'
  }

  /** ms until it will be asked again, at least 1. */
  get retryMs(): number {
    return this.isUp ? 1 : Math.max(1, this.#breaker.retryAtMs - this.#timers.monotonicMs())
  }

  succeeded(): void {
    this.#breaker.succeeded(this.#timers.monotonicMs())
    if (this.#owed.length > 0) this.#payBack()
  }

  /** @param check what the store was asked */
  failed(sentMs: number, error: unknown, check: GuardedCheck): void {
    const nowMs = this.#timers.monotonicMs()
    if (this.#events.has('storeError')) this.#events.emit('storeError', { part: this.#name, error })
    if (!this.#breaker.failed(sentMs, nowMs)) return
    this.#error = error
    this.#downSinceMs = nowMs
    this.decided = 0
    this.#changed('closed')
    this.#tellDown(error)
    this.#suspect = check
    this.#awaitProbe()
  }

  /** The holder of these leases went on without them, and the store may have granted them all the same. */
  owe(held: readonly Check[]): void {
    if (this.#owed.length < OWED_MAX) this.#owed.push(held)
  }

  lateReply(lateMs: number): void {
    if (this.#events.has('lateReply')) this.#events.emit('lateReply', { part: this.#name, lateMs })
  }

  /** Why a call is not sent at all. */
  refusal(): StoreUnavailableError {
    const { message } = this.#error instanceof Error ? this.#error : { message: String(this.#error) }
    return new StoreUnavailableError(
      `the store is not asked while it is down, so nothing was charged; what made it fail: ${message}`,
      { cause: this.#error },
    )
  }

  /** Where the part is down: asks now, or waits for who is asking. Resolves when that was answered, or was not. */
  probe(): Promise<void> {
    const check = this.#suspect
    if (check !== undefined && !this.#isClosed && this.#breaker.beginProbe()) {
      this.#cancelProbe()
      this.#changed('open')
      this.#probing = this.#store.look(check).then(answered => this.#probed(answered))
    }
    return this.#probing
  }

  close(): void {
    this.#isClosed = true
    this.#cancelProbe()
  }

  /** By a timer of its own and not by a caller, so that nobody waits for it and none is needed for the store to come back. */
  #awaitProbe(): void {
    if (this.#isClosed) return
    const delayMs = this.#breaker.retryAtMs - this.#timers.monotonicMs()
    this.#cancelProbe = this.#timers.after(delayMs, () => void this.probe())
  }

  #probed(answered: boolean): void {
    const nowMs = this.#timers.monotonicMs()
    this.#breaker.endProbe(answered, nowMs)
    this.#changed('half-open')
    if (!answered) {
      this.#awaitProbe()
      return
    }
    this.#payBack()
    const up = { part: this.#name, downMs: nowMs - this.#downSinceMs, decided: this.decided }
    if (this.#events.has('storeUp')) this.#events.emit('storeUp', up)
  }

  #payBack(): void {
    for (const held of this.#owed.splice(0)) {
      this.#store.giveBack(held).then(wasAsked => {
        if (!wasAsked) this.owe(held)
      })
    }
  }

  #changed(from: BreakerState): void {
    if (!this.#events.has('breaker')) return
    this.#events.emit('breaker', { part: this.#name, from, to: this.#breaker.state })
  }

  /** A fleet that decides without its store has to be noticed: where nobody listens, it is a warning. */
  #tellDown(error: unknown): void {
    if (this.#events.has('storeDown')) {
      this.#events.emit('storeDown', { part: this.#name, error })
      return
    }
    this.#events.warn(`the store is down, and calls are decided without it: ${wordsOf(error)}`, error)
  }
}
