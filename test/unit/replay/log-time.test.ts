import { describe, expect, it } from 'vitest'
import { createTimeParser, NO_DATE, OUT_OF_RANGE, parseLogTime } from '../../../src/replay/log-time.js'

const AT_10_05_03_US = Date.UTC(2015, 4, 17, 10, 5, 3) * 1000

describe('parseLogTime', () => {
  it.each([
    ['what Apache and nginx write', '17/May/2015:10:05:03 +0000', 0],
    ['a zone east of Greenwich', '17/May/2015:12:35:03 +0230', 0],
    ['a zone west of Greenwich', '17/May/2015:02:05:03 -0800', 0],
    ['a fraction of milliseconds', '17/May/2015:10:05:03.250 +0000', 250_000],
    ['a fraction of microseconds', '17/May/2015:10:05:03.000007 +0000', 7],
    ['ISO 8601', '2015-05-17T10:05:03Z', 0],
    ['ISO 8601 with a zone', '2015-05-17T12:05:03+02:00', 0],
    ['ISO 8601 with a zone without a colon', '2015-05-17T12:05:03.5+0200', 500_000],
    [
      'ISO 8601 with nanoseconds, of which the last three are dropped',
      '2015-05-17T10:05:03.123456789Z',
      123_456,
    ],
    ['a space for the T and no zone, which is UTC', '2015-05-17 10:05:03', 0],
    ['a comma for the point', '2015-05-17 10:05:03,001', 1000],
    ['seconds as text', '1431857103.5', 500_000],
    ['seconds', 1_431_857_103, 0],
    ['seconds with a fraction', 1_431_857_103.25, 250_000],
    ['milliseconds', 1_431_857_103_004, 4000],
    ['microseconds', 1_431_857_103_000_005, 5],
    ['nanoseconds as text', '1431857103000005000', 5],
  ])('reads %s', (_, written, fractionUs) => {
    // A double holds nanoseconds of today to 256 ns, which may be the microsecond before.
    const timeUs = parseLogTime(written) as number
    expect(Math.abs(timeUs - (AT_10_05_03_US + fractionUs))).toBeLessThanOrEqual(
      written === '1431857103000005000' ? 1 : 0,
    )
  })

  it('takes a leap second for the second after it', () => {
    expect(parseLogTime('31/Dec/2016:23:59:60 +0000')).toBe(Date.UTC(2017, 0, 1) * 1000)
  })

  it.each([
    ['a day that the month does not have', '31/Feb/2015:10:05:03 +0000'],
    ['a leap day of another year', '29/Feb/2015:10:05:03 +0000'],
    ['an hour that no day has', '17/May/2015:24:05:03 +0000'],
    ['a month that no year has', '17/Mai/2015:10:05:03 +0000'],
    ['a time without its zone', '17/May/2015:10:05:03'],
    ['a time that was cut off', '17/May/2015:10:0'],
    ['text', 'yesterday'],
    ['nothing', ''],
    ['a number of no known unit', 12],
    ['a truth value', true],
    ['an object', {}],
    ['a list', [1_431_857_103]],
  ])('refuses %s', (_, written) => {
    expect([NO_DATE, OUT_OF_RANGE]).toContain(parseLogTime(written))
  })

  it.each([['01/Jan/1970:00:00:00 +0000'], ['2099-01-01T00:00:00Z'], [0], [-5], [Number.MAX_VALUE]])(
    'says of %s that it is outside the range of the arithmetic',
    written => {
      expect(parseLogTime(written)).toBe(OUT_OF_RANGE)
    },
  )

  it('remembers no answer for another text', () => {
    const parse = createTimeParser()
    expect(parse('2015-05-17T10:05:03Z')).toBe(AT_10_05_03_US)
    expect(parse('2015-05-17T10:05:03Z')).toBe(AT_10_05_03_US)
    expect(parse('nonsense')).toBe(NO_DATE)
    expect(parse('2015-05-17T10:05:04Z')).toBe(AT_10_05_03_US + 1_000_000)
  })
})
