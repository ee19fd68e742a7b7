import { cdiv, fdiv } from '../core/time.js'
import type { BucketConfig, GcraConfig, LimitConfig, SlidingWindowConfig } from './config.js'

/**
 * The ranges in which every intermediate result of the algorithms stays below 2^53, and the defaults that depend on
 * them. `lua/README.md` and the proofs of the algorithms rely on these numbers.
 */

/** Units of a limit, a burst or a debt. */
const COUNT_MAX = 2 ** 40
/** Counts of `sliding_counter` are multiplied by up to 2^25. */
const COUNTER_MAX = 2 ** 27
const QUOTA_MAX = 2 ** 42 - 1
/** 407 days. */
const WINDOW_US_MAX = 2 ** 45
/** The time in which the largest debt drains: 814 days. */
const DRAIN_US_MAX = 2 ** 46
/** The same in ticks of 1/8 us. */
const DRAIN_TICKS_MAX = 2 ** 49
/** Entries in a full log of `sliding_window`, within one or two. */
const LOG_ENTRIES_MAX = 1024

/** One option that the arithmetic cannot take. The message follows the value: `'500 days' is longer than …`. */
export interface RangeProblem {
  readonly option: string
  readonly message: string
}

/** I: ticks of 1/8 us per unit. Rounded up, so the rate is never above the one asked for. */
export const gcraIntervalTicks = (config: GcraConfig): number => cdiv(8 * config.windowUs, config.limit)

/** The level, in units, that takes the longest allowed time to drain. */
export const bucketUnitsMax = (config: BucketConfig): number =>
  Number((BigInt(DRAIN_US_MAX) * BigInt(config.limit)) / BigInt(config.windowUs))

/** The finest resolution of a log: us between its entries. A debt fills a log just as calls within the limit do. */
export const finestResolutionUs = (config: SlidingWindowConfig): number =>
  Math.max(config.limit, debtOf(config)) <= LOG_ENTRIES_MAX ? 1 : cdiv(config.windowUs, LOG_ENTRIES_MAX)

/** Units that can pass at once after a pause, before what a strict plan holds back. */
export const burstOf = (config: LimitConfig): number =>
  'burst' in config && config.burst !== undefined ? config.burst : config.limit

/** The largest debt that the ranges leave; negative when the burst alone is too much. */
function debtMax(config: LimitConfig): number {
  switch (config.algorithm) {
    case 'gcra':
      return Math.min(COUNT_MAX, fdiv(DRAIN_TICKS_MAX, gcraIntervalTicks(config)) - burstOf(config))
    case 'token_bucket':
    case 'leaky_bucket':
      return Math.min(COUNT_MAX, bucketUnitsMax(config) - burstOf(config))
    case 'sliding_counter':
      return COUNTER_MAX - config.limit
    case 'quota':
      return QUOTA_MAX
    default:
      return COUNT_MAX
  }
}

/** Units of debt: what is asked for, else as many as can pass at once, as far as the ranges go. */
export const debtOf = (config: Exclude<LimitConfig, { algorithm: 'concurrency' }>): number =>
  config.debt ?? Math.min(burstOf(config), debtMax(config))

function limitMax(config: LimitConfig): number {
  if (config.algorithm === 'sliding_counter') return COUNTER_MAX
  return config.algorithm === 'quota' ? QUOTA_MAX : COUNT_MAX
}

/** What is wrong with the length of a lease, if anything. */
export const leaseProblem = (leaseUs: number): string | undefined =>
  leaseUs > WINDOW_US_MAX ? `is longer than ${WINDOW_US_MAX} us (407 days), the longest lease` : undefined

