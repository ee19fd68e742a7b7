import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ALGORITHMS } from '../../../src/core/plan.js'
import { Op, Status } from '../../../src/core/step.js'
import { aboveLine, brokenBound, overIntervals } from '../../support/history.js'
import { type DrawnLimit, limitOf, START_US } from '../../support/limits.js'
import { type Stride, strides, TimedKey, walk, walkMoments } from '../../support/walk.js'

const WINDOWS = ['fixed_window', 'sliding_window', 'sliding_counter', 'quota'] as const
const RATES = ['gcra', 'token_bucket', 'leaky_bucket'] as const

const NEVER = Number.POSITIVE_INFINITY

interface Charge {
  readonly nowUs: number
  /** What was charged. */
  readonly charged: number
  /** What is not given back. */
  units: number
  /** Charges made before it was given back. */
  undone: number
}

/**
 * Walks a key; the refunds and rollbacks of the walk give back, whole, one of the charges that still stand.
 *
 * @returns the charges, in order of time
 */
function walkWithUndos(limit: DrawnLimit, walked: readonly Stride[]): Charge[] {
  const charges: Charge[] = []
  walkMoments(limit, walked, ({ nowUs, op, n }, key) => {
    if (op === Op.consume || op === Op.grant) {
      const outcome = key.decide(op, n, 0, nowUs)
      const { granted } = outcome
      if (granted > 0) charges.push({ nowUs, charged: granted, units: granted, undone: NEVER })
      return outcome
    }
    const standing = charges.filter(({ undone }) => undone === NEVER)
    const charge = standing[(7 * n) % standing.length]
    if (charge === undefined) return key.decide(Op.peek, n, 0, nowUs)
    const outcome = key.decide(op, charge.charged, charge.nowUs, nowUs)
    expect(outcome.granted).toBeLessThanOrEqual(charge.charged)
    expect(outcome.remaining).toBeLessThanOrEqual(limit.algorithm === 'quota' ? limit.limit : limit.burst)
    charge.units -= outcome.granted
    charge.undone = charges.length
    return outcome
  })
  return charges
}

describe.each(WINDOWS)('%s', algorithm => {
  test('what was given back counts as if it had never been: the rest is within the bound', () => {
    const ops = [Op.consume, Op.consume, Op.grant, Op.refund, Op.rollback]
    fc.assert(
      fc.property(limitOf(algorithm), strides(ops, 120), (limit, walked) => {
        // Those given back whole stay with 0 units: they may have opened a window.
        expect(brokenBound(limit, walkWithUndos(limit, walked))).toBeUndefined()
      }),
      { numRuns: 200 },
    )
  })
})

describe.each(RATES)('%s', algorithm => {
  test('rollbacks keep the bound exactly', () => {
    fc.assert(
      fc.property(
        limitOf(algorithm),
        strides([Op.consume, Op.consume, Op.rollback], 120),
        (limit, walked) => {
          const used = walkWithUndos(limit, walked).filter(({ undone }) => undone === NEVER)
          expect(aboveLine(used, limit, limit.burst, 0)).toBeUndefined()
        },
      ),
      { numRuns: 200 },
    )
  })

  test('refunds add no more than what was charged before and given back within the interval', () => {
    fc.assert(
      fc.property(limitOf(algorithm), strides([Op.consume, Op.consume, Op.refund], 120), (limit, walked) => {
        const charges = walkWithUndos(limit, walked)
        const used = charges.filter(({ undone }) => undone === NEVER)
        const broken = overIntervals(used, (units, lengthUs, first) => {
          const place = charges.indexOf(first as Charge)
          const outstanding = charges
            .filter(({ undone }, i) => i < place && undone > place && undone < NEVER)
            .reduce((sum, { charged }) => sum + charged, 0)
          const { windowUs, burst } = limit
          return units * windowUs <= (burst + outstanding) * windowUs + limit.limit * lengthUs
        })
        expect(broken).toBeUndefined()
      }),
      { numRuns: 100 },
    )
  })
})

describe.each(ALGORITHMS)('%s', algorithm => {
  test('a charge and its refund at the same time leave as much as before', () => {
    fc.assert(
      fc.property(limitOf(algorithm), strides([Op.consume, Op.grant, Op.debit]), (limit, walked) => {
        walk(limit, walked, ({ nowUs }, key) => {
          const before = key.decide(Op.peek, 1, 0, nowUs, 'new')
          const charge = key.decide(Op.consume, 1, 0, nowUs, 'new')
          if (charge.status !== Status.allowed) return
          const refund = key.decide(Op.refund, 1, nowUs, nowUs, 'new')
          expect(refund).toMatchObject({ status: Status.allowed, granted: 1 })
          const { remaining, resetUs } = key.decide(Op.peek, 1, 0, nowUs, 'new')
          expect(remaining).toBe(before.remaining)
          // A log gives back its oldest unit: the same count, from a later time on.
          if (algorithm === 'sliding_window') expect(resetUs).toBeGreaterThanOrEqual(before.resetUs)
          else expect(resetUs).toBe(before.resetUs)
        })
      }),
      { numRuns: 100 },
    )
  })

  test('a refund in a later window gives nothing back, however often it is sent', () => {
    fc.assert(
      fc.property(limitOf(algorithm), strides([Op.consume, Op.debit]), (limit, walked) => {
        const key = new TimedKey(limit)
        const { granted } = key.decide(Op.consume, limit.burst, 0, START_US, 'first')
        walkMoments(limit, walked, ({ op, n, nowUs, leaseId }) => {
          const laterUs = nowUs + 2 * limit.windowUs + 1
          const outcome = key.decide(op, n, 0, laterUs, leaseId)
          const refund = key.decide(Op.refund, granted, START_US, laterUs, 'first')
          expect(refund).toMatchObject({ granted: 0, wrote: false, remaining: outcome.remaining })
          return outcome
        })
      }),
      { numRuns: 50 },
    )
  })
})
