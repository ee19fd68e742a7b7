import { type Clock, monotonicMs } from './time.js'

/** How a limiter waits: for the ends of leases, for allowance. A fake clock brings its own. */
export interface Timers {
  /** ms on a clock that never steps back. */
  monotonicMs(): number
  /**
   * Runs once after `delayMs`.
   *
   * @param options.keepsAlive the process does not end before: for what somebody waits for. Default: false
   * @returns what calls it off
   */
  after(delayMs: number, run: () => void, options?: { readonly keepsAlive: boolean }): () => void
}

/** The longest delay that `setTimeout` takes: a longer one would fire at once. */
const TIMEOUT_MAX_MS = 2 ** 31 - 1

const systemTimers: Timers = {
  monotonicMs,
  after(delayMs, run, options) {
    let timer: NodeJS.Timeout
    const wait = (leftMs: number) => {
      const stepMs = Math.min(leftMs, TIMEOUT_MAX_MS)
      timer = setTimeout(() => (leftMs > stepMs ? wait(leftMs - stepMs) : run()), stepMs)
      if (options?.keepsAlive !== true) timer.unref()
    }
    wait(Math.max(0, delayMs))
    return () => clearTimeout(timer)
  },
}

/** The timers that belong to a clock: a fake one brings its own, so that leases end by it. */
export const timersOf = (clock: Clock): Timers => (hasTimers(clock) ? clock : systemTimers)

const hasTimers = (clock: Clock): clock is Clock & Timers => 'after' in clock && 'monotonicMs' in clock
