import type { Period, StoreFailurePolicy } from './options.js'

/**
 * A limit after reading: units are integers, durations are integer us, absent options are still absent. The input of
 * `compilePlan`, which knows the defaults and the ranges.
 */
export type LimitConfig =
  | GcraConfig
  | BucketConfig
  | FixedWindowConfig
  | SlidingWindowConfig
  | SlidingCounterConfig
  | QuotaConfig
  | ConcurrencyConfig

interface RateConfig {
  readonly limit: number
  readonly windowUs: number
  readonly debt?: number | undefined
}

interface SmoothConfig extends RateConfig {
  readonly burst?: number | undefined
  readonly settleUs?: number | undefined
  readonly strict?: boolean | undefined
}

export interface GcraConfig extends SmoothConfig {
  readonly algorithm: 'gcra'
}

export interface BucketConfig extends SmoothConfig {
  readonly algorithm: 'token_bucket' | 'leaky_bucket'
  /** `leaky_bucket` only. */
  readonly mode?: 'police' | 'shape' | undefined
}

export interface FixedWindowConfig extends RateConfig {
  readonly algorithm: 'fixed_window'
  readonly anchor?: 'first-hit' | 'clock' | undefined
  readonly offsetUs?: number | undefined
}

export interface SlidingWindowConfig extends RateConfig {
  readonly algorithm: 'sliding_window'
  readonly resolutionUs?: number | undefined
}

export interface SlidingCounterConfig extends RateConfig {
  readonly algorithm: 'sliding_counter'
}

export interface QuotaConfig {
  readonly algorithm: 'quota'
  readonly limit: number
  readonly period: Period
  readonly timeZone?: string | undefined
  readonly spread?: boolean | undefined
  readonly spreadBurst?: number | undefined
  readonly debt?: number | undefined
}

export interface ConcurrencyConfig {
  readonly algorithm: 'concurrency'
  readonly limit: number
  readonly leaseUs?: number | undefined
}

/** A policy after reading. */
export interface PolicyConfig {
  readonly limits: readonly LimitConfig[]
  readonly by: readonly string[] | undefined
  readonly group: readonly string[] | undefined
  readonly outage: OutageConfig
}

/** What a policy says of a store that cannot be asked; undefined: as the limiter says. */
export interface OutageConfig {
  readonly deadlineMs: number | undefined
  readonly onStoreFailure: StoreFailurePolicy | undefined
}
