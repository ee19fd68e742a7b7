import { describe, expect, it } from 'vitest'
import { parseRate } from '../../../src/policy.js'

const SECOND_US = 1_000_000
const MINUTE_US = 60 * SECOND_US
const DAY_US = 1440 * MINUTE_US

describe('a rate is a limit and a window', () => {
  it.each([
    ['100/m', 100, MINUTE_US],
    ['10/30s', 10, 30 * SECOND_US],
    ['5000/day', 5000, DAY_US],
    ['1 per 259.2 s', 1, 259_200_000],
    ['100 per minute', 100, MINUTE_US],
    ['100 PER Minute', 100, MINUTE_US],
    ['  100 / 2 minutes ', 100, 2 * MINUTE_US],
    ['3/0.5s', 3, 500_000],
    ['060/m', 60, MINUTE_US],
    ['1/w', 1, 7 * DAY_US],
  ])('%j', (text, limit, windowUs) => {
    expect(parseRate(text)).toEqual({ limit, windowUs })
  })
})

describe('what is no rate is refused in words that tell the way out', () => {
  const notARate = `is not a rate; write a limit and a window, such as '100/m', '10/30s' or '1 per 259.2 s'`
  const wholeLimit = `a limit is a whole number of at least 1 (for less than 1 per window, write a longer window)`
  it.each([
    [60, `60 is a number without a window; write a rate, such as '60/m'`],
    [-0.5, `-0.5 is a number without a window; write a rate, such as '100/m'`],
    [Number.NaN, `NaN is a number without a window; write a rate, such as '100/m'`],
    [true, `true ${notARate}`],
    ['', `'' ${notARate}`],
    ['100', `'100' ${notARate}`],
    ['100/', `'100/' ${notARate}`],
    ['/m', `'/m' ${notARate}`],
    ['100perminute', `'100perminute' ${notARate}`],
    ['100 m', `'100 m' ${notARate}`],
    ['0/m', `'0/m' would admit nothing; a limit is a whole number of at least 1`],
    ['-1/m', `'-1/m' has a limit of '-1'; ${wholeLimit}`],
    ['+1/m', `'+1/m' has a limit of '+1'; ${wholeLimit}`],
    ['0.5/m', `'0.5/m' has a limit of '0.5'; ${wholeLimit}`],
    ['1e3/m', `'1e3/m' has a limit of '1e3'; ${wholeLimit}`],
    ['1_000/m', `'1_000/m' has a limit of '1_000'; ${wholeLimit}`],
    ['NaN/m', `'NaN/m' has a limit of 'NaN'; ${wholeLimit}`],
    ['10/30', `'10/30': '30' has no unit; write it with one, such as '30s' or '30ms'`],
    ['10/0s', `'10/0s': '0s' is no time at all; write a duration above 0`],
    [
      '10/5/m',
      `'10/5/m': '5/m' is not a duration; write a number and a unit, such as '15m', '1.5 h' or '500ms'`,
    ],
  ])('%j', (value, message) => {
    expect(() => parseRate(value)).toThrow(
      expect.objectContaining({ code: 'ERR_SLUICE_POLICY', message: `rate: ${message}` }),
    )
  })
})
