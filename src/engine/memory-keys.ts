import type { Algorithm } from '../core/plan.js'
import { OptionError } from '../errors.js'
import { show } from '../policy/refusal.js'
import type { Limit } from '../policy.js'
import { KeyRows, ROW_CELLS } from './key-rows.js'
import { Lifetimes } from './memory-lifetimes.js'
import { refusalsOf } from './memory-refusals.js'
import { type ObjectState, STATE_LENGTHS } from './memory-states.js'
import { SubjectIndex } from './subject-index.js'
import { NONE } from './timing-wheel.js'

/** As many rows as one typed array may be asked to hold: 1 GB. */
const MAX_KEYS_LIMIT = 2 ** 24
/** @throws OptionError when it is not a whole number from 1 to 16,777,216 */
export function assertMaxKeys(maxKeys: unknown): void {
  if (Number.isInteger(maxKeys) && Number(maxKeys) >= 1 && Number(maxKeys) <= MAX_KEYS_LIMIT) return
  throw new OptionError(`maxKeys: ${show(maxKeys)} is not a whole number from 1 to ${MAX_KEYS_LIMIT}`)
}

/** Ended keys that one call takes out at most, so that no call waits for a crowd of them. */
const REAP_BUDGET = 4

/** The keys of one limit. */
export class KeyTable {
  /** The number of a key by its subject. */
  readonly index: SubjectIndex
  /** Undefined while a restored table waits for its policy. */
  limit: Limit | undefined
  readonly position: number
  readonly keyName: string
  readonly algorithm: Algorithm
  /** Doubles of a state in `cells`; 0: the states are objects. */
  readonly stateLength: number

  constructor(position: number, keyName: string, algorithm: Algorithm, rows: KeyRows) {
    this.position = position
    this.keyName = keyName
    this.algorithm = algorithm
    this.stateLength = STATE_LENGTHS[algorithm]
    this.index = new SubjectIndex(rows, 1 + this.stateLength)
  }
}

/** A block on a key, and when the state under it ends: 0 when there is none. */
export interface Block {
  readonly untilUs: number
  readonly stateEndUs: number
}

/**
 * The keys of an engine in memory: found by limit and subject, with their states in rows of their own, their ends in a
 * timing wheel, and room for at most `maxKeys` of them. A key is a number here, given again after it is dropped.
 *
 * The end of a key stands negative in its row while a block is filed for it, so that one comparison
 * (`cells[row] > now`) tells the common case: present, and not blocked.
 */
export class MemoryKeys {
  readonly rows = new KeyRows()
  /** States that have no fixed size, by key. */
  readonly objects: (ObjectState | undefined)[] = []
  readonly lifetimes: Lifetimes
  /** Keys held, those included that have ended and were not taken out yet. */
  size = 0
  /** Keys taken out before their end to make room. */
  evicted = 0
  readonly maxKeys: number

  readonly #blocks = new Map<number, Block>()
  readonly #tables: KeyTable[] = []
  readonly #tableByName = new Map<string, KeyTable>()
  /** Position of the table a key is in; ~next for a number that is free. */
  #places = new Int32Array(this.rows.capacity)
  #free = NONE
  #used = 0

  /** @throws OptionError when `maxKeys` is not an integer from 1 to 16,777,216 */
  constructor(maxKeys: number) {
    assertMaxKeys(maxKeys)
    this.maxKeys = maxKeys
    this.lifetimes = new Lifetimes(key => this.endOf(key), refusalsOf(this))
    this.lifetimes.grow(this.rows.capacity)
  }

  /** All keys are below this number; those below it that are free end at 0. */
  get numbersUsed(): number {
    return this.#used
  }

  tableOf(key: number): KeyTable {
    return this.#tables[this.#places[key] as number] as KeyTable
  }

