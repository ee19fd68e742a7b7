import type { BreakerState } from '../core/breaker.js'
import { CircuitOp, type CircuitRequest, CircuitStatus } from '../core/circuit-plan.js'
import { Forced } from '../core/circuit-state.js'
import { cdiv } from '../core/time.js'
import { CheckError } from '../errors.js'
import { type DurationText, parseDuration } from '../policy.js'
import type { ScopedCall } from '../scope.js'
import type { Subject } from '../subject.js'
import { forcedOf, stateOf } from './breaker-events.js'
import type { CircuitResult } from './circuit-wire.js'

/** What a call is for: text, or named parts such as `{ server, method }`. */
export type BreakerSubject = Subject | ScopedCall

export interface OrderOptions {
  /** How long the order stands, up to 400 days. Default: `'24h'`. */
  readonly for?: DurationText | undefined
}

/** How a circuit stands. */
export interface CircuitView {
  readonly state: BreakerState
  /** Which way an operator holds it; undefined: neither. */
  readonly forced: 'open' | 'closed' | undefined
  /** ms until a call may pass, rounded up; 0: now. */
  readonly retryAfterMs: number
  /** Openings since it was last closed. */
  readonly attempt: number
}

/** One of those who hold a circuit open: it stays so until the last of them has let go. */
export interface Isolation {
  release(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** What operators do with circuits. */
export abstract class BreakerOrders {
  abstract readonly name: string

  /** @throws StoreUnavailableError, … when the store cannot be asked */
  protected abstract order(subject: BreakerSubject, request: CircuitRequest): Promise<CircuitResult>

  /** How the circuit of a subject stands, in the store. @throws StoreUnavailableError, … */
  async state(subject: BreakerSubject): Promise<CircuitView> {
    const result = await this.order(subject, requestOf(CircuitOp.look))
    return {
      state: stateOf(result.phase),
      forced: forcedOf(result.forced),
      retryAfterMs: cdiv(result.waitUs, 1000),
      attempt: result.attempt,
    }
  }

  /** Refuses every call until the order ends, whatever the calls say. @throws StoreUnavailableError, … */
  async forceOpen(subject: BreakerSubject, options?: OrderOptions): Promise<void> {
    await this.order(subject, requestOf(CircuitOp.force, { a: Forced.open, b: readFor(options) }))
  }

  /** Lets every call pass until the order ends, and counts none. @throws StoreUnavailableError, … */
  async forceClose(subject: BreakerSubject, options?: OrderOptions): Promise<void> {
    await this.order(subject, requestOf(CircuitOp.force, { a: Forced.closed, b: readFor(options) }))
  }

  /** Takes `forceOpen` and `forceClose` back: the circuit goes on as it stood. @throws StoreUnavailableError, … */
  async unforce(subject: BreakerSubject): Promise<void> {
    await this.order(subject, requestOf(CircuitOp.force, { a: Forced.no }))
  }

  /** Closes the circuit, and forgets its calls, orders and isolations. @throws StoreUnavailableError, … */
  async reset(subject: BreakerSubject): Promise<void> {
    await this.order(subject, requestOf(CircuitOp.reset))
  }

  /**
   * Holds a circuit open until it is released, or the time is over; several may, and the last one to let go opens the
   * way. At most 16 at once.
   *
   * @throws CheckError when too many do; StoreUnavailableError, …
   */
  async isolate(subject: BreakerSubject, options?: OrderOptions): Promise<Isolation> {
    const { status, ticket } = await this.order(
      subject,
      requestOf(CircuitOp.isolate, { a: readFor(options) }),
    )
    if (status === CircuitStatus.badRequest) {
      throw new CheckError(
        `breaker '${this.name}': 16 others isolate this circuit already; release one first`,
      )
    }
    const release = async () => {
      await this.order(subject, requestOf(CircuitOp.release, { ticket }))
    }
    return { release, [Symbol.asyncDispose]: release }
  }
}

const requestOf = (op: CircuitOp, numbers: Partial<CircuitRequest> = {}): CircuitRequest => ({
  ...{ op, generation: 0, a: 0, b: 0, ticket: 0 },
  ...numbers,
})

const readFor = (options: OrderOptions | undefined): number => parseDuration(options?.for ?? '24h', 'for')
