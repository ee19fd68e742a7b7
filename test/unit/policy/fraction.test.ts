import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { largestFractionBelow } from '../../../src/policy/fraction.js'

/** Every denominator tried: slow and plainly right. */
function bySearch(limit: bigint, window: bigint, usMax: bigint): { units: bigint; us: bigint } {
  let best = { units: 0n, us: 1n }
  for (let us = 1n; us <= usMax; us++) {
    const units = (limit * us) / window
    if (units * best.us > best.units * us) best = { units, us }
  }
  return best
}

describe('the largest fraction below a rate with a bounded denominator', () => {
  it('is what a search over all denominators finds', () => {
    const number = fc.bigInt({ min: 1n, max: 5000n })
    fc.assert(
      fc.property(number, number, fc.bigInt({ min: 1n, max: 300n }), (limit, window, usMax) => {
        expect(largestFractionBelow(limit, window, usMax)).toEqual(bySearch(limit, window, usMax))
      }),
      { numRuns: 500 },
    )
  })

  it('is the rate itself in lowest terms where that fits', () => {
    expect(largestFractionBelow(100n, 60_000_000n, 600_000n)).toEqual({ units: 1n, us: 600_000n })
    expect(largestFractionBelow(14n, 6_000_000n, 2n ** 50n)).toEqual({ units: 7n, us: 3_000_000n })
  })

  it('is the nearest from below where it does not', () => {
    // The classical neighbours of pi: 333/106 is below it, 355/113 above.
    expect(largestFractionBelow(314_159n, 100_000n, 112n)).toEqual({ units: 333n, us: 106n })
  })
})
