import type { Timers } from './core/timers.js'
import type { Decision } from './decision.js'
import { LeaseLostError } from './errors.js'

/** What a lease asks of its limiter. */
export interface LeaseStore {
  /** Extends the lease. False: the store does not know it any more. */
  renew(): Promise<boolean>
  release(): Promise<void>
  /** The lease was lost. */
  lost(error: LeaseLostError): void
}

/** Either `Lease` or `RefusedLease`: `acquired` tells which. */
export type Acquisition = Lease | RefusedLease

/** There was no room, and nothing was charged. */
export class RefusedLease implements AsyncDisposable {
  readonly acquired = false
  /** Why, and of which limit. */
  readonly decision: Decision

  constructor(decision: Decision) {
    this.decision = decision
  }

  /** ms until it could pass. A hint where a concurrency limit is full: a release comes earlier, a renewal later. */
  get retryAfterMs(): number {
    return this.decision.retryAfterMs
  }

  /** There is nothing to release; so that `await using` works before `acquired` is looked at. */
  async [Symbol.asyncDispose](): Promise<void> {}
}

/** Renewals in the time of one lease: one may fail and the next still comes in time. */
const RENEWALS_PER_LEASE = 3

/**
 * Units of a concurrency limit, held until `release()` or until the lease ends without a renewal, so that a holder that
 * crashed does not hold them for ever.
 *
 * The store counts the lease from when it got the request; the holder counts it from before sending, so that it stops
 * before others may take the units. Then, or when a renewal finds the lease gone, `signal` aborts: stop what the units
 * are held for.
 */
export class Lease implements AsyncDisposable {
  readonly acquired = true
  /** Unique to this lease: its name in the store. */
  readonly id: string
  readonly decision: Decision
  readonly #policy: string
  readonly #leaseMs: number
  readonly #store: LeaseStore
  readonly #timers: Timers
  readonly #autoRenew: boolean
  readonly #abort = new AbortController()
  #deadlineMs: number
  #cancelEnd: () => void = () => {}
  #cancelRenewal: () => void = () => {}
  #released: Promise<void> | undefined

  /** @param sentAtMs `timers.monotonicMs()` before the request was sent */
  constructor(options: {
    readonly id: string
    readonly policy: string
    readonly decision: Decision
    readonly leaseMs: number
    readonly sentAtMs: number
    readonly autoRenew: boolean
    readonly store: LeaseStore
    readonly timers: Timers
  }) {
    this.id = options.id
    this.decision = options.decision
    this.#policy = options.policy
    this.#leaseMs = options.leaseMs
    this.#store = options.store
    this.#timers = options.timers
    this.#autoRenew = options.autoRenew
    this.#deadlineMs = options.sentAtMs + options.leaseMs
    this.#awaitEnd()
    this.#awaitRenewal()
  }

  /** Aborts when the lease is lost, with a `LeaseLostError` as its reason. A release does not abort it. */
  get signal(): AbortSignal {
    return this.#abort.signal
  }

  /** ms for which the units are safely held without another renewal; 0 once the lease is lost or released. */
  get remainingMs(): number {
    if (this.#over) return 0
    return Math.max(0, this.#deadlineMs - this.#timers.monotonicMs())
  }

  /**
   * Holds the units for a whole lease from now. Rejects with a `LeaseLostError` when they are gone; with the error of the
   * store when it could not be asked, and then the lease still lasts until its end.
   */
  async renew(): Promise<void> {
    if (this.#over) throw this.#whyOver()
    const sentAtMs = this.#timers.monotonicMs()
    const held = await this.#store.renew()
    if (this.#over) throw this.#whyOver()
    if (!held) {
      const error = new LeaseLostError(
        this.#policy,
        `policy '${this.#policy}': the store does not know lease '${this.id}' any more; it ended, or was reset`,
      )
      this.#lose(error)
      throw error
    }
    this.#deadlineMs = sentAtMs + this.#leaseMs
    this.#awaitEnd()
  }

  /**
   * Gives the units back. Idempotent. Call it for a lost lease too, once the work has stopped: a renewal that was on its way
   * may have kept the units. When the store cannot be asked, it rejects, and the units come back at the end of the lease.
   */
  release(): Promise<void> {
    if (this.#released === undefined) {
      this.#stopTimers()
      this.#released = this.#store.release()
    }
    return this.#released
  }

  /** Releases. A store that cannot be asked does not make the work fail: the lease ends by itself. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.release().catch(() => {})
  }

  get #over(): boolean {
    return this.#released !== undefined || this.signal.aborted
  }

  #whyOver(): LeaseLostError {
    if (this.signal.aborted) return this.signal.reason as LeaseLostError
    return new LeaseLostError(this.#policy, `policy '${this.#policy}': lease '${this.id}' was released`)
  }

  #awaitEnd(): void {
    this.#cancelEnd()
    this.#cancelEnd = this.#timers.after(this.#deadlineMs - this.#timers.monotonicMs(), () =>
      this.#lose(
        new LeaseLostError(
          this.#policy,
          `policy '${this.#policy}': lease '${this.id}' ended after ${this.#leaseMs} ms without a renewal`,
        ),
      ),
    )
  }

  #awaitRenewal(): void {
    if (!this.#autoRenew) return
    this.#cancelRenewal = this.#timers.after(this.#leaseMs / RENEWALS_PER_LEASE, async () => {
      // A store that cannot be asked now may be back at the next turn; the end of the lease is watched apart.
      await this.renew().catch(() => {})
      if (!this.#over) this.#awaitRenewal()
    })
  }

  #lose(error: LeaseLostError): void {
    this.#stopTimers()
    this.#abort.abort(error)
    this.#store.lost(error)
  }

  #stopTimers(): void {
    this.#cancelEnd()
    this.#cancelRenewal()
  }
}
