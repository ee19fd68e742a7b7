import { type Clock, NOW_END_US, NOW_MIN_US } from '../core/time.js'
import { ClosedError, OptionError } from '../errors.js'

/** What a closed engine reads the time from: every call asks for it first. */
export const closedClock: Clock = {
  nowUs() {
    throw new ClosedError('the limiter was closed')
  },
}

/** @throws OptionError when the arithmetic is not proved for this time, us since the Unix epoch */
export function assertProvedTime(nowUs: number): void {
  if (nowUs >= NOW_MIN_US && nowUs < NOW_END_US) return
  throw new OptionError(
    `clock: ${nowUs} is not a time between 1985 and 2053 in us since 1970; correct the system's or the given clock`,
  )
}
