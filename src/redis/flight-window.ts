/**
 * A batch costs its two ends about 15 us, whatever is in it. With one batch sent every so often on average, that
 * cost stays near a tenth of a core, and nobody waits much longer than this for a batch to leave.
 */
const SPACING_MS = 0.125
/** Two, so that the server works on one while this process reads the other. */
const WINDOW_MIN = 2
const WINDOW_MAX = 16
/** Weight of a new round trip in the smoothed one, as TCP has it (RFC 6298). */
const SMOOTHING = 1 / 8

/**
 * How many batches may be under way before the next one waits in order to grow: as many as leave one batch per spacing
 * over a round trip. On the loopback interface that is two, on a link of 1 ms eight.
 */
export class FlightWindow {
  #roundTripMs = 0

  get size(): number {
    return Math.min(WINDOW_MAX, Math.max(WINDOW_MIN, Math.round(this.#roundTripMs / SPACING_MS)))
  }

  observe(roundTripMs: number): void {
    const weight = this.#roundTripMs === 0 ? 1 : SMOOTHING
    this.#roundTripMs += (roundTripMs - this.#roundTripMs) * weight
  }
}