  /** The table of a limit, by its name and algorithm, which outlive its slot when policies are updated. */
  openTable(keyName: string, algorithm: Algorithm): KeyTable {
    const name = `${keyName}:${algorithm}`
    let table = this.#tableByName.get(name)
    if (table === undefined) {
      table = new KeyTable(this.#tables.length, keyName, algorithm, this.rows)
      this.#tables.push(table)
      this.#tableByName.set(name, table)
    }
    return table
  }

  /** Adds a key that ends at `endUs`. Its state is for the caller to store. */
  create(table: KeyTable, subject: string, endUs: number, nowUs: number): number {
    const key = this.#takeNumber(nowUs)
    this.#places[key] = table.position
    table.index.add(key, subject)
    this.rows.cells[key * ROW_CELLS] = endUs
    this.lifetimes.add(key)
    this.size++
    return key
  }

  /** Called after a key was added and its state stored: prepares to make room, once half of it is used. */
  lookAhead(nowUs: number): void {
    if (2 * this.size > this.maxKeys) this.lifetimes.lookAhead(nowUs)
  }

  drop(key: number): void {
    this.lifetimes.remove(key)
    this.#forget(key)
  }

  subjectOf(key: number): string {
    return this.tableOf(key).index.subjectOf(key)
  }

  /** When the key ends, us: its state and its block. */
  endOf(key: number): number {
    return Math.abs(this.rows.cells[key * ROW_CELLS] as number)
  }

  loadState(key: number, state: Float64Array, length: number): void {
    const row = key * ROW_CELLS + 1
    const { cells } = this.rows
    for (let i = 0; i < length; i++) state[i] = cells[row + i] as number
  }

  storeState(key: number, state: Float64Array, length: number): void {
    const row = key * ROW_CELLS + 1
    const { cells } = this.rows
    for (let i = 0; i < length; i++) cells[row + i] = state[i] as number
  }

  /** The block filed for a key. It may be over. */
  blockOf(key: number): Readonly<Block> | undefined {
    return (this.rows.cells[key * ROW_CELLS] as number) < 0 ? this.#blocks.get(key) : undefined
  }

  /** The state of a key, just written, ends at `endUs`. A block that is over is forgotten. */
  setStateEnd(key: number, endUs: number, nowUs: number): void {
    const block = this.blockOf(key)
    if (block !== undefined && block.untilUs > nowUs) {
      this.block(key, block.untilUs, endUs)
    } else {
      if (block !== undefined) this.#blocks.delete(key)
      this.#setEnd(key, endUs)
    }
  }

  /** The state of a key is empty: nothing is left but the block, if there is one. */
  dropState(key: number, nowUs: number): void {
    const block = this.blockOf(key)
    if (block !== undefined && block.untilUs > nowUs) this.block(key, block.untilUs, 0)
    else this.drop(key)
  }

  /** Files a block for a key that has a state until `stateEndUs`, or none: 0. */
  block(key: number, untilUs: number, stateEndUs: number): void {
    this.#blocks.set(key, { untilUs, stateEndUs })
    this.#setEnd(key, -Math.max(untilUs, stateEndUs))
  }

  /** Lifts the block of a key. Without a state under it, nothing is left of the key. */
  unblock(key: number, nowUs: number): void {
    const block = this.blockOf(key)
    if (block === undefined) return
    if (block.stateEndUs > nowUs) {
      this.#blocks.delete(key)
      this.#setEnd(key, block.stateEndUs)
    } else {
      this.drop(key)
    }
  }

  #setEnd(key: number, end: number): void {
    const row = key * ROW_CELLS
    const isEarlier = Math.abs(end) < Math.abs(this.rows.cells[row] as number)
    this.rows.cells[row] = end
    if (isEarlier) this.lifetimes.hastened(key)
    else this.lifetimes.changed(key)
  }

  /** Takes out some of the keys that have ended. */
  reap(nowUs: number): void {
    for (let i = 0; i < REAP_BUDGET; i++) {
      const key = this.lifetimes.takeEnded(nowUs)
      if (key === NONE) return
      this.#forget(key)
    }
  }

  #forget(key: number): void {
    this.tableOf(key).index.delete(key)
    const row = key * ROW_CELLS
    if ((this.rows.cells[row] as number) < 0) this.#blocks.delete(key)
    this.rows.cells[row] = 0
    if (key < this.objects.length) this.objects[key] = undefined
    this.#places[key] = ~this.#free
    this.#free = key
    this.size--
  }

  #takeNumber(nowUs: number): number {
    if (this.size === this.maxKeys) this.#makeRoom(nowUs)
    if (this.#free !== NONE) {
      const key = this.#free
      this.#free = ~(this.#places[key] as number)
      return key
    }
    if (this.#used === this.rows.capacity) this.#grow(Math.min(2 * this.#used, this.maxKeys))
    return this.#used++
  }

  #makeRoom(nowUs: number): void {
    this.reap(nowUs)
    if (this.size < this.maxKeys) return
    const key = this.lifetimes.takeVictim(nowUs)
    if (Math.abs(this.rows.cells[key * ROW_CELLS] as number) > nowUs) this.evicted++
    this.#forget(key)
  }

  #grow(capacity: number): void {
    this.rows.grow(capacity)
    const places = new Int32Array(capacity)
    places.set(this.#places)
    this.#places = places
    this.lifetimes.grow(capacity)
  }
}
