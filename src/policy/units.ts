import { PolicyError } from '../errors.js'
import { didYouMean, Refusal, show } from './refusal.js'

const SECOND_US = 1_000_000
const MINUTE_US = 60 * SECOND_US
const HOUR_US = 60 * MINUTE_US
const DAY_US = 24 * HOUR_US

/** Every way to write a unit, in us. A day is 24 hours and a week 7 days: calendars are the business of `quota`. */
const UNITS_US: ReadonlyMap<string, number> = new Map(
  Object.entries({
    'ms msec msecs millisecond milliseconds': 1_000,
    's sec secs second seconds': SECOND_US,
    'm min mins minute minutes': MINUTE_US,
    'h hr hrs hour hours': HOUR_US,
    'd day days': DAY_US,
    'w wk wks week weeks': 7 * DAY_US,
  }).flatMap(([words, us]) => words.split(' ').map(word => [word, us] as const)),
)

const CALENDAR_UNIT = /^(?:mo|month|quarter|y|yr|year)s?$/
const DURATION = /^(?:(\d+)(?:\.(\d+))?)?\s*([A-Za-z]+)$/
const NUMBER_ONLY = /^\d+(?:\.\d+)?$/

/** The unit's length in us, or why it is none. */
function readUnit(word: string): number | Refusal {
  if (word === 'M') return new Refusal(`'M' could be minutes or months; write 'm' for minutes`)
  const unitUs = UNITS_US.get(word.toLowerCase())
  if (unitUs !== undefined) return unitUs
  if (CALENDAR_UNIT.test(word.toLowerCase())) {
    return new Refusal(
      `a ${show(word)} has no fixed length; use algorithm 'quota' with a 'period', or a number of days`,
    )
  }
  return new Refusal(
    `${show(word)} is not a unit; units are ms, s, m, h, d, w and their words${didYouMean(word, UNITS_US.keys())}`,
  )
}

/** A text without its surrounding spaces to integer us; exact, for the decimal fraction never becomes a double. */
export function readDurationText(text: string, numberRequired: boolean): number | Refusal {
  const match = DURATION.exec(text)
  if (match === null) {
    return NUMBER_ONLY.test(text)
      ? new Refusal(`${show(text)} has no unit; write it with one, such as '${text}s' or '${text}ms'`)
      : new Refusal(
          `${show(text)} is not a duration; write a number and a unit, such as '15m', '1.5 h' or '500ms'`,
        )
  }
  const [, whole, fraction = '', word = ''] = match
  const unitUs = readUnit(word)
  if (unitUs instanceof Refusal) return unitUs
  if (whole === undefined && numberRequired) {
    return new Refusal(`${show(text)} has no number; write it with one, such as '1${text}'`)
  }
  const scale = 10n ** BigInt(fraction.length)
  const scaled = BigInt((whole ?? '1') + fraction) * BigInt(unitUs)
  if (scaled === 0n) return new Refusal(`${show(text)} is no time at all; write a duration above 0`)
  if (scaled % scale !== 0n) {
    return new Refusal(`${show(text)} is not a whole number of microseconds; round it to one`)
  }
  const us = Number(scaled / scale)
  return Number.isSafeInteger(us)
    ? us
    : new Refusal(`${show(text)} is too long; the longest duration is 400 days`)
}

/** An option that holds a duration, to integer us. */
export function readDuration(value: unknown): number | Refusal {
  if (value === undefined) return new Refusal(`is missing; write a duration, such as '15m'`)
  if (typeof value === 'number') {
    const number = Number.isFinite(value) && value > 0 ? value : 15
    return new Refusal(
      `${value} is a number without a unit; write it as text with one, such as '${number}s' or '${number}ms'`,
    )
  }
  if (typeof value !== 'string') {
    return new Refusal(`${show(value)} is not a duration; write a number and a unit, such as '15m'`)
  }
  return readDurationText(value.trim(), true)
}

/**
 * A duration as text (`'15m'`, `'1.5 h'`, `'500ms'`) to integer us.
 *
 * @param path where the value stands, for the message
 * @throws PolicyError when it is not one
 */
export function parseDuration(value: unknown, path = 'duration'): number {
  const us = readDuration(value)
  if (us instanceof Refusal) throw new PolicyError([{ path, value, message: us.message }])
  return us
}
