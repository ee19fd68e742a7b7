import { type Clock, monotonicMs } from './time.js'

/** How a limiter waits: for the renewals and ends of leases. A fake clock brings its own. */
export interface Timers {
  /** ms on a clock that never steps back. */
  monotonicMs(): number
  /** Runs once after `delayMs`, unless the process ends before. @returns what calls it off */
  after(delayMs: number, run: () => void): () => void
}

/** The longest delay that `setTimeout` takes: a longer one would fire at once. */
const TIMEOUT_MAX_MS = 2 ** 31 - 1

/** Timers of Node that keep no process alive. */
const systemTimers: Timers = {
  monotonicMs,
  after(delayMs, run) {
    let timer: NodeJS.Timeout
    const wait = (leftMs: number) => {
      const stepMs = Math.min(leftMs, TIMEOUT_MAX_MS)
      timer = setTimeout(() => (leftMs > stepMs ? wait(leftMs - stepMs) : run()), stepMs).unref()
    }
    wait(Math.max(0, delayMs))
    return () => clearTimeout(timer)
  },
}

/** The timers that belong to a clock: a fake one brings its own, so that leases end by it. */
export const timersOf = (clock: Clock): Timers => (hasTimers(clock) ? clock : systemTimers)

const hasTimers = (clock: Clock): clock is Clock & Timers => 'after' in clock && 'monotonicMs' in clock
