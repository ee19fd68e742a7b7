import type { CircuitPlan, CircuitRequest } from '../core/circuit-plan.js'
import type { Phase } from '../core/circuit-state.js'
import type { Admission, Circuit } from './circuit.js'
import type { CallOutcome } from './circuit-outcome.js'
import type { CircuitResult } from './circuit-wire.js'

/** Where circuits are decided. */
export interface Circuits {
  /** May a call pass? A promise where a store has to be asked; it never rejects for the store's sake. */
  admit(circuit: Circuit, signal?: AbortSignal): Admission | Promise<Admission>

  /** How an admitted call ended. Nobody waits for it. */
  report(circuit: Circuit, admission: Admission, outcome: CallOutcome): void

  /**
   * What an operator wants done, or known.
   *
   * @throws StoreUnavailableError, StoreTimeoutError, … when the store cannot be asked
   */
  order(circuit: Circuit, request: CircuitRequest): Promise<CircuitResult>

  /**
   * Leaves thresholds for every process on the store.
   *
   * @param change from what was left before, if anything was, to what shall be
   * @throws StoreUnavailableError, … when the store cannot be asked
   */
  share(change: (settings: string | undefined) => string): Promise<void>

  /** Looks again, in the background, at circuits that may have closed meanwhile and that nobody here asks for. */
  refresh(): void

  /** Resolves when what was reported so far has reached the store, or is known not to. */
  flush(): Promise<void>

  ready(): Promise<void>
  close(): Promise<void>
}

/** Who decided: a store, or this process alone while its store cannot be asked. */
export type CircuitSource = 'memory' | 'file' | 'redis' | 'custom' | 'fallback'

/** What circuits need of the breaker around them. */
export interface CircuitsContext {
  /** In force now: it may change while calls are under way. */
  plan(): CircuitPlan
  /** Successes of closed circuits have to be counted. */
  countsSuccesses(): boolean
  random(): number
  /** A circuit changed its state, by this process. */
  onTransition(circuit: Circuit, from: Phase, result: CircuitResult, source: CircuitSource): void
  /** A process on the store, this one or another, has left these thresholds. */
  onSettings(text: string): void
  /** A circuit has to be stored. */
  onWrite(): void
}
