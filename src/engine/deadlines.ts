import type { Timers } from '../core/timers.js'

/** Something that is over when its time has come, unless it was settled before. */
export interface Waiter {
  /** When its time comes, on the monotonic clock: set by `Deadlines.add`. */
  dueMs: number
  readonly isSettled: boolean
  expire(): void
}

/** Empty places that a queue keeps in front before it moves the others up. */
const EMPTY_MAX = 1024

/**
 * Ends what waits too long, by one timer for each length of wait instead of one for each waiter: who waits equally long
 * is due in the order he came in. Timers keep no process alive, and none runs while nobody waits.
 */
export class Deadlines {
  readonly #timers: Timers
  readonly #queues = new Map<number, Queue>()
  #latest: Queue

  /** @param usualMs the wait of most */
  constructor(timers: Timers, usualMs: number) {
    this.#timers = timers
    this.#latest = this.#queue(usualMs)
  }

  /** @param nowMs when the wait began, on the monotonic clock */
  add(waiter: Waiter, waitMs: number, nowMs: number): void {
    if (this.#latest.waitMs !== waitMs) this.#latest = this.#queue(waitMs)
    waiter.dueMs = nowMs + waitMs
    this.#latest.add(waiter)
  }

  /** Ends the wait of all who wait, and every timer. */
  expireAll(): void {
    for (const queue of this.#queues.values()) queue.expireAll()
  }

  #queue(waitMs: number): Queue {
    const known = this.#queues.get(waitMs)
    if (known !== undefined) return known
    const queue = new Queue(this.#timers, waitMs)
    this.#queues.set(waitMs, queue)
    return queue
  }
}

/** Those who wait equally long, the next one due at `#head`. */
class Queue {
  readonly waitMs: number
  readonly #timers: Timers
  /** Places before `#head` are empty. */
  #waiters: (Waiter | undefined)[] = []
  #head = 0
  #cancel: (() => void) | undefined

  constructor(timers: Timers, waitMs: number) {
    this.#timers = timers
    this.waitMs = waitMs
  }

  add(waiter: Waiter): void {
    this.#dropSettled()
    this.#waiters.push(waiter)
    if (this.#cancel === undefined) this.#awake(this.waitMs)
  }

  expireAll(): void {
    this.#cancel?.()
    this.#cancel = undefined
    for (const waiter of this.#waiters.splice(this.#head)) if (!waiter?.isSettled) waiter?.expire()
    this.#waiters.length = 0
    this.#head = 0
  }

  #awake(delayMs: number): void {
    // Answers that came in while this process was busy are waiting to be read: they go first, whatever the timer says.
    this.#cancel = this.#timers.after(delayMs, () => setImmediate(() => setImmediate(this.#sweep)))
  }

  readonly #sweep = (): void => {
    if (this.#cancel === undefined) return
    this.#cancel = undefined
    const nowMs = this.#timers.monotonicMs()
    for (let next = this.#next(); next !== undefined && next.dueMs <= nowMs; next = this.#next()) {
      this.#waiters[this.#head++] = undefined
      next.expire()
    }
    const next = this.#next()
    if (next !== undefined && this.#cancel === undefined) this.#awake(next.dueMs - nowMs)
  }

  #next(): Waiter | undefined {
    this.#dropSettled()
    return this.#waiters[this.#head]
  }

  #dropSettled(): void {
    const waiters = this.#waiters
    while (waiters[this.#head]?.isSettled) waiters[this.#head++] = undefined
    if (this.#head === waiters.length) {
      waiters.length = 0
      this.#head = 0
    } else if (this.#head >= EMPTY_MAX) {
      waiters.splice(0, this.#head)
      this.#head = 0
    }
  }
}
