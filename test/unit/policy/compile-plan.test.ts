import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { BucketPlan, GcraPlan } from '../../../src/core/plan.js'
import { compilePlan, parseDuration, parseRate } from '../../../src/policy.js'

const SECOND_US = 1_000_000
const MINUTE_US = 60 * SECOND_US
const DAY_US = 1440 * MINUTE_US

const windowUs = fc.integer({ min: 1, max: 2 ** 45 })
const units = fc.oneof(fc.integer({ min: 1, max: 1000 }), fc.integer({ min: 1, max: 2 ** 40 }))

describe('gcra', () => {
  it('counts in eighths of a microsecond per unit, with burst = limit and as much debt', () => {
    expect(compilePlan({ algorithm: 'gcra', limit: 100, windowUs: MINUTE_US })).toEqual({
      algorithm: 'gcra',
      interval: 4_800_000,
      cap: 480_000_000,
      burst: 100,
      debtCap: 960_000_000,
      horizon: 960_000_000,
      settleUs: MINUTE_US,
    })
  })

  it('takes burst, debt and settle as they are given', () => {
    const config = {
      algorithm: 'gcra',
      limit: 10,
      windowUs: SECOND_US,
      burst: 3,
      debt: 0,
      settleUs: 7,
    } as const
    expect(compilePlan(config)).toMatchObject({
      interval: 800_000,
      cap: 2_400_000,
      burst: 3,
      debtCap: 2_400_000,
      settleUs: 7,
    })
  })

  it('never has a rate above the one asked for, and is at most 0.125 % below it up to 10,000 per second', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10_000 }), limit => {
        const { interval } = compilePlan({ algorithm: 'gcra', limit, windowUs: SECOND_US }) as GcraPlan
        expect(interval * limit).toBeGreaterThanOrEqual(8 * SECOND_US)
        expect(interval * limit).toBeLessThanOrEqual(8 * SECOND_US * 1.00125)
      }),
    )
  })

  it('holds back what comes in during settle when it is strict', () => {
    const config = {
      algorithm: 'gcra',
      limit: 10,
      windowUs: SECOND_US,
      settleUs: 250_000,
      strict: true,
    } as const
    // 2.5 of 10 units come back in 250 ms: 7 whole ones are left.
    expect(compilePlan(config)).toMatchObject({ cap: 6_000_000, burst: 7, debtCap: 16_000_000 })
  })

  it('takes over the larger ceiling of a plan in use beside it', () => {
    const larger = compilePlan({ algorithm: 'gcra', limit: 100, windowUs: MINUTE_US, burst: 500 })
    const config = { algorithm: 'gcra', limit: 100, windowUs: MINUTE_US } as const
    expect(compilePlan(config, { peer: larger })).toMatchObject({
      horizon: (larger as GcraPlan).horizon,
      burst: 100,
    })
    expect(compilePlan({ ...config, burst: 500 }, { peer: compilePlan(config) })).toEqual(larger)
  })

  it('ignores a peer of another algorithm, which has other keys', () => {
    const config = { algorithm: 'gcra', limit: 100, windowUs: MINUTE_US } as const
    const peer = compilePlan({ algorithm: 'token_bucket', limit: 1, windowUs: DAY_US })
    expect(compilePlan(config, { peer })).toEqual(compilePlan(config))
  })
})

describe('token_bucket and leaky_bucket', () => {
  it('drain at the exact rate where it is a fraction of small numbers', () => {
    expect(compilePlan({ algorithm: 'token_bucket', limit: 7, windowUs: 3 * SECOND_US })).toEqual({
      algorithm: 'token_bucket',
      burst: 7,
      debtLimit: 14,
      drainUnits: 7,
      drainUs: 3_000_000,
      emptyAfterUs: 6_000_002,
      settleUs: 3 * SECOND_US,
      shape: 0,
    })
  })

  it('drain at the exact rate for up to 10,000 units in any whole milliseconds up to a day', () => {
    const wholeMs = fc.integer({ min: 1, max: 86_400_000 }).map(ms => ms * 1000)
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10_000 }), wholeMs, (limit, windowUs) => {
        const plan = compilePlan({ algorithm: 'token_bucket', limit, windowUs }) as BucketPlan
        expect(BigInt(plan.drainUnits) * BigInt(windowUs)).toBe(BigInt(limit) * BigInt(plan.drainUs))
      }),
    )
  })

  it('never drain faster than asked, and keep every product below 2^52', () => {
    fc.assert(
      fc.property(units, windowUs, (limit, windowUs) => {
        const { drainUnits, drainUs, debtLimit } = compilePlan({
          algorithm: 'token_bucket',
          limit,
          windowUs,
        }) as BucketPlan
        expect(drainUnits).toBeGreaterThan(0)
        expect(BigInt(drainUnits) * BigInt(windowUs)).toBeLessThanOrEqual(BigInt(limit) * BigInt(drainUs))
        expect(BigInt(drainUs) * BigInt(debtLimit + 2)).toBeLessThanOrEqual(2n ** 52n)
      }),
    )
  })

  it('mark a bucket that shapes', () => {
    const config = {
      algorithm: 'leaky_bucket',
      limit: 5,
      windowUs: SECOND_US,
      burst: 20,
      mode: 'shape',
    } as const
    expect(compilePlan(config)).toMatchObject({
      algorithm: 'leaky_bucket',
      burst: 20,
      debtLimit: 40,
      shape: 1,
    })
  })

  it('hold back what drains during settle when strict, rounded up', () => {
    const config = {
      algorithm: 'token_bucket',
      limit: 10,
      windowUs: SECOND_US,
      settleUs: 250_000,
      strict: true,
    } as const
    expect(compilePlan(config)).toMatchObject({ burst: 7, debtLimit: 20 })
  })

  it('take over the larger ceiling of a peer, and stay exact', () => {
    const peer = compilePlan({ algorithm: 'token_bucket', limit: 1000, windowUs: MINUTE_US })
    const plan = compilePlan({ algorithm: 'token_bucket', limit: 50, windowUs: MINUTE_US }, { peer })
    expect(plan).toMatchObject({ burst: 50, debtLimit: 2000, drainUnits: 1, drainUs: 1_200_000 })
  })
})

