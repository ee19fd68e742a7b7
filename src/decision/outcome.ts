import type { Status } from '../core/step.js'
import type { Limit } from '../policy.js'

/**
 * Who decided, as `Decision.source` tells: a store; `native`, this process by its engine in Rust; `deny-cache`, what was
 * remembered of a refusal; `fallback`, this process while the store could not be asked. A custom engine names itself.
 */
export type Source = 'redis' | 'memory' | 'native' | 'file' | 'deny-cache' | 'fallback' | (string & {})

/** What an engine says of one check. Units and microseconds, integers. */
export interface CheckOutcome {
  readonly status: Status
  readonly granted: number
  readonly remaining: number
  readonly waitUs: number
  readonly resetUs: number
  /** When it was decided, where that is not `nowUs` of the outcome: each node of a cluster has its own clock. */
  readonly nowUs?: number
}

/**
 * What an engine says of one request: its checks in the order they were given, all at one instant of the store's clock.
 * Those of a request over several slots of a cluster have each their own. The Decision keeps it: it is not to change.
 */
export interface Outcome {
  readonly nowUs: number
  readonly checks: readonly CheckOutcome[]
  /** Who decided, where it was not the engine itself. */
  readonly source?: Source
  /** Decided without the store: by whom, and under which limits. */
  readonly fallback?: FallbackMark
}

export interface FallbackMark {
  /** What `Check.fallbackId` of a refund has to say. */
  readonly id: string
  /** The limit of each check: this process' share of the one that was asked for. */
  readonly limits: readonly Limit[]
}
