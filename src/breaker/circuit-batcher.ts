import type { CircuitPlan, CircuitRequest } from '../core/circuit-plan.js'
import type { Timers } from '../core/timers.js'
import { ClosedError, StoreTimeoutError } from '../errors.js'
import type { CircuitItem, CircuitStore } from './circuit-store.js'
import { type CircuitResult, STEPS_MAX } from './circuit-wire.js'

/** Batches of a group under way at once: from then on what is asked gathers until one is answered. */
const IN_FLIGHT_MAX = 4
/** Steps that wait to be sent. More would only wait longer than anybody does. */
const WAITING_MAX = 100_000

/** How a step went, and when it was sent, on the monotonic clock. */
export interface Answered {
  readonly result: CircuitResult
  readonly sentMs: number
  /** The store's clock, us since the Unix epoch. */
  readonly nowUs: number
}

interface Waiting extends CircuitItem {
  readonly resolve: (answered: Answered) => void
  readonly reject: (error: unknown) => void
}

export interface BatcherEvents {
  /** The store answered. @param identity of a circuit of the batch */
  onAnswer(identity: string): void
  /** It did not, or not in time. */
  onFailure(identity: string, sentMs: number, error: unknown): void
  /** A step was made of which nobody heard in time. */
  onLateAnswer(identity: string, request: CircuitRequest, result: CircuitResult): void
}

/**
 * Turns steps into batches without a timer: what is asked for in one turn of the event loop goes out together at its
 * end, one call of the store for each group; while `IN_FLIGHT_MAX` are under way, what comes next gathers.
 */
export class CircuitBatcher {
  readonly #store: CircuitStore
  readonly #plan: () => CircuitPlan
  readonly #timers: Timers
  readonly #deadlineMs: number
  readonly #events: BatcherEvents
  readonly #groups = new Map<number, Waiting[]>()
  readonly #inFlight = new Map<number, number>()
  readonly #settling = new Set<Promise<unknown>>()
  #waiting = 0
  #flushDue = false

  constructor(
    store: CircuitStore,
    plan: () => CircuitPlan,
    timers: Timers,
    deadlineMs: number,
    events: BatcherEvents,
  ) {
    this.#store = store
    this.#plan = plan
    this.#timers = timers
    this.#deadlineMs = deadlineMs
    this.#events = events
  }

  /** @throws what the store failed with, or StoreTimeoutError */
  step(identity: string, request: CircuitRequest): Promise<Answered> {
    if (this.#waiting >= WAITING_MAX) {
      return Promise.reject(
        new StoreTimeoutError(`${WAITING_MAX} steps of circuits wait for the store already`),
      )
    }
    const answer = new Promise<Answered>((resolve, reject) => {
      const waiting = { identity, request, resolve, reject }
      const group = this.#store.groupOf(identity)
      const others = this.#groups.get(group)
      if (others === undefined) this.#groups.set(group, [waiting])
      else others.push(waiting)
      this.#waiting++
    })
    this.#wake()
    const settled = answer.catch(() => {})
    this.#settling.add(settled)
    settled.then(() => this.#settling.delete(settled))
    return answer
  }

  /** Resolves when everything asked for so far was answered, or failed. */
  async settled(): Promise<void> {
    await Promise.all(this.#settling)
  }

  /** Gives up what was not sent. */
  close(): void {
    const closed = new ClosedError('the breaker was closed')
    for (const group of this.#groups.values()) for (const { reject } of group) reject(closed)
    this.#groups.clear()
    this.#waiting = 0
  }

  #wake(): void {
    if (this.#flushDue) return
    this.#flushDue = true
    process.nextTick(this.#flush)
  }

  readonly #flush = (): void => {
    this.#flushDue = false
    for (const [group, waiting] of this.#groups) {
      while (waiting.length > 0 && (this.#inFlight.get(group) ?? 0) < IN_FLIGHT_MAX) {
        this.#send(group, waiting.splice(0, STEPS_MAX))
      }
      if (waiting.length === 0) this.#groups.delete(group)
    }
  }

  #send(group: number, batch: readonly Waiting[]): void {
    this.#waiting -= batch.length
    this.#inFlight.set(group, (this.#inFlight.get(group) ?? 0) + 1)
    const sentMs = this.#timers.monotonicMs()
    const { identity } = batch[0] as Waiting
    let isOver = false
    const over = (error?: unknown) => {
      if (isOver) return false
      isOver = true
      cancel()
      const others = (this.#inFlight.get(group) as number) - 1
      if (others > 0) this.#inFlight.set(group, others)
      else this.#inFlight.delete(group)
      if (error === undefined) {
        this.#events.onAnswer(identity)
      } else {
        this.#events.onFailure(identity, sentMs, error)
        for (const { reject } of batch) reject(error)
      }
      if (this.#waiting > 0) this.#wake()
      return true
    }
    const cancel = this.#timers.after(this.#deadlineMs, () => {
      const message = `the store of the circuits did not answer within ${this.#deadlineMs} ms; what was sent may be counted`
      // Answers that came in while this process was busy are waiting to be read: they go first.
      setImmediate(() => setImmediate(() => over(new StoreTimeoutError(message))))
    })
    this.#store.apply(this.#plan(), batch).then(
      ({ nowUs, results }) => {
        const isInTime = over()
        for (const [i, { identity, request, resolve }] of batch.entries()) {
          const result = results[i] as CircuitResult
          if (isInTime) resolve({ result, sentMs, nowUs })
          else this.#events.onLateAnswer(identity, request, result)
        }
      },
      error => over(error ?? new Error('the store failed and does not say why')),
    )
  }
}
