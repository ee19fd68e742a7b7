import { z } from 'zod'
import { circuitLifeMs, stepCircuit } from '../core/circuit.js'
import { type CircuitPlan, CircuitStatus, createCircuitStep } from '../core/circuit-plan.js'
import { type CircuitState, circuitNumbers, circuitOf, freshCircuit } from '../core/circuit-state.js'
import type { Clock } from '../core/time.js'
import { ProtocolError } from '../errors.js'
import type { CircuitKeys } from '../keys.js'
import { type CircuitItem, type CircuitStore, SETTINGS_LIFE_MS } from './circuit-store.js'
import type { CircuitReply, CircuitResult } from './circuit-wire.js'

/** A state to be stored, and for how long. */
export interface StoredCircuit {
  readonly text: string
  readonly ttlMs: number
}

/**
 * A store of your own. What it keeps is text. With `get` and `set` alone two processes may overwrite each other's
 * changes, so that is for one process; `update` makes it safe for several.
 */
export interface CustomBreakerStore {
  /** The text that `set` was given last; undefined where there is none, or its time is over. */
  get(key: string): Promise<string | undefined> | string | undefined
  set(key: string, text: string, ttlMs: number): Promise<void> | void
  /**
   * Replaces the text of a key by what `change` makes of it, as one step that no other process comes between; leaves
   * it where `change` answers undefined. `change` may be called again when another process was first.
   */
  update?(key: string, change: (text: string | undefined) => StoredCircuit | undefined): Promise<void> | void
  close?(): Promise<void> | void
}

const METHODS = ['get', 'set'] as const

export const isCustomStore = (store: unknown): store is CustomBreakerStore =>
  typeof store === 'object' &&
  store !== null &&
  METHODS.every(name => typeof Reflect.get(store, name) === 'function') &&
  !('sendCommand' in store)

const Numbers = z.array(z.number())

/** Circuits in a store of the user's: the same steps as everywhere, made in this process. */
export class CustomCircuitStore implements CircuitStore {
  readonly #store: CustomBreakerStore
  readonly #keys: CircuitKeys
  readonly #clock: Clock
  readonly #random: () => number
  readonly #step = createCircuitStep()
  /** What is under way at each key: one step after the other. */
  readonly #queues = new Map<string, Promise<unknown>>()

  constructor(store: CustomBreakerStore, keys: CircuitKeys, clock: Clock, random: () => number) {
    this.#store = store
    this.#keys = keys
    this.#clock = clock
    this.#random = random
  }

  groupOf(): number {
    return 0
  }

  async apply(plan: CircuitPlan, items: readonly CircuitItem[]): Promise<CircuitReply> {
    const nowUs = this.#clock.nowUs()
    const results = await Promise.all(items.map(item => this.#inTurn(plan, item, nowUs)))
    return { nowUs, results }
  }

  async readSettings(): Promise<string | undefined> {
    return (await this.#store.get(this.#keys.settingsKey)) ?? undefined
  }

  async writeSettings(text: string): Promise<void> {
    await this.#store.set(this.#keys.settingsKey, text, SETTINGS_LIFE_MS)
  }

  async ready(): Promise<void> {}

  async close(): Promise<void> {
    await this.#store.close?.()
  }

  #inTurn(plan: CircuitPlan, item: CircuitItem, nowUs: number): Promise<CircuitResult> {
    const before = this.#queues.get(item.identity) ?? Promise.resolve()
    const result = before.then(() => this.#apply(plan, item, nowUs))
    const settled = result.catch(() => {})
    this.#queues.set(item.identity, settled)
    settled.then(() => {
      if (this.#queues.get(item.identity) === settled) this.#queues.delete(item.identity)
    })
    return result
  }

  async #apply(plan: CircuitPlan, { identity, request }: CircuitItem, nowUs: number): Promise<CircuitResult> {
    const key = this.#keys.keyOf(identity)
    let result: CircuitResult | undefined
    const change = (text: string | undefined): StoredCircuit | undefined => {
      const state = text === undefined ? freshCircuit() : parse(text)
      if (state === undefined) {
        result = FOREIGN
        return undefined
      }
      stepCircuit(this.#step, state, plan, request, this.#random(), nowUs)
      result = { ...this.#step }
      if (!this.#step.write) return undefined
      return { text: JSON.stringify(circuitNumbers(state)), ttlMs: circuitLifeMs(state, nowUs) }
    }
    if (this.#store.update !== undefined) {
      await this.#store.update(key, change)
    } else {
      const stored = change((await this.#store.get(key)) ?? undefined)
      if (stored !== undefined) await this.#store.set(key, stored.text, stored.ttlMs)
    }
    if (result === undefined)
      throw new ProtocolError("the store's 'update' did not call the function that it was given")
    return result
  }
}

const FOREIGN: CircuitResult = {
  status: CircuitStatus.foreignValue,
  phase: 0,
  forced: 0,
  generation: 0,
  waitUs: 0,
  ticket: 0,
  was: -1,
  attempt: 0,
}

/** Undefined where it is no circuit. */
function parse(text: string): CircuitState | undefined {
  try {
    return circuitOf(Numbers.parse(JSON.parse(text)))
  } catch {
    return undefined
  }
}