describe('windows', () => {
  it('fixed_window starts at the first hit unless anchored at the clock', () => {
    const config = { algorithm: 'fixed_window', limit: 5, windowUs: MINUTE_US } as const
    expect(compilePlan(config)).toEqual({ ...config, debtLimit: 10, clockAnchored: 0, offsetUs: 0 })
    expect(compilePlan({ ...config, anchor: 'clock', offsetUs: SECOND_US })).toMatchObject({
      clockAnchored: 1,
      offsetUs: SECOND_US,
    })
  })

  it('sliding_window is exact up to 1,024 units and has 1,024 steps above', () => {
    const config = { algorithm: 'sliding_window', windowUs: MINUTE_US } as const
    expect(compilePlan({ ...config, limit: 1024 })).toMatchObject({ resolutionUs: 1 })
    expect(compilePlan({ ...config, limit: 1025 })).toMatchObject({ resolutionUs: 58_594 })
    expect(compilePlan({ ...config, limit: 5, resolutionUs: SECOND_US })).toMatchObject({
      resolutionUs: SECOND_US,
    })
  })

  it('sliding_counter gives debt only as far as its counts go', () => {
    const config = { algorithm: 'sliding_counter', windowUs: MINUTE_US } as const
    expect(compilePlan({ ...config, limit: 10 })).toMatchObject({ debtLimit: 20 })
    expect(compilePlan({ ...config, limit: 2 ** 27 - 1 })).toMatchObject({ debtLimit: 2 ** 27 })
  })
})

describe('concurrency', () => {
  it('frees a holder that does not renew after 30 seconds unless told otherwise', () => {
    expect(compilePlan({ algorithm: 'concurrency', limit: 3 })).toEqual({
      algorithm: 'concurrency',
      limit: 3,
      leaseUs: 30 * SECOND_US,
    })
    expect(compilePlan({ algorithm: 'concurrency', limit: 3, leaseUs: SECOND_US })).toMatchObject({
      leaseUs: SECOND_US,
    })
  })
})

describe('every plan', () => {
  it('is made of integers that a double holds exactly, whatever the limit and window', () => {
    const algorithm = fc.constantFrom(
      'gcra',
      'token_bucket',
      'leaky_bucket',
      'fixed_window',
      'sliding_window',
    )
    fc.assert(
      fc.property(algorithm, units, windowUs, (algorithm, limit, windowUs) => {
        // gcra refuses rates that come out coarse.
        fc.pre(algorithm !== 'gcra' || 8 * windowUs >= 50 * limit)
        for (const value of Object.values(compilePlan({ algorithm, limit, windowUs }))) {
          if (typeof value === 'number')
            expect(Number.isSafeInteger(value) && !Object.is(value, -0)).toBe(true)
        }
      }),
    )
  })

  it('can admit at least one unit', () => {
    fc.assert(
      fc.property(fc.constantFrom('gcra', 'token_bucket'), windowUs, (algorithm, windowUs) => {
        expect(compilePlan({ algorithm, limit: 1, windowUs })).toMatchObject({ burst: 1 })
      }),
    )
  })

  it('is refused by name when its numbers are outside the arithmetic', () => {
    expect(() => compilePlan({ algorithm: 'gcra', limit: 2 ** 41, windowUs: DAY_US })).toThrow(
      "limit: the limit is above 1099511627776, the largest limit of 'gcra'",
    )
  })
})

describe('windows that broke other limiters', () => {
  const windowOf = (window: string) =>
    compilePlan({ algorithm: 'fixed_window', limit: 1, windowUs: parseDuration(window) })

  it('half a second was cut to 0 s, and its key never ended', () => {
    expect(windowOf('0.5s')).toMatchObject({ windowUs: 500_000 })
  })

  it('1.9 s was cut to 1 s', () => {
    expect(windowOf('1.9s')).toMatchObject({ windowUs: 1_900_000 })
  })

  it('30 days overflowed a timer, and nothing was limited', () => {
    expect(windowOf('30 days')).toMatchObject({ windowUs: 30 * DAY_US })
    expect(compilePlan({ algorithm: 'gcra', limit: 5, windowUs: 366 * DAY_US })).toMatchObject({ burst: 5 })
  })

  it('3.33 units stopped all work', () => {
    expect(() => parseRate('3.33/s')).toThrow("'3.33/s' has a limit of '3.33'")
  })
})
