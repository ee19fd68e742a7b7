import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseDuration } from '../../../src/policy.js'

describe('a duration is read to whole microseconds', () => {
  it.each([
    ['1ms', 1_000],
    ['500ms', 500_000],
    ['0.5s', 500_000],
    ['1.9 s', 1_900_000],
    ['259.2 s', 259_200_000],
    ['0.001ms', 1],
    ['1.5 h', 5_400_000_000],
    ['15m', 900_000_000],
    ['2 minutes', 120_000_000],
    ['1min', 60_000_000],
    ['3 secs', 3_000_000],
    ['1 Second', 1_000_000],
    ['1d', 86_400_000_000],
    ['30 days', 2_592_000_000_000],
    ['2w', 1_209_600_000_000],
    ['1 week', 604_800_000_000],
    ['  7  hours  ', 25_200_000_000],
    // As doubles, 1.1 * 3 and 0.29 * 100 are not what they look like.
    ['3.3s', 3_300_000],
    ['0.29s', 290_000],
    ['1.000001s', 1_000_001],
  ])('%j is %i us', (text, us) => {
    expect(parseDuration(text)).toBe(us)
  })

  it('reads any number of microseconds back that is written as seconds with six decimals', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 45 }), us => {
        const seconds = Math.floor(us / 1_000_000)
        const decimals = String(us % 1_000_000).padStart(6, '0')
        expect(parseDuration(`${seconds}.${decimals}s`)).toBe(us)
      }),
    )
  })
})

describe('what is no duration is refused in words that tell the way out', () => {
  it.each([
    [60, `60 is a number without a unit; write it as text with one, such as '60s' or '60ms'`],
    ['60', `'60' has no unit; write it with one, such as '60s' or '60ms'`],
    [-5, `-5 is a number without a unit; write it as text with one, such as '15s' or '15ms'`],
    ['m', `'m' has no number; write it with one, such as '1m'`],
    ['ever', `'ever' is not a unit; units are ms, s, m, h, d, w and their words`],
    ['0s', `'0s' is no time at all; write a duration above 0`],
    ['0.0 h', `'0.0 h' is no time at all; write a duration above 0`],
    ['-1s', `'-1s' is not a duration; write a number and a unit, such as '15m', '1.5 h' or '500ms'`],
    ['1h30m', `'1h30m' is not a duration; write a number and a unit, such as '15m', '1.5 h' or '500ms'`],
    ['1e3 s', `'1e3 s' is not a duration; write a number and a unit, such as '15m', '1.5 h' or '500ms'`],
    ['1,5 h', `'1,5 h' is not a duration; write a number and a unit, such as '15m', '1.5 h' or '500ms'`],
    ['', `'' is not a duration; write a number and a unit, such as '15m', '1.5 h' or '500ms'`],
    ['0.0000001s', `'0.0000001s' is not a whole number of microseconds; round it to one`],
    ['5 hourz', `'hourz' is not a unit; units are ms, s, m, h, d, w and their words; did you mean 'hour'?`],
    ['5 parsec', `'parsec' is not a unit; units are ms, s, m, h, d, w and their words`],
    ['1M', `'M' could be minutes or months; write 'm' for minutes`],
    ['1 month', `a 'month' has no fixed length; use algorithm 'quota' with a 'period', or a number of days`],
    ['99999999999999999 d', `'99999999999999999 d' is too long; the longest duration is 400 days`],
    [null, `null is not a duration; write a number and a unit, such as '15m'`],
    [undefined, `is missing; write a duration, such as '15m'`],
    [['1m'], `a list is not a duration; write a number and a unit, such as '15m'`],
  ])('%j', (value, message) => {
    expect(() => parseDuration(value, 'window')).toThrow(
      expect.objectContaining({
        code: 'ERR_SLUICE_POLICY',
        message: `window: ${message}`,
        problems: [{ path: 'window', value, message }],
      }),
    )
  })
})
