import type { BreakerState } from '../core/breaker.js'
import { Forced, Phase } from '../core/circuit-state.js'
import { channelsOf, type WarningEvents } from '../events/emitter.js'
import type { ScopeLabel } from '../scope.js'
import type { BreakerThresholds } from './breaker-options.js'
import type { CircuitSource } from './circuits.js'

/** Of which circuit an event tells. */
export interface CircuitName {
  /** Of the breaker. */
  readonly breaker: string
  readonly scope: ScopeLabel
  /** What it stands for: `https://api.example.com`, `tools/call`. */
  readonly key: string
}

/** What a breaker tells its listeners. */
export interface BreakerEvents extends WarningEvents {
  /** This process changed the state of a circuit. In a fleet that shares a store, one process tells of each change. */
  transition: CircuitName & {
    readonly from: BreakerState
    readonly to: BreakerState
    /** By an order of an operator. */
    readonly isForced: boolean
    /** ms until a call may pass. */
    readonly retryAfterMs: number
    /** Openings since it was last closed. */
    readonly attempt: number
    readonly source: CircuitSource
  }
  /** A call failed, as `triggerErrors` has it. */
  failure: CircuitName & { readonly error: unknown }
  /** A call was refused. */
  rejected: CircuitName & { readonly state: BreakerState; readonly retryAfterMs: number }
  /** Thresholds changed in this process, by its own word or that of another. */
  update: { readonly breaker: string; readonly thresholds: BreakerThresholds }
  /**
   * The store cannot be asked: from here on this process goes by what it knows.
   * `part`: the node of a cluster that fails by itself; undefined where the store is one.
   */
  storeDown: { readonly breaker: string; readonly part: string | undefined; readonly error: unknown }
  storeUp: { readonly breaker: string; readonly part: string | undefined; readonly downMs: number }
}

export type BreakerEventName = keyof BreakerEvents

const NAMES = ['transition', 'failure', 'rejected', 'update', 'storeDown', 'storeUp', 'warning'] as const

/** `sluice:breaker:transition` and so on: every event of every breaker of the process. */
export const BREAKER_CHANNELS = channelsOf<BreakerEvents>('sluice:breaker:', NAMES)

const STATES = {
  [Phase.closed]: 'closed',
  [Phase.open]: 'open',
  [Phase.halfOpen]: 'half-open',
} as const satisfies Record<Phase, BreakerState>

export const stateOf = (phase: Phase): BreakerState => STATES[phase]

/** Which way an operator holds it; undefined: neither. */
export const forcedOf = (forced: Forced): 'open' | 'closed' | undefined =>
  forced === Forced.no ? undefined : forced === Forced.open ? 'open' : 'closed'
