import type { BucketPlan, GcraPlan, Plan } from '../core/plan.js'
import { fdiv, systemClock } from '../core/time.js'
import { PolicyError } from '../errors.js'
import { calendarPeriods } from './calendar.js'
import type { BucketConfig, GcraConfig, LimitConfig } from './config.js'
import { largestFractionBelow } from './fraction.js'
import {
  bucketUnitsMax,
  burstOf,
  debtOf,
  finestResolutionUs,
  gcraIntervalTicks,
  rangeProblems,
} from './ranges.js'

const DEFAULT_LEASE_US = 30_000_000
const DEFAULT_SPREAD_BURST = 1
/** A level in units times a denominator stays below this, so that a sum of two such products is exact. */
const LEVEL_PRODUCT_MAX = 2 ** 52

export interface CompileOptions {
  /** us since the Unix epoch; `quota` computes its calendar periods around it. Default: the clock of this process. */
  readonly nowUs?: number | undefined
  /**
   * Another plan that is in use on the same keys, as while a fleet is being updated. The larger ceiling of the two then
   * holds for both: clipping to the smaller one would forgive at every write what the larger one had admitted.
   */
  readonly peer?: Plan | undefined
}

/**
 * Computes the plan of a limit: the only place where one is made. The formulas are those of the algorithms' arithmetic
 * (`lua/README.md`, plans); all results are integers in ranges where every product stays below 2^53.
 *
 * @throws PolicyError listing every option outside the ranges
 */
export function compilePlan(config: LimitConfig, options: CompileOptions = {}): Plan {
  const problems = rangeProblems(config)
  if (problems.length > 0) {
    throw new PolicyError(
      problems.map(({ option, message }) => ({
        path: option,
        value: undefined,
        message: `the ${option} ${message}`,
      })),
    )
  }
  return buildPlan(config, options)
}

/** As `compilePlan`, for a config that `rangeProblems` found nothing wrong with. */
export function buildPlan(config: LimitConfig, { nowUs, peer }: CompileOptions): Plan {
  switch (config.algorithm) {
    case 'gcra':
      return gcraPlan(config, peer)
    case 'token_bucket':
    case 'leaky_bucket':
      return bucketPlan(config, peer)
    case 'fixed_window':
      return {
        algorithm: 'fixed_window',
        limit: config.limit,
        windowUs: config.windowUs,
        debtLimit: config.limit + debtOf(config),
        clockAnchored: config.anchor === 'clock' ? 1 : 0,
        offsetUs: config.offsetUs ?? 0,
      }
    case 'sliding_window':
      return {
        algorithm: 'sliding_window',
        limit: config.limit,
        windowUs: config.windowUs,
        debtLimit: config.limit + debtOf(config),
        resolutionUs: config.resolutionUs ?? finestResolutionUs(config),
      }
    case 'sliding_counter':
      return {
        algorithm: 'sliding_counter',
        limit: config.limit,
        windowUs: config.windowUs,
        debtLimit: config.limit + debtOf(config),
      }
    case 'quota':
      return {
        algorithm: 'quota',
        total: config.limit,
        ...calendarPeriods(config.period, config.timeZone ?? 'UTC', nowUs ?? systemClock.nowUs()),
        spread: config.spread ? 1 : 0,
        spreadBurst: config.spread ? (config.spreadBurst ?? DEFAULT_SPREAD_BURST) : 0,
        debtLimit: config.limit + debtOf(config),
      }
    case 'concurrency':
      return { algorithm: 'concurrency', limit: config.limit, leaseUs: config.leaseUs ?? DEFAULT_LEASE_US }
  }
}

function gcraPlan(config: GcraConfig, peer: Plan | undefined): GcraPlan {
  const interval = gcraIntervalTicks(config)
  const settleUs = config.settleUs ?? config.windowUs
  const cap = burstOf(config) * interval - (config.strict ? 8 * settleUs : 0)
  const debtCap = (burstOf(config) + debtOf(config)) * interval
  const horizon = peer?.algorithm === 'gcra' ? Math.max(debtCap, peer.horizon) : debtCap
  return { algorithm: 'gcra', interval, cap, burst: fdiv(cap, interval), debtCap, horizon, settleUs }
}

function bucketPlan(config: BucketConfig, peer: Plan | undefined): BucketPlan {
  const burst = burstOf(config)
  const own = burst + debtOf(config)
  const debtLimit =
    peer?.algorithm === config.algorithm
      ? Math.max(own, Math.min((peer as BucketPlan).debtLimit, bucketUnitsMax(config)))
      : own
  const usMax = fdiv(LEVEL_PRODUCT_MAX, debtLimit + 2)
  const drain = largestFractionBelow(BigInt(config.limit), BigInt(config.windowUs), BigInt(usMax))
  const settleUs = config.settleUs ?? config.windowUs
  const heldBack = config.strict ? ceilDivide(BigInt(settleUs) * drain.units, drain.us) : 0n
  return {
    algorithm: config.algorithm,
    burst: burst - Number(heldBack),
    debtLimit,
    drainUnits: Number(drain.units),
    drainUs: Number(drain.us),
    emptyAfterUs: Number(ceilDivide(BigInt(debtLimit) * drain.us, drain.units)) + 2,
    settleUs,
    shape: config.mode === 'shape' ? 1 : 0,
  }
}

const ceilDivide = (a: bigint, b: bigint): bigint => (a + b - 1n) / b
