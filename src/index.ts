/** Sluice: a distributed rate limiter for fleets of services that share Redis. Start at `createLimiter`. */

export type { BreakerState } from './core/breaker.js'
export type { Algorithm } from './core/plan.js'
export type { Clock } from './core/time.js'
export type {
  Charge,
  CheckState,
  Decision,
  DecisionData,
  Reason,
  Receipt,
  Source,
} from './decision.js'
export type { FileStoreOptions, InProcessStore, Store } from './engine/engine-options.js'
export type { DenyCacheSettings, GuardSettings } from './engine/guard-options.js'
export type { KeyValueStore } from './engine/key-value-store.js'
export * from './errors.js'
export type { Logger, LogSettings } from './events/logger.js'
export type {
  Asked,
  Batch,
  BreakerChange,
  Call,
  Decided,
  EventName,
  LateReply,
  LimiterEvents,
  Listener,
  StoreDown,
  StoreError,
  StoreUp,
  Waited,
} from './events.js'
export type { Explanation } from './explain.js'
export type { Acquisition, Lease, RefusedLease } from './lease.js'
export type { LimiterOptions } from './limiter/options.js'
export type { LimiterMetrics, PolicyMetrics } from './limiter/tally.js'
export type {
  AcquireOptions,
  BlockOptions,
  CallOptions,
  CheckItem,
  CheckOptions,
  CostOptions,
  Limiter,
  MaxWait,
  OverrideOptions,
  RefundOptions,
  SyncLimiter,
  WaitOptions,
} from './limiter/types.js'
export type { LimitUsage } from './limiter/usage.js'
export type { WaitingSettings } from './limiter/waiting-options.js'
export { createLimiter } from './limiter.js'
export type {
  ConcurrencyOptions,
  DurationText,
  FixedWindowOptions,
  GcraOptions,
  LeakyBucketOptions,
  LimitOptions,
  LimitOverride,
  Period,
  PoliciesInput,
  PolicyInput,
  PolicyName,
  PolicyOptions,
  QuotaOptions,
  Rate,
  SeveralLimits,
  SlidingCounterOptions,
  SlidingWindowOptions,
  StoreFailurePolicy,
  SubjectOf,
  TokenBucketOptions,
} from './policy.js'
export type {
  Pem,
  RedisStoreOptions,
  SentinelOptions,
  TlsOptions,
  UserClient,
} from './redis/store-options.js'
export type { Subject } from './subject.js'
