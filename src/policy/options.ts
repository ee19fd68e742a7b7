import type { Algorithm } from '../core/plan.js'

/**
 * What a person writes. Every option has its unit, default and reason here and in `docs/policies.md`; an option that
 * an algorithm does not use is an error, so an accepted option always has an effect.
 */

/** `'100/m'`, `'10/30s'`, `'5000/day'`, `'1 per 259.2 s'`: a limit per window, decided by `gcra` with burst = limit. */
export type Rate = string

/** `'15m'`, `'1.5 h'`, `'500ms'`: a number and a unit; `ms s m h d w` or their words. */
export type DurationText = string

/** Calendar periods of a quota. A week starts on Monday. */
export const PERIODS = ['day', 'week', 'month', 'quarter', 'year'] as const
export type Period = (typeof PERIODS)[number]

interface RateOptions {
  /** Units per window: an integer >= 1. */
  readonly limit: number
  /** The time in which `limit` units come back. */
  readonly window: DurationText
  /** Units a `debit` may record beyond what could pass. Default: as many again as could pass. */
  readonly debt?: number
}

interface SmoothOptions extends RateOptions {
  /** Units that pass at once after a pause. Default: `limit`. */
  readonly burst?: number
  /** A refund of a charge older than this gives nothing back. Default: `window`. */
  readonly settle?: DurationText
  /** Hold back what permits used up to `settle` later can add, so that the bound holds with leases. Default: false. */
  readonly strict?: boolean
}

export interface GcraOptions extends SmoothOptions {
  readonly algorithm?: 'gcra'
}

export interface TokenBucketOptions extends SmoothOptions {
  readonly algorithm: 'token_bucket'
}

export interface LeakyBucketOptions extends SmoothOptions {
  readonly algorithm: 'leaky_bucket'
  /** `police` refuses what does not fit; `shape` admits it with a delay, up to a queue of `burst`. Default: `police`. */
  readonly mode?: 'police' | 'shape'
}

export interface FixedWindowOptions extends RateOptions {
  readonly algorithm: 'fixed_window'
  /** Windows start at a subject's first hit, or at multiples of `window` on the clock (UTC). Default: `first-hit`. */
  readonly anchor?: 'first-hit' | 'clock'
  /** With `anchor: 'clock'`: windows start this much after those multiples. Default: none. */
  readonly offset?: DurationText
}

export interface SlidingWindowOptions extends RateOptions {
  readonly algorithm: 'sliding_window'
  /** Hits within this time share an entry of the log. Default: 1 us up to a limit of 1,024, else window / 1024. */
  readonly resolution?: DurationText
}

export interface SlidingCounterOptions extends RateOptions {
  readonly algorithm: 'sliding_counter'
}

export interface QuotaOptions {
  readonly algorithm: 'quota'
  /** Units per calendar period. */
  readonly limit: number
  readonly period: Period
  /** IANA name of the zone whose calendar counts, such as `Europe/Berlin`. Default: `UTC`. */
  readonly timeZone?: string
  /** Release the total evenly over the period instead of all at its start. Default: false. */
  readonly spread?: boolean
  /** With `spread`: units free at the start of a period. Default: 1. */
  readonly spreadBurst?: number
  readonly debt?: number
}

export interface ConcurrencyOptions {
  readonly algorithm: 'concurrency'
  /** Units held at once. */
  readonly limit: number
  /** A lease that is not renewed ends after this. Default: `30s`. */
  readonly lease?: DurationText
}

/** One limit. */
export type LimitOptions =
  | GcraOptions
  | TokenBucketOptions
  | LeakyBucketOptions
  | FixedWindowOptions
  | SlidingWindowOptions
  | SlidingCounterOptions
  | QuotaOptions
  | ConcurrencyOptions

/** The options of one algorithm. */
export type OptionsOf<A extends Algorithm> = Extract<LimitOptions, { readonly algorithm?: A }>

/**
 * How to go on while the store cannot be asked. `local`: this process decides, by its share of each limit. `open`:
 * everything passes. `closed`: nothing does, and the reason is `store-unavailable`.
 */
export const STORE_FAILURE_POLICIES = ['local', 'open', 'closed'] as const
export type StoreFailurePolicy = (typeof STORE_FAILURE_POLICIES)[number]

/** What concerns a policy as a whole. */
export interface PolicyOptions {
  /** Names of the subject's parts that are counted apart, in the order of the key. Default: the whole subject. */
  readonly by?: string | readonly string[]
  /** Those of `by` that subjects decided together have in common. Default: all of them. */
  readonly group?: string | readonly string[]
  /** `all`: a refused request charges none of its limits. The only value so far. */
  readonly charge?: 'all'
  /** Longest wait for the store. The shortest of a request holds. Default: the limiter's. */
  readonly deadline?: DurationText
  /** How to go on while the store cannot be asked. The strictest of a request holds. Default: the limiter's. */
  readonly onStoreFailure?: StoreFailurePolicy
}

/** Several limits that are checked as one request. */
export interface SeveralLimits extends PolicyOptions {
  readonly limits: readonly (Rate | LimitOptions)[]
}

/** A policy as written: a rate, several, an object of one limit, or an object of several. */
export type PolicyInput =
  | Rate
  | readonly (Rate | LimitOptions)[]
  | (LimitOptions & PolicyOptions)
  | SeveralLimits

/** Policies by name. */
export type PoliciesInput = Readonly<Record<string, PolicyInput>>
