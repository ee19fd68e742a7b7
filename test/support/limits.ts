import fc from 'fast-check'
import type { Algorithm, Plan } from '../../src/core/plan.js'
import { compilePlan, type LimitConfig } from '../../src/policy.js'

/** A limit drawn at random, small enough that a short walk meets its boundaries. */
export interface DrawnLimit {
  readonly algorithm: Algorithm
  readonly limit: number
  /** For `quota` the period, for `concurrency` the lease. */
  readonly windowUs: number
  /** Units that can pass at once. */
  readonly burst: number
  /** The plan at this instant: a quota's moves on with its periods. */
  planAt(nowUs: number): Plan
}

/** 2023-11-14: the walks begin here. */
export const START_US = 1_700_000_000_000_000

const SECOND_US = 1_000_000
const DAY_US = 86_400 * SECOND_US

const windowUs = fc.oneof(
  fc.integer({ min: 1, max: 50 }),
  fc.integer({ min: 1_000, max: 100_000 }),
  fc.constantFrom(SECOND_US, 60 * SECOND_US, 3_600 * SECOND_US, DAY_US, 30 * DAY_US, 366 * DAY_US),
)
const limit = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 1, max: 10 }) },
  fc.integer({ min: 11, max: 2_000 }),
)

/** A limit of this algorithm. */
export function limitOf(algorithm: Algorithm): fc.Arbitrary<DrawnLimit> {
  return fc
    .record({
      limit,
      windowUs,
      burst: fc.option(fc.integer({ min: 1, max: 20 }), { nil: undefined }),
      clock: fc.boolean(),
    })
    .filter(draw => isCompiled(algorithm, draw))
    .map(drawn => drawnLimit(algorithm, drawn))
}

/** Within the ranges of the arithmetic: what drains in over 814 days, or too fast for `gcra`, does not compile. */
const isCompiled = (algorithm: Algorithm, { limit, windowUs, burst = limit }: Draw): boolean =>
  (2 * burst * windowUs) / limit <= 2 ** 46 && (algorithm !== 'gcra' || windowUs >= 100 * limit)

interface Draw {
  limit: number
  windowUs: number
  burst?: number | undefined
  clock: boolean
}

export function drawnLimit(algorithm: Algorithm, { limit, windowUs, burst, clock }: Draw): DrawnLimit {
  if (algorithm === 'quota') return quotaOf(limit, windowUs, clock ? Math.min(burst ?? 1, limit) : 0)
  const base = { algorithm, limit, windowUs }
  const smooth = algorithm === 'gcra' || algorithm === 'token_bucket' || algorithm === 'leaky_bucket'
  const plan = compilePlan(configOf(algorithm, { limit, windowUs, burst, clock }))
  return { ...base, burst: smooth ? (burst ?? limit) : limit, planAt: () => plan }
}

function configOf(
  algorithm: Exclude<Algorithm, 'quota'>,
  { limit, windowUs, burst, clock }: Draw,
): LimitConfig {
  switch (algorithm) {
    case 'gcra':
    case 'token_bucket':
      return { algorithm, limit, windowUs, burst }
    case 'leaky_bucket':
      return { algorithm, limit, windowUs, burst, mode: 'police' }
    case 'fixed_window':
      return clock
        ? { algorithm, limit, windowUs, anchor: 'clock', offsetUs: Math.floor(windowUs / 3) }
        : { algorithm, limit, windowUs }
    case 'sliding_window':
    case 'sliding_counter':
      return { algorithm, limit, windowUs }
    case 'concurrency':
      return { algorithm, limit, leaseUs: windowUs }
  }
}

/** Even periods as long as `periodUs`, in place of a calendar's. */
function quotaOf(limit: number, periodUs: number, spreadBurst: number): DrawnLimit {
  const planAt = (nowUs: number): Plan => {
    const period0Us = Math.floor(nowUs / periodUs) * periodUs
    return {
      algorithm: 'quota',
      total: limit,
      period0Us,
      period1Us: period0Us + periodUs,
      period2Us: period0Us + 2 * periodUs,
      spread: spreadBurst > 0 ? 1 : 0,
      spreadBurst,
      debtLimit: 2 * limit,
    }
  }
  return {
    algorithm: 'quota',
    limit,
    windowUs: periodUs,
    burst: spreadBurst > 0 ? spreadBurst : limit,
    planAt,
  }
}
