import { NOW_END_US, NOW_MIN_US } from '../core/time.js'
import type { LineFault } from './logged-request.js'

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** `17/May/2015:10:05:03 +0000`, as Apache and nginx write it; the fraction is an option of Apache. */
const CLF_TIME =
  /^(\d{2})\/([A-Z][a-z]{2})\/(\d{4}):(\d{2}):(\d{2}):(\d{2})(?:[.,](\d{1,9}))? ([+-])(\d{2})(\d{2})$/

/** ISO 8601 as logs write it: a space for the `T`, a comma for the point, no zone at all. */
const ISO_TIME =
  /^(\d{4})-(\d{2})-(\d{2})[T ](\d{2}):(\d{2}):(\d{2})(?:[.,](\d{1,9})\d*)? ?(?:Z|z|UTC|([+-])(\d{2}):?(\d{2}))?$/

const EPOCH_NUMBER = /^\d{9,19}(?:\.\d{1,9})?$/

export const NO_DATE: LineFault = { reason: 'the time is not a date, a timestamp or a number of seconds' }
export const OUT_OF_RANGE: LineFault = { reason: 'the time is before 1985 or after 2053' }

/**
 * Reads the time of a line: the form of Apache and nginx, ISO 8601 (UTC where no zone stands), or a number of seconds,
 * milliseconds, microseconds or nanoseconds since the Unix epoch, told apart by size.
 *
 * @returns microseconds since the Unix epoch, or why it is none
 */
export function parseLogTime(value: unknown): number | LineFault {
  const timeUs =
    typeof value === 'string' ? parseText(value) : typeof value === 'number' ? fromNumber(value) : NaN
  if (Number.isNaN(timeUs)) return NO_DATE
  return timeUs >= NOW_MIN_US && timeUs < NOW_END_US ? timeUs : OUT_OF_RANGE
}

/** A `parseLogTime` that remembers its last answer: neighbouring lines mostly carry the same second. */
export function createTimeParser(): (text: string) => number | LineFault {
  let lastText = ''
  let lastAnswer: number | LineFault = NO_DATE
  return text => {
    if (text !== lastText) {
      lastText = text
      lastAnswer = parseLogTime(text)
    }
    return lastAnswer
  }
}

function parseText(text: string): number {
  const clf = CLF_TIME.exec(text)
  if (clf !== null) {
    const [, day, month, year, hour, minute, second, fraction, sign, zoneHour, zoneMinute] = clf
    const index = MONTHS.indexOf(month as string)
    return instant([year, index + 1, day, hour, minute, second], fraction, sign, zoneHour, zoneMinute)
  }
  const iso = ISO_TIME.exec(text)
  if (iso !== null) {
    const [, year, month, day, hour, minute, second, fraction, sign, zoneHour, zoneMinute] = iso
    return instant([year, month, day, hour, minute, second], fraction, sign, zoneHour, zoneMinute)
  }
  return EPOCH_NUMBER.test(text) ? fromNumber(Number(text)) : NaN
}

/** Microseconds of a civil time, NaN where a field is out of its range. A leap second is the second after it. */
function instant(
  fields: readonly (string | number | undefined)[],
  fraction: string | undefined,
  sign: string | undefined,
  zoneHour: string | undefined,
  zoneMinute: string | undefined,
): number {
  const [year, month, day, hour, minute, second] = fields.map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  if (hour > 23 || minute > 59 || second > 60) return NaN
  const midnightMs = Date.UTC(year, month - 1, day)
  const date = new Date(midnightMs)
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return NaN
  const zoneMinutes = Number(zoneHour ?? 0) * 60 + Number(zoneMinute ?? 0)
  const utcSeconds = hour * 3600 + (minute - (sign === '-' ? -zoneMinutes : zoneMinutes)) * 60 + second
  const fractionUs = fraction === undefined ? 0 : Number(fraction.slice(0, 6).padEnd(6, '0'))
  return midnightMs * 1000 + utcSeconds * 1_000_000 + fractionUs
}

/** 1985 to 2053 is 4.7e8 to 2.6e9 in seconds, so each finer unit is three powers of ten apart and cannot be mistaken. */
function fromNumber(value: number): number {
  if (value < 1e11) return Math.round(value * 1e6)
  if (value < 1e14) return Math.round(value * 1e3)
  if (value < 1e17) return Math.round(value)
  return Math.floor(value / 1e3)
}
