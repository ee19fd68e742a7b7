import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { NOW_END_US, NOW_MIN_US } from '../../../src/core/time.js'
import { createLineParser } from '../../../src/replay/log-format.js'
import { isFault, type LineParser, LOG_FORMATS } from '../../../src/replay/logged-request.js'

const PARTS = ['ip', 'user', 'method', 'path', 'status']
const parsers = LOG_FORMATS.map(format => createLineParser(format, PARTS, {}) as LineParser)

/** Pieces that lines are made of, in any order, so that most of what comes out is nearly a line. */
const piece = fc.constantFrom(
  ...['203.0.113.5', '2001:db8::1', '-', ' ', ' - ', '"', '\\"', '\\', '\\x', '\\xff', '[', ']', '200', '4'],
  ...['[17/May/2015:10:05:03 +0000]', '"GET / HTTP/1.1"', '{', '}', '{"time":', '1431857103', ',', ':', '\0'],
)
const nearlyLine = fc.oneof(
  fc.array(piece, { maxLength: 30 }).map(pieces => pieces.join('')),
  fc.string({ unit: 'binary', maxLength: 200 }),
  fc.json(),
)

describe('whatever stands in a line', () => {
  it('is a request of a time that the arithmetic takes, or a fault with a reason', () => {
    fc.assert(
      fc.property(nearlyLine, line => {
        for (const parser of parsers) {
          const parsed = parser.parse(line)
          if (isFault(parsed)) {
            expect(parsed.reason).not.toBe('')
          } else {
            expect(Number.isSafeInteger(parsed.timeUs)).toBe(true)
            expect(parsed.timeUs).toBeGreaterThanOrEqual(NOW_MIN_US)
            expect(parsed.timeUs).toBeLessThan(NOW_END_US)
            expect(parsed.parts).toHaveLength(PARTS.length)
            for (const part of parsed.parts) expect(part === undefined || part.isWellFormed()).toBe(true)
            expect(parsed.parts).not.toContain('')
          }
        }
      }),
      { numRuns: 5000 },
    )
  })
})