/** Everything about a limit that the arithmetic cannot take, or that would have no effect. */
export function rangeProblems(config: LimitConfig): readonly RangeProblem[] {
  const problems: RangeProblem[] = []
  const refuse = (option: string, message: string) => problems.push({ option, message })
  const { algorithm, limit } = config

  if (limit > limitMax(config))
    refuse('limit', `is above ${limitMax(config)}, the largest limit of '${algorithm}'`)
  if ('windowUs' in config && config.windowUs > WINDOW_US_MAX) {
    refuse('window', `is longer than ${WINDOW_US_MAX} us (407 days), the longest window`)
  }
  // The checks below multiply: they hold only for numbers within the ranges above.
  if (problems.length > 0) return problems

  switch (algorithm) {
    case 'gcra':
      // Intervals are whole ticks, so rates of millions per second come out coarse.
      if (BigInt(gcraIntervalTicks(config)) * BigInt(limit) * 50n > BigInt(8 * config.windowUs) * 51n) {
        refuse(
          'limit',
          `is more per window than 'gcra' counts closely: it would admit over 2 % less than asked; ` +
            `use 'token_bucket', which is exact`,
        )
      }
      refuseSmooth(config, refuse)
      break
    case 'token_bucket':
      refuseSmooth(config, refuse)
      break
    case 'leaky_bucket':
      if (config.mode === 'shape') {
        // A shaped call can be given back only while it is the last of the queue, whatever its age.
        const reason = `has no effect with mode 'shape'; leave it out, or use mode 'police'`
        if (config.settleUs !== undefined) refuse('settle', reason)
        if (config.strict !== undefined) refuse('strict', reason)
      }
      refuseSmooth(config, refuse)
      break
    case 'fixed_window':
      if (config.offsetUs !== undefined && config.anchor !== 'clock') {
        refuse(
          'offset',
          `has no effect on windows that start at the first hit; add anchor: 'clock', or leave it out`,
        )
      } else if (config.offsetUs !== undefined && config.offsetUs >= config.windowUs) {
        refuse('offset', 'is not shorter than the window; windows repeat, so a shorter offset says the same')
      }
      break
    case 'sliding_window': {
      const finestUs = finestResolutionUs(config)
      const { resolutionUs } = config
      if (resolutionUs !== undefined && (resolutionUs < finestUs || resolutionUs > config.windowUs)) {
        refuse(
          'resolution',
          `is outside ${finestUs} us to the window; a finer one would let the log grow beyond ${LOG_ENTRIES_MAX} entries`,
        )
      }
      break
    }
    case 'quota':
      if (config.spreadBurst !== undefined && config.spread !== true) {
        refuse(
          'spreadBurst',
          'has no effect on a total that is free at once; add spread: true, or leave it out',
        )
      } else if (config.spreadBurst !== undefined && config.spreadBurst > limit) {
        refuse('spreadBurst', `is above the limit of ${limit}`)
      }
      break
    case 'concurrency':
      if (config.leaseUs !== undefined) {
        const problem = leaseProblem(config.leaseUs)
        if (problem !== undefined) refuse('lease', problem)
      }
      return problems
  }

  const { debt } = config
  if (debt !== undefined && debtMax(config) >= 0 && debt > debtMax(config)) {
    refuse(
      'debt',
      `is above ${debtMax(config)}, the largest debt of this limit (more would overflow, or take over 814 days to drain)`,
    )
  }
  return problems
}

/** What `gcra` and the buckets have in common: burst, settle and strict. */
function refuseSmooth(
  config: GcraConfig | BucketConfig,
  refuse: (option: string, message: string) => void,
): void {
  const burst = burstOf(config)
  if (burst > COUNT_MAX || debtMax(config) < 0) {
    const most = Math.min(COUNT_MAX, burst + debtMax(config))
    refuse(
      'burst',
      `is above ${most}, the largest burst of this limit (more would overflow, or take over 814 days to drain)`,
    )
    return
  }
  const { settleUs } = config
  if (settleUs !== undefined && settleUs > DRAIN_US_MAX) {
    refuse('settle', `is longer than ${DRAIN_US_MAX} us (814 days)`)
  } else if (config.strict === true && settleUs === undefined) {
    refuse('strict', `needs 'settle', the time whose charges it holds back`)
  } else if (config.strict === true && settleUs !== undefined && heldBackUnits(config, settleUs) >= burst) {
    refuse(
      'settle',
      `is too long to be strict: it holds back the whole burst of ${burst}; shorten it, or raise 'burst'`,
    )
  }
}

/** Units that come back within `settleUs`, rounded up. */
function heldBackUnits(config: GcraConfig | BucketConfig, settleUs: number): number {
  const window = BigInt(config.windowUs)
  return Number((BigInt(settleUs) * BigInt(config.limit) + window - 1n) / window)
}
