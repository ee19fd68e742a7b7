import TinyQueue from 'tinyqueue'
import type { LoggedRequest } from './logged-request.js'

/** Requests held at most, whatever the window: the time of the oldest is closed early when there are more. */
const HELD_MAX = 262_144

interface Held {
  readonly request: LoggedRequest
  /** When it is decided: its own time, or for a late one the earliest that is still open. */
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
 * later by more than the window (a watermark). One that comes later still is *late*: since a limiter cannot go back, it
 * is decided at the earliest time that is still open, which is the newest time of the log less the window.
 */
export class ReorderBuffer {
  readonly #windowUs: number
  readonly #heldMax: number
  readonly #queue = new TinyQueue<Held>([], (a, b) => a.atUs - b.atUs || a.sequence - b.sequence)
  #sequence = 0
  #newestUs = 0
  /** Times before this are closed: what belongs to them may be decided. */
  #openUs = 0

  /** Requests whose time was before that of a line above them. */
  outOfOrder = 0
  /** Those among them that came too late to be put in order. */
  late = 0
  /** How far the latest of the late ones was behind the earliest time still open, in us. */
  longestLateUs = 0

  constructor(windowUs: number, heldMax = HELD_MAX) {
    this.#windowUs = windowUs
    this.#heldMax = heldMax
  }

  push(request: LoggedRequest): void {
    const { timeUs } = request
    if (timeUs < this.#newestUs) this.outOfOrder++
    else this.#newestUs = timeUs
    this.#openUs = Math.max(this.#openUs, this.#newestUs - this.#windowUs)
    if (timeUs < this.#openUs) {
      this.late++
      this.longestLateUs = Math.max(this.longestLateUs, this.#openUs - timeUs)
    }
    this.#queue.push({ request, atUs: Math.max(timeUs, this.#openUs), sequence: this.#sequence++ })
    const first = this.#queue.peek() as Held
    if (this.#queue.length > this.#heldMax) this.#openUs = Math.max(this.#openUs, first.atUs + 1)
  }

  /**
   * Takes out the earliest instant that is closed, or `undefined` when there is none.
   *
   * @param ended whether the log is at its end, so that nothing more is waited for
   */
  shift(ended: boolean): Instant | undefined {
    const first = this.#queue.peek()
    if (first === undefined || (!ended && first.atUs >= this.#openUs)) return undefined
    const requests: LoggedRequest[] = []
    while (this.#queue.peek()?.atUs === first.atUs) requests.push((this.#queue.pop() as Held).request)
    return { nowUs: first.atUs, requests }
  }
}
