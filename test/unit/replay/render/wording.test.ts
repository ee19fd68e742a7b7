import { describe, expect, it } from 'vitest'
import { durationText, limitText, percentText, printable } from '../../../../src/replay/render/wording.js'

describe('the words of a report', () => {
  it.each([
    [0, '0 ms'],
    [0.2, '1 ms'],
    [999, '999 ms'],
    [1000, '1 s'],
    [1001, '1.1 s'],
    [44_000, '44 s'],
    [59_001, '1 min'],
    [312_000, '5 min 12 s'],
    [10_800_000, '3 h'],
    [10_801_000, '3 h'],
    [187_200_000, '2 d 4 h'],
  ])('%d ms reads %s', (ms, text) => {
    expect(durationText(ms)).toBe(text)
  })

  it.each([
    [0, '0 %'],
    [0.000001, '< 0.1 %'],
    [0.0456, '4.6 %'],
    [0.9999, '> 99.9 %'],
    [1, '100 %'],
  ])('a share of %d reads %s', (share, text) => {
    expect(percentText(share)).toBe(text)
  })

  const limit = { algorithm: 'gcra', limit: 30, windowMs: 60_000, period: null, burst: 30 } as const

  it.each([
    [limit, '30 per minute'],
    [{ ...limit, burst: 5 }, '30 per minute with a burst of 5'],
    [{ ...limit, limit: 1000, windowMs: 900_000, burst: null }, '1,000 per 15 minutes'],
    [{ ...limit, limit: 1, windowMs: 259_200, burst: 1 }, '1 per 259.2 seconds'],
    [{ ...limit, algorithm: 'quota', windowMs: null, period: 'month', burst: null } as const, '30 per month'],
  ])('a limit reads %2$s', (written, text) => {
    expect(limitText(written)).toBe(text)
  })

  it('shows what would steer a terminal or turn the text around', () => {
    expect(printable('a\x1b[31mred\x07\n\u202eback\u2028')).toBe(
      'a\\x1b[31mred\\x07\\x0a\\u{202e}back\\u{2028}',
    )
    expect(printable('Zürich 東京 🚿')).toBe('Zürich 東京 🚿')
  })
})
