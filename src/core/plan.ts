/**
 * A plan is a limit in validated integers: everything an engine needs to decide, and nothing else. Plans are computed
 * in one function (`compilePlan` in `src/policy.ts`); engines take them as they are. The ranges keep every product of
 * the algorithms below 2^53. `lua/README.md` shows the same fields as the rows of the plan table on the wire.
 */

export const ALGORITHMS = [
  'gcra',
  'fixed_window',
  'token_bucket',
  'leaky_bucket',
  'sliding_counter',
  'sliding_window',
  'quota',
  'concurrency',
] as const

export type Algorithm = (typeof ALGORITHMS)[number]

/** `algorithm` as it stands first in a row of the plan table: 1 for `gcra` up to 8 for `concurrency`. */
const algorithmCode = (algorithm: Algorithm): number => ALGORITHMS.indexOf(algorithm) + 1

/** One tick is 1/8 us. The state is the theoretical arrival time in ticks since 2020. */
export interface GcraPlan {
  readonly algorithm: 'gcra'
  /** I: ticks per unit, cdiv(8 * window, limit). */
  readonly interval: number
  /** Backlog in ticks that a consume may reach: burst * interval, less what a strict plan holds back. */
  readonly cap: number
  /** B: largest cost that can ever pass, fdiv(cap, interval). */
  readonly burst: number
  /** M * I: backlog in ticks that a debit may reach. */
  readonly debtCap: number
  /** H: a backlog above this many ticks is impossible, and repaired. */
  readonly horizon: number
  /** A refund of a charge older than this many us gives nothing back. */
  readonly settleUs: number
}

export interface FixedWindowPlan {
  readonly algorithm: 'fixed_window'
  readonly limit: number
  readonly windowUs: number
  /** M: what a debit may take the count to. */
  readonly debtLimit: number
  /** 1: windows start at multiples of the window after `offsetUs`; 0: at the first hit. */
  readonly clockAnchored: 0 | 1
  readonly offsetUs: number
}

/** `token_bucket` and `leaky_bucket` are one arithmetic: a level of c - f/q units that drains at p/q units per us. */
export interface BucketPlan {
  readonly algorithm: 'token_bucket' | 'leaky_bucket'
  /** B. */
  readonly burst: number
  /** M: what a debit may take the level to. */
  readonly debtLimit: number
  /** p units drain in q us. */
  readonly drainUnits: number
  readonly drainUs: number
  /** ef: after this many us without a call the bucket is empty whatever it held. */
  readonly emptyAfterUs: number
  readonly settleUs: number
  /** 1 for a leaky bucket that admits with a delay instead of refusing. */
  readonly shape: 0 | 1
}

export interface SlidingCounterPlan {
  readonly algorithm: 'sliding_counter'
  readonly limit: number
  readonly windowUs: number
  readonly debtLimit: number
}

export interface SlidingWindowPlan {
  readonly algorithm: 'sliding_window'
  readonly limit: number
  readonly windowUs: number
  readonly debtLimit: number
  /** Entry times are rounded up to multiples of this, which bounds the log: 1 up to a limit of 1,024. */
  readonly resolutionUs: number
}

export interface QuotaPlan {
  readonly algorithm: 'quota'
  /** T. */
  readonly total: number
  /** This calendar period is [period0Us, period1Us), the next one [period1Us, period2Us). */
  readonly period0Us: number
  readonly period1Us: number
  readonly period2Us: number
  /** 1: the total is released evenly over the period, after `spreadBurst` units that are free at its start. */
  readonly spread: 0 | 1
  readonly spreadBurst: number
  readonly debtLimit: number
}

export interface ConcurrencyPlan {
  readonly algorithm: 'concurrency'
  readonly limit: number
  /** D: a lease that is not renewed ends after this many us. */
  readonly leaseUs: number
}

/** Units that one lease of `concurrency` can hold. */
export const LEASE_UNITS_MAX = 64

export type Plan =
  | GcraPlan
  | FixedWindowPlan
  | BucketPlan
  | SlidingCounterPlan
  | SlidingWindowPlan
  | QuotaPlan
  | ConcurrencyPlan

/** Numbers in one row of the plan table, the algorithm's code included. */
export const PLAN_ROW_LENGTH = 8

/** The largest cost that can ever pass under this plan; more is impossible, which is an error and not a denial. */
export function capacity(plan: Plan): number {
  switch (plan.algorithm) {
    case 'gcra':
    case 'token_bucket':
    case 'leaky_bucket':
      return plan.burst
    case 'quota':
      return plan.total
    case 'concurrency':
      return Math.min(plan.limit, LEASE_UNITS_MAX)
    default:
      return plan.limit
  }
}

/** The plan as its row on the wire, in the order of the fields above. Unused places are 0. */
export function planRow(plan: Plan): readonly number[] {
  const code = algorithmCode(plan.algorithm)
  switch (plan.algorithm) {
    case 'gcra':
      return [code, plan.interval, plan.cap, plan.burst, plan.debtCap, plan.horizon, plan.settleUs, 0]
    case 'fixed_window':
      return [code, plan.limit, plan.windowUs, plan.debtLimit, plan.clockAnchored, plan.offsetUs, 0, 0]
    case 'token_bucket':
    case 'leaky_bucket':
      return [
        code,
        plan.burst,
        plan.debtLimit,
        plan.drainUnits,
        plan.drainUs,
        plan.emptyAfterUs,
        plan.settleUs,
        plan.shape,
      ]
    case 'sliding_counter':
      return [code, plan.limit, plan.windowUs, plan.debtLimit, 0, 0, 0, 0]
    case 'sliding_window':
      return [code, plan.limit, plan.windowUs, plan.debtLimit, plan.resolutionUs, 0, 0, 0]
    case 'quota':
      return [
        code,
        plan.total,
        plan.period0Us,
        plan.period1Us,
        plan.period2Us,
        plan.spread,
        plan.spreadBurst,
        plan.debtLimit,
      ]
    case 'concurrency':
      return [code, plan.limit, plan.leaseUs, 0, 0, 0, 0, 0]
  }
}
