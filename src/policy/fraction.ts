/** A rate of `units` per `us`, in lowest terms. */
export interface Fraction {
  readonly units: bigint
  readonly us: bigint
}

/**
 * The largest fraction p/q <= limit/window with q <= `usMax`, found in the Stern-Brocot tree (Graham, Knuth and
 * Patashnik, Concrete Mathematics, section 4.5), where each run of equal turns is taken in one step.
 *
 * @returns 0/1 when the rate is below 1/usMax
 */
export function largestFractionBelow(limit: bigint, window: bigint, usMax: bigint): Fraction {
  // low <= limit/window < high at all times, and low and high are neighbours in the tree.
  let low: Fraction = { units: limit / window, us: 1n }
  let high: Fraction = { units: low.units + 1n, us: 1n }
  for (;;) {
    const lowGap = limit * low.us - window * low.units
    if (lowGap === 0n) return low
    const highGap = window * high.units - limit * high.us
    // Move low towards high as far as it stays below the rate and its denominator within bounds.
    const turns = min(lowGap / highGap, (usMax - low.us) / high.us)
    if (turns > 0n) low = { units: low.units + turns * high.units, us: low.us + turns * high.us }
    const gap = limit * low.us - window * low.units
    if (gap === 0n || low.us + high.us > usMax) return low
    // Move high towards low as far as it stays above the rate.
    const back = (highGap - 1n) / gap
    if (back > 0n) high = { units: high.units + back * low.units, us: high.us + back * low.us }
    if (low.us + high.us > usMax) return low
  }
}

const min = (a: bigint, b: bigint): bigint => (a < b ? a : b)
