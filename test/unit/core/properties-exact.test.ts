import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { BucketPlan, SlidingWindowPlan } from '../../../src/core/plan.js'
import { Op, Status } from '../../../src/core/step.js'
import { type DrawnLimit, drawnLimit, limitOf, START_US } from '../../support/limits.js'
import { strides, TimedKey, walk } from '../../support/walk.js'

const TAKING = [Op.consume, Op.consume, Op.grant]

/** The few rates that need larger fractions than a double holds come out lower, by less than one in ten million. */
function hasExactRate({ limit, windowUs, planAt }: DrawnLimit): boolean {
  const { drainUnits, drainUs } = planAt(0) as BucketPlan
  return BigInt(drainUnits) * BigInt(windowUs) === BigInt(limit) * BigInt(drainUs)
}

describe.each(['token_bucket', 'leaky_bucket'] as const)('%s', algorithm => {
  test('admits a check exactly when a bucket of exact fractions would', () => {
    fc.assert(
      fc.property(limitOf(algorithm).filter(hasExactRate), strides(TAKING, 120), (limit, walked) => {
        // Level in units, times the window: whole numbers.
        let level = 0n
        let lastUs = START_US
        const full = BigInt(limit.burst) * BigInt(limit.windowUs)
        walk(limit, walked, ({ nowUs, op, n, granted, status }) => {
          level -= BigInt(limit.limit) * BigInt(nowUs - lastUs)
          if (level < 0n) level = 0n
          lastUs = nowUs
          const room = Number((full - level) / BigInt(limit.windowUs))
          const expected = op === Op.grant ? Math.min(n, room) : n <= room ? n : 0
          expect(granted).toBe(expected)
          expect(status).toBe(expected > 0 ? Status.allowed : Status.denied)
          level += BigInt(granted) * BigInt(limit.windowUs)
        })
      }),
      { numRuns: 300 },
    )
  })

  test('gives its exact rate to a caller who takes what there is, whatever the pauses', () => {
    const rate = fc.record({
      limit: fc.integer({ min: 1, max: 10_000 }),
      windowUs: fc.integer({ min: 1_000, max: 3_600_000_000 }),
      burst: fc.integer({ min: 2, max: 100 }),
      clock: fc.constant(false),
    })
    const pauses = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 50, maxLength: 300 })
    fc.assert(
      fc.property(rate, pauses, (drawn, shares) => {
        const limit = drawnLimit(algorithm, drawn)
        const key = new TimedKey(limit)
        let nowUs = START_US
        let taken = 0
        for (const share of [0, ...shares]) {
          // Never so long that the bucket overflows: nothing is lost.
          nowUs += Math.floor((share * (drawn.burst - 1) * drawn.windowUs) / drawn.limit)
          taken += key.decide(Op.grant, drawn.burst, 0, nowUs).granted
        }
        const released = (BigInt(drawn.limit) * BigInt(nowUs - START_US)) / BigInt(drawn.windowUs)
        expect(BigInt(taken)).toBe(BigInt(drawn.burst) + released)
      }),
      { numRuns: 100 },
    )
  })
})

describe('leaky_bucket that shapes', () => {
  test('calls start at the rate and never closer, however they arrive', () => {
    fc.assert(
      fc.property(limitOf('leaky_bucket'), strides(TAKING.slice(0, 1), 120), (police, walked) => {
        const plan = { ...police.planAt(0), shape: 1 }
        const limit = { ...police, planAt: () => plan as ReturnType<typeof police.planAt> }
        const starts: { atUs: number; units: number }[] = []
        walk(limit, walked, ({ nowUs, status, waitUs, granted }) => {
          if (status === Status.allowed) starts.push({ atUs: nowUs + waitUs, units: granted })
        })
        for (const [i, first] of starts.entries()) {
          let units = first.units
          for (const later of starts.slice(i + 1)) {
            const apartUs = (BigInt(units) * BigInt(limit.windowUs)) / BigInt(limit.limit)
            expect(BigInt(later.atUs - first.atUs)).toBeGreaterThanOrEqual(apartUs)
            units += later.units
          }
        }
      }),
      { numRuns: 200 },
    )
  })
})

describe('sliding_window', () => {
  test('admits a check exactly when counting every unit of the last window would', () => {
    const fine = limitOf('sliding_window').filter(({ limit }) => limit <= 1_024)
    fc.assert(
      fc.property(fine, strides(TAKING, 120), (limit, walked) => {
        const units: number[] = []
        walk(limit, walked, ({ nowUs, op, n, granted, remaining, resetUs }) => {
          const live = units.filter(takenUs => takenUs > nowUs - limit.windowUs)
          const room = limit.limit - live.length
          expect(granted).toBe(op === Op.grant ? Math.min(n, room) : n <= room ? n : 0)
          for (let unit = 0; unit < granted; unit++) units.push(nowUs)
          expect(remaining).toBe(room - granted)
          const last = granted > 0 ? nowUs : live.at(-1)
          expect(resetUs).toBe(last === undefined ? 0 : last + limit.windowUs - nowUs)
        })
      }),
      { numRuns: 300 },
    )
  })

  test('a log stays as short as its limit and its resolution promise', () => {
    fc.assert(
      fc.property(limitOf('sliding_window'), strides(TAKING, 400), (limit, walked) => {
        const { windowUs, resolutionUs } = limit.planAt(0) as SlidingWindowPlan
        const live = Math.min(limit.limit, Math.floor(windowUs / resolutionUs) + 2)
        walk(limit, walked, (_, { model }) => {
          expect(model.stateBytes().length).toBeLessThanOrEqual(16 + 16 * (2 * live + 1))
        })
      }),
      { numRuns: 50 },
    )
  })
})
