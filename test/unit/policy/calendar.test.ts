import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { calendarPeriods } from '../../../src/policy/calendar.js'
import { PERIODS, type Period } from '../../../src/policy/options.js'

const us = (instant: string) => Date.parse(instant) * 1000

function boundaries(period: Period, timeZone: string, now: string): readonly string[] {
  const { period0Us, period1Us, period2Us } = calendarPeriods(period, timeZone, us(now))
  return [period0Us, period1Us, period2Us].map(at =>
    new Date(at / 1000).toISOString().replace(':00.000Z', ''),
  )
}

describe('calendar periods of a quota', () => {
  it.each<[string, Period, string, string, string, string, string]>([
    [
      'a day in UTC',
      'day',
      'UTC',
      '2026-03-10T12:00Z',
      '2026-03-10T00:00',
      '2026-03-11T00:00',
      '2026-03-12T00:00',
    ],
    [
      'the last instant of a day',
      'day',
      'UTC',
      '2026-03-10T23:59:59.999Z',
      '2026-03-10T00:00',
      '2026-03-11T00:00',
      '2026-03-12T00:00',
    ],
    [
      'the first instant of a day',
      'day',
      'UTC',
      '2026-03-11T00:00Z',
      '2026-03-11T00:00',
      '2026-03-12T00:00',
      '2026-03-13T00:00',
    ],
    [
      'a week starts on Monday',
      'week',
      'UTC',
      '2026-01-01T00:00Z',
      '2025-12-29T00:00',
      '2026-01-05T00:00',
      '2026-01-12T00:00',
    ],
    [
      'a month of 31 days before one of 28',
      'month',
      'UTC',
      '2026-01-31T12:00Z',
      '2026-01-01T00:00',
      '2026-02-01T00:00',
      '2026-03-01T00:00',
    ],
    [
      'February of a leap year',
      'month',
      'UTC',
      '2028-02-29T12:00Z',
      '2028-02-01T00:00',
      '2028-03-01T00:00',
      '2028-04-01T00:00',
    ],
    [
      'December',
      'month',
      'UTC',
      '2026-12-31T23:00Z',
      '2026-12-01T00:00',
      '2027-01-01T00:00',
      '2027-02-01T00:00',
    ],
    [
      'a quarter',
      'quarter',
      'UTC',
      '2026-12-31T12:00Z',
      '2026-10-01T00:00',
      '2027-01-01T00:00',
      '2027-04-01T00:00',
    ],
    [
      'a year',
      'year',
      'UTC',
      '2028-12-31T12:00Z',
      '2028-01-01T00:00',
      '2029-01-01T00:00',
      '2030-01-01T00:00',
    ],
    [
      'the month has begun in Berlin while UTC is still in the old one',
      'month',
      'Europe/Berlin',
      '2026-02-28T23:30Z',
      '2026-02-28T23:00',
      '2026-03-31T22:00',
      '2026-04-30T22:00',
    ],
    [
      'a day of 23 hours',
      'day',
      'Europe/Berlin',
      '2026-03-29T12:00Z',
      '2026-03-28T23:00',
      '2026-03-29T22:00',
      '2026-03-30T22:00',
    ],
    [
      'a day of 25 hours',
      'day',
      'Europe/Berlin',
      '2026-10-25T12:00Z',
      '2026-10-24T22:00',
      '2026-10-25T23:00',
      '2026-10-26T23:00',
    ],
    [
      'a day without a midnight',
      'day',
      'America/Sao_Paulo',
      '2018-11-04T12:00Z',
      '2018-11-04T03:00',
      '2018-11-05T02:00',
      '2018-11-06T02:00',
    ],
    [
      'a zone of odd minutes',
      'day',
      'Asia/Kathmandu',
      '2026-05-05T18:14Z',
      '2026-05-04T18:15',
      '2026-05-05T18:15',
      '2026-05-06T18:15',
    ],
    [
      'the day that Samoa skipped',
      'day',
      'Pacific/Apia',
      '2011-12-29T12:00Z',
      '2011-12-29T10:00',
      '2011-12-30T10:00',
      '2011-12-31T10:00',
    ],
  ])('%s', (_, period, timeZone, now, ...expected) => {
    expect(boundaries(period, timeZone, now)).toEqual(expected)
  })

  it('hold the instant they were asked about, and follow each other, in every zone', () => {
    const zones = Intl.supportedValuesOf('timeZone')
    const instants = fc.integer({ min: us('1985-02-01T00:00Z'), max: us('2052-01-01T00:00Z') })
    fc.assert(
      fc.property(fc.constantFrom(...PERIODS), fc.constantFrom(...zones), instants, (period, zone, nowUs) => {
        const { period0Us, period1Us, period2Us } = calendarPeriods(period, zone, nowUs)
        expect(period0Us).toBeLessThanOrEqual(nowUs)
        expect(nowUs).toBeLessThan(period1Us)
        expect(calendarPeriods(period, zone, period1Us)).toMatchObject({
          period0Us: period1Us,
          period1Us: period2Us,
        })
      }),
      { numRuns: 300 },
    )
  })
})
