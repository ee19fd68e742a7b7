import { Temporal } from 'temporal-polyfill'
import type { Period } from './options.js'

/** Boundaries of this calendar period and the next: `[period0Us, period1Us)` holds now. */
export interface CalendarPeriods {
  readonly period0Us: number
  readonly period1Us: number
  readonly period2Us: number
}

const LENGTHS: Readonly<Record<Period, Temporal.DurationLike>> = {
  day: { days: 1 },
  week: { weeks: 1 },
  month: { months: 1 },
  quarter: { months: 3 },
  year: { years: 1 },
}

/** The first day of the period that holds `date`. Weeks start on Monday (ISO 8601). */
function firstDay(date: Temporal.PlainDate, period: Period): Temporal.PlainDate {
  switch (period) {
    case 'day':
      return date
    case 'week':
      return date.subtract({ days: date.dayOfWeek - 1 })
    case 'month':
      return date.with({ day: 1 })
    case 'quarter':
      return date.with({ day: 1, month: date.month - ((date.month - 1) % 3) })
    case 'year':
      return date.with({ day: 1, month: 1 })
  }
}

/** When the day starts in that zone: midnight, or the first instant after it where clocks skip midnight. */
const startUs = (date: Temporal.PlainDate, timeZone: string): number =>
  date.toZonedDateTime(timeZone).epochMilliseconds * 1000

/**
 * The periods around an instant, in the calendar of a zone with its changes of clock.
 *
 * @param timeZone an IANA name that this runtime knows
 */
export function calendarPeriods(period: Period, timeZone: string, nowUs: number): CalendarPeriods {
  const today = Temporal.Instant.fromEpochMilliseconds(Math.floor(nowUs / 1000)).toZonedDateTimeISO(timeZone)
  let first = firstDay(today.toPlainDate(), period)
  const boundaries = [startUs(first, timeZone)]
  while (boundaries.length < 3) {
    first = first.add(LENGTHS[period])
    const next = startUs(first, timeZone)
    // A zone that moves over the date line skips a whole day, which then starts when its successor does.
    if (next > (boundaries.at(-1) as number)) boundaries.push(next)
  }
  const [period0Us, period1Us, period2Us] = boundaries as [number, number, number]
  return { period0Us, period1Us, period2Us }
}

/** Does this runtime know the zone? */
export function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name })
    return true
  } catch {
    return false
  }
}
