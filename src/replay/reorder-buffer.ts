import TinyQueue from 'tinyqueue'
import type { LoggedRequest } from './logged-request.js'

/** Requests held at most, whatever the window: the oldest leave early when there are more. */
export const HELD_MAX = 262_144

interface Held {
  readonly request: LoggedRequest
  /** When it is decided: the time of the request, or the clock's where that has passed it already. */
  readonly atUs: number
  readonly sequence: number
}

export interface Instant {
  /** The clock of these decisions. It never goes back from one instant to the next. */
  readonly nowUs: number
  /** In the order of the log. */
  readonly requests: readonly LoggedRequest[]
}

/**
 * Puts the requests of a log in order of time. Servers write a line when a request ends and stamp it, some of them, with
 * its start, so a log is out of order by as much as requests last. A request is held until one was seen whose time is
 * later by the whole window (a watermark); one that comes later still is *late*, and is decided at the time the clock
 * has reached, since a limiter cannot go back.
 */
export class ReorderBuffer {
  readonly #windowUs: number
  readonly #heldMax: number
  readonly #queue = new TinyQueue<Held>([], (a, b) => a.atUs - b.atUs || a.sequence - b.sequence)
  #sequence = 0
  #newestUs = 0
  #nowUs = 0

  /** Requests whose time was before that of a line above them. */
  outOfOrder = 0
  /** Those among them that came too late to be put in order. */
  late = 0
  /** How far the latest of the late ones was behind the clock, in us. */
  longestLateUs = 0

  constructor(windowUs: number, heldMax = HELD_MAX) {
    this.#windowUs = windowUs
    this.#heldMax = heldMax
  }

  push(request: LoggedRequest): void {
    const { timeUs } = request
    if (timeUs < this.#newestUs) this.outOfOrder++
    else this.#newestUs = timeUs
    if (timeUs < this.#nowUs) {
      this.late++
      this.longestLateUs = Math.max(this.longestLateUs, this.#nowUs - timeUs)
    }
    this.#queue.push({ request, atUs: Math.max(timeUs, this.#nowUs), sequence: this.#sequence++ })
  }

  /**
   * Takes out the earliest instant that no line to come should belong to, or `undefined` when there is none yet.
   *
   * @param ended whether the log is at its end, so that nothing more is waited for
   */
  shift(ended: boolean): Instant | undefined {
    const first = this.#queue.peek()
    if (first === undefined) return undefined
    const settled = first.atUs + this.#windowUs < this.#newestUs
    if (!settled && !ended && this.#queue.length <= this.#heldMax) return undefined
    this.#nowUs = first.atUs
    const requests: LoggedRequest[] = []
    while (this.#queue.peek()?.atUs === first.atUs) requests.push((this.#queue.pop() as Held).request)
    return { nowUs: first.atUs, requests }
  }
}
