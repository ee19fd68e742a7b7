import type { CircuitPlan, CircuitRequest } from '../core/circuit-plan.js'
import type { CircuitReply } from './circuit-wire.js'

export interface CircuitItem {
  readonly identity: string
  readonly request: CircuitRequest
}

/** Where the circuits of several processes are. */
export interface CircuitStore {
  /** What is asked of one group travels together. Items of one circuit are always of one group. */
  groupOf(identity: string): number

  /**
   * Names the part of the store that has a circuit, such as a node of a cluster: parts fail apart. Without it, the store is
   * one.
   */
  partOf?(identity: string): string | undefined

  /** Makes the steps of one group in order, each atomically. Never sends them twice. */
  apply(plan: CircuitPlan, items: readonly CircuitItem[]): Promise<CircuitReply>

  /** What `writeSettings` of any process has left last; undefined where none has. */
  readSettings(): Promise<string | undefined>
  writeSettings(text: string): Promise<void>

  ready(): Promise<void>
  close(): Promise<void>
}

/** Settings that nobody writes again are forgotten in the end: no key is without one. */
export const SETTINGS_LIFE_MS = 400 * 86_400_000
