import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { backoffMs } from '../../../src/core/backoff.js'

const BACKOFF = { firstMs: 100, maxMs: 1_000 }

describe('a backoff', () => {
  it('doubles with every failed attempt, up to its longest wait', () => {
    const waits = [1, 2, 3, 4, 5, 60].map(attempt => backoffMs(attempt, BACKOFF, () => 1))
    expect(waits).toEqual([100, 200, 400, 800, 1_000, 1_000])
  })

  it('is shortened at random by up to half, so that a fleet does not come back together', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2_000 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (n, random) => {
          const full = backoffMs(n, BACKOFF, () => 1)
          const drawn = backoffMs(n, BACKOFF, () => random)
          expect(drawn).toBeGreaterThanOrEqual(full / 2)
          expect(drawn).toBeLessThanOrEqual(full)
        },
      ),
    )
  })

  it('is never nothing', () => {
    expect(backoffMs(1, { firstMs: 0, maxMs: 0 }, () => 0)).toBe(1)
  })
})
