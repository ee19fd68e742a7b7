import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Algorithm } from '../../../src/core/plan.js'
import { Op, Status } from '../../../src/core/step.js'
import { type Admission, aboveInWindows, aboveLine, brokenBound } from '../../support/history.js'
import { type DrawnLimit, drawnLimit, limitOf, START_US } from '../../support/limits.js'
import { type Stride, strides, TimedKey, walkMoments } from '../../support/walk.js'

const TAKING = [Op.consume, Op.consume, Op.grant]

describe.each(['gcra', 'token_bucket', 'sliding_window', 'sliding_counter'] as const)('%s', algorithm => {
  test('admits no more in true time when the clock steps back, however far', () => {
    const step = fc.record({
      after: fc.nat(80),
      us: fc.oneof(fc.nat(20_000_000), fc.nat(4_000_000_000), fc.nat(40_000_000_000_000)),
    })
    fc.assert(
      fc.property(
        limitOf(algorithm),
        strides(TAKING, 120),
        fc.array(step, { maxLength: 3 }),
        (limit, walked, steps) => {
          const admissions: Admission[] = []
          let checks = 0
          let behindUs = 0
          walkMoments(limit, walked, ({ nowUs, op, n }, key) => {
            for (const { after, us } of steps) if (after === checks) behindUs += us
            checks++
            const outcome = key.decide(op, n, 0, nowUs - behindUs)
            if (outcome.status === Status.allowed) admissions.push({ nowUs, units: outcome.granted })
            return outcome
          })
          expect(brokenBound(limit, admissions)).toBeUndefined()
        },
      ),
      { numRuns: 300 },
    )
  })

  test('a clock that stepped back locks nobody out for longer than it takes to fill up and drain', () => {
    fc.assert(
      fc.property(
        limitOf(algorithm),
        strides(TAKING),
        fc.nat(40_000_000_000_000),
        (limit, walked, backUs) => {
          const key = new TimedKey(limit)
          let lastUs = START_US
          walkMoments(limit, walked, ({ nowUs, op, n }) => {
            lastUs = nowUs
            return key.decide(op, n, 0, nowUs)
          })
          // A refused check is a look, and does the repair.
          const nowUs = lastUs - backUs
          key.decide(Op.look, 1, 0, nowUs)
          const { status, waitUs } = key.decide(Op.peek, 1, 0, nowUs)
          const drainUs =
            2 * Math.max(limit.windowUs, Math.ceil((limit.burst * limit.windowUs) / limit.limit))
          const toleratedUs = 10_000_000 + limit.windowUs
          if (status === Status.denied) expect(waitUs).toBeLessThanOrEqual(drainUs + toleratedUs)
        },
      ),
      { numRuns: 100 },
    )
  })
})

/** Walks a key of which the limit is changed halfway. */
function walkThroughChange(before: DrawnLimit, after: DrawnLimit, walked: readonly Stride[]): Admission[] {
  const admissions: Admission[] = []
  let checks = 0
  walkMoments(before, walked, ({ nowUs, op, n, leaseId }, key) => {
    const limit = checks++ < walked.length / 2 ? before : after
    const outcome = key.decide(op, n, 0, nowUs, leaseId, limit)
    const { status, granted } = outcome
    if (status === Status.allowed) admissions.push({ nowUs, units: granted, endUs: nowUs + limit.windowUs })
    return outcome
  })
  return admissions
}

/** Two limits of one algorithm that differ in both numbers, windows at the first hit, bursts as the limits say. */
function changeOf(
  algorithm: Algorithm,
  windows: 'same window' | 'any window',
): fc.Arbitrary<[DrawnLimit, DrawnLimit]> {
  const limit = fc.integer({ min: 1, max: 20 })
  const windowUs = fc.oneof(
    fc.integer({ min: 3_000, max: 9_000 }),
    fc.constantFrom(60_000_000, 3_600_000_000),
  )
  return fc.tuple(limit, windowUs, limit, windowUs).map(([limit, windowUs, newLimit, newWindowUs]) => [
    drawnLimit(algorithm, { limit, windowUs, clock: false }),
    drawnLimit(algorithm, {
      limit: newLimit,
      windowUs: windows === 'same window' ? windowUs : newWindowUs,
      clock: false,
    }),
  ])
}

describe('a limit that changes while a key lives', () => {
  const changing = (
    algorithm: Algorithm,
    holds: (admissions: Admission[], before: DrawnLimit, after: DrawnLimit) => string | undefined,
    windows: 'same window' | 'any window' = 'any window',
  ) =>
    fc.assert(
      fc.property(changeOf(algorithm, windows), strides(TAKING, 120), ([before, after], walked) => {
        expect(holds(walkThroughChange(before, after, walked), before, after)).toBeUndefined()
      }),
      { numRuns: 300 },
    )
  const larger = (before: DrawnLimit, after: DrawnLimit) => Math.max(before.limit, after.limit)
  const shorterUs = (before: DrawnLimit, after: DrawnLimit) => Math.min(before.windowUs, after.windowUs)
  const faster = (before: DrawnLimit, after: DrawnLimit) =>
    before.limit * after.windowUs > after.limit * before.windowUs ? before : after

  test.each(['token_bucket', 'leaky_bucket'] as const)(
    '%s: the larger burst and the faster rate',
    algorithm => {
      changing(algorithm, (admissions, before, after) =>
        aboveLine(admissions, faster(before, after), larger(before, after), 0),
      )
    },
  )

  test('gcra: the larger burst and the faster rate, where the burst lasts as long as before', () => {
    changing(
      'gcra',
      (admissions, before, after) =>
        // The time of a burst is the window, rounded up to a tick for each unit.
        aboveLine(admissions, faster(before, after), larger(before, after), larger(before, after)),
      'same window',
    )
  })

  test('sliding_window: the larger limit in the shorter window', () => {
    changing('sliding_window', (admissions, before, after) =>
      aboveInWindows(admissions, { limit: larger(before, after), windowUs: shorterUs(before, after) }),
    )
  })

  test('fixed_window: the larger limit in each of the two windows that a shorter window can meet', () => {
    changing('fixed_window', (admissions, before, after) =>
      aboveInWindows(admissions, { limit: 2 * larger(before, after), windowUs: shorterUs(before, after) }),
    )
  })

  test('sliding_counter: its bound, and once more the larger limit', () => {
    changing('sliding_counter', (admissions, before, after) => {
      const rate = { limit: larger(before, after), windowUs: shorterUs(before, after) }
      return aboveLine(admissions, rate, 2 * rate.limit, 2)
    })
  })

  test('concurrency: never more at once than the larger limit', () => {
    changing('concurrency', (admissions, before, after) =>
      brokenBound({ ...before, limit: larger(before, after) }, admissions),
    )
  })

  test('quota: the larger total in a period', () => {
    changing(
      'quota',
      (admissions, before, after) => brokenBound(before.limit > after.limit ? before : after, admissions),
      'same window',
    )
  })
})
