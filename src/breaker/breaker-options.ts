import type { CircuitPlan } from '../core/circuit-plan.js'
import type { Clock } from '../core/time.js'
import type { FileStoreOptions } from '../engine/engine-options.js'
import type { LogSettings } from '../events/logger.js'
import type { DurationText } from '../policy.js'
import type { RedisStoreOptions, UserClient } from '../redis/store-options.js'
import type { Scope, ScopeRule } from '../scope.js'
import type { TriggerErrors } from './circuit-outcome.js'
import type { CustomBreakerStore } from './custom-circuit-store.js'

/** What may change while a breaker is in use. */
export interface BreakerThresholds {
  /** Failures within the window that open a circuit. Default: 5; none where `failureRate` is given. */
  readonly failureThreshold?: number | undefined
  /** Share of failed calls within the window that opens a circuit, above 0 to 1. Default: the share does not matter. */
  readonly failureRate?: number | undefined
  /** Calls within the window below which no circuit opens. Default: 1; 20 where `failureRate` is given. */
  readonly minimumVolume?: number | undefined
  /** The rolling window: what is older is forgotten, a tenth of it at a time. Default: `'60s'`. */
  readonly window?: DurationText | undefined
  /** Probes that have to succeed before a circuit closes. Default: 3. */
  readonly successThreshold?: number | undefined
  /** How long a circuit is open before the first probe. Default: `'30s'`. */
  readonly timeout?: DurationText | undefined
  /** Each further opening in a row is `factor` times as long, up to `max`. Default: 2, and 10 times `timeout`. */
  readonly backoff?: { readonly factor?: number; readonly max?: DurationText } | undefined
  /** Up to so much longer than that, by chance: 0 to 1. Default: 0; a fleet elects its probes where it shares a store. */
  readonly jitter?: number | undefined
  /** Probes under way at once, in all processes together. Default: 1. */
  readonly halfOpenMax?: number | undefined
  /** A probe that has not ended by then has lost its place, and tells nothing. Default: `'30s'`. */
  readonly probeTimeout?: DurationText | undefined
}

/** Options of `createBreaker`. */
export interface BreakerOptions extends BreakerThresholds, LogSettings {
  /** Tells circuits of breakers on one store apart. Default: `'default'`. */
  readonly name?: string | undefined
  /** What has a circuit of its own: `docs/breaker.md`. Default: every subject. */
  readonly scope?: Scope | undefined
  /** What counts as a failure. Default: errors, statuses from 500 and JSON-RPC errors, unless the caller is at fault. */
  readonly triggerErrors?: TriggerErrors | undefined
  /** `'memory'` (default), `'file:PATH'`, Redis as for a limiter, or a store of your own. */
  readonly store?:
    | 'memory'
    | FileStoreOptions
    | RedisStoreOptions
    | UserClient
    | CustomBreakerStore
    | (string & {})
    | undefined
  /** Stands before every key. Default: the `keyPrefix` of a client, else none. */
  readonly prefix?: string | undefined
  /** Longest wait for the store. Then calls go on by what this process knows. Default: `'100ms'`. */
  readonly deadline?: DurationText | undefined
  /** What other processes did is seen here after so long at the latest. Default: `'1s'`. */
  readonly maxAge?: DurationText | undefined
  /** Circuits known at once. Default: 10,000. */
  readonly maxCircuits?: number | undefined
  /** Goes by this clock. Default: the wall clock in this process, the server's clock in Redis. For tests. */
  readonly clock?: Clock | undefined
  /** 0 to 1, for the jitter. Default: `Math.random`. For tests. */
  readonly random?: (() => number) | undefined
}

export interface BreakerConfig {
  readonly name: string
  readonly scope: ScopeRule
  readonly triggerErrors: TriggerErrors | undefined
  readonly plan: CircuitPlan
  readonly deadlineMs: number
  readonly maxAgeMs: number
  readonly maxCircuits: number
}
