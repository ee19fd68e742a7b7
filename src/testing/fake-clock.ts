import type { Clock } from '../core/time.js'
import type { Timers } from '../core/timers.js'
import { type DurationText, parseDuration } from '../policy.js'

/** Taken before a test framework may replace it. */
const { setImmediate: realSetImmediate } = globalThis

/** Lets promises settle that wait for no server: a deadline lets the event loop turn once before it strikes. */
const settled = (): Promise<void> => new Promise(resolve => realSetImmediate(() => realSetImmediate(resolve)))

interface Timer {
  readonly dueUs: number
  readonly run: () => void
}

/** When a fake clock starts, unless it is told: tests give the same answers every day. */
const START = '2026-01-01T00:00:00Z'

/**
 * A clock that stands still until it is moved. Give it to `createLimiter` as `clock`: windows, buckets and the leases of
 * `acquire` then follow it.
 */
export class FakeClock implements Clock, Timers {
  #nowUs: number
  /** Time that went by since the start: what timers go by, whatever the wall clock was set to. */
  #elapsedUs = 0
  readonly #timers = new Set<Timer>()

  /** @param start an ISO time or a Date. Default: 2026-01-01T00:00:00Z */
  constructor(start: string | Date = START) {
    this.#nowUs = readTime(start)
  }

  /** us since the Unix epoch. */
  nowUs(): number {
    return this.#nowUs
  }

  monotonicMs(): number {
    return this.#elapsedUs / 1000
  }

  after(delayMs: number, run: () => void): () => void {
    const timer = { dueUs: this.#elapsedUs + Math.max(0, Math.round(delayMs * 1000)), run }
    this.#timers.add(timer)
    return () => {
      this.#timers.delete(timer)
    }
  }

  /**
   * Lets time go by, `'1s'` or `'250ms'`, and runs the timers that fall due on the way. Where none does, as without leases,
   * the time has moved when the call returns; else when the promise resolves.
   */
  async advance(duration: DurationText): Promise<void> {
    const endUs = this.#elapsedUs + parseDuration(duration, 'advance')
    for (let timer = this.#nextDue(endUs); timer !== undefined; timer = this.#nextDue(endUs)) {
      this.#move(timer.dueUs)
      this.#timers.delete(timer)
      timer.run()
      await settled()
    }
    this.#move(endUs)
  }

  /** Sets the wall clock, forward or back, as an operator or NTP would: timers do not notice. */
  set(time: string | Date): void {
    this.#nowUs = readTime(time)
  }

  #move(elapsedUs: number): void {
    this.#nowUs += elapsedUs - this.#elapsedUs
    this.#elapsedUs = elapsedUs
  }

  #nextDue(endUs: number): Timer | undefined {
    let next: Timer | undefined
    for (const timer of this.#timers) {
      if (timer.dueUs <= endUs && (next === undefined || timer.dueUs < next.dueUs)) next = timer
    }
    return next
  }
}

function readTime(time: string | Date): number {
  const ms = new Date(time).getTime()
  if (Number.isNaN(ms))
    throw new RangeError(`'${time}' is not a time; write one such as '2026-01-01T00:00:00Z'`)
  return ms * 1000
}
