import type { Algorithm } from '../core/plan.js'
import { OptionError } from '../errors.js'
import type { Limit } from '../policy.js'
import { Lifetimes } from './memory-lifetimes.js'
import { refusalsOf } from './memory-refusals.js'
import { type DecideRow, type ObjectState, STATE_KINDS } from './memory-states.js'
import { NONE } from './timing-wheel.js'

/** No `Map` holds more. */
const MAX_KEYS_LIMIT = 2 ** 24
const FIRST_CAPACITY = 64
/** Ended keys that one call takes out at most, so that no call waits for a crowd of them. */
const REAP_BUDGET = 4
/** Strings shorter than this are never views into other strings in V8. */
const VIEW_LENGTH_MIN = 13

/** The keys of one limit: the number of a key by its subject. */
export class KeyTable {
  readonly numbers = new Map<string, number>()
  /** Undefined while a restored table waits for its policy. */
  limit: Limit | undefined
  readonly position: number
  readonly keyName: string
  readonly algorithm: Algorithm
  /** Doubles of a state in `cells`; 0: the states are objects. */
  readonly stateLength: number
  /** Decides on a state in `cells`; undefined where the states are objects. */
  readonly decideRow: DecideRow | undefined

  constructor(position: number, keyName: string, algorithm: Algorithm) {
    this.position = position
    this.keyName = keyName
    this.algorithm = algorithm
    this.stateLength = STATE_KINDS[algorithm].length
    this.decideRow = STATE_KINDS[algorithm].decide
  }
}

/** A block on a key, and when the state under it ends: 0 when there is none. */
export interface Block {
  readonly untilUs: number
  readonly stateEndUs: number
}

/**
 * The keys of an engine in memory: found by limit and subject, with their states in one typed array, their ends in a
 * timing wheel, and room for at most `maxKeys` of them. A key is a number here, given again after it is dropped.
 *
 * A row of `cells` is the end of the key in us and then its state. The end stands negative while a block is filed for
 * the key, so that one comparison (`cells[row] > now`) tells the common case: present, and not blocked.
 */
export class MemoryKeys {
  cells = new Float64Array(2 * FIRST_CAPACITY)
  /** Doubles in a row: 1 and the longest state in use. */
  rowLength = 2
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
  #subjects: string[] = []
  /** Position of the table a key is in; ~next for a number that is free. */
  #places = new Int32Array(FIRST_CAPACITY)
  #free = NONE
  #used = 0
  #capacity = FIRST_CAPACITY

  /** @throws OptionError when `maxKeys` is not an integer from 1 to 16,777,216 */
  constructor(maxKeys: number) {
    if (!Number.isInteger(maxKeys) || maxKeys < 1 || maxKeys > MAX_KEYS_LIMIT) {
      throw new OptionError(`maxKeys: ${maxKeys} is not an integer from 1 to ${MAX_KEYS_LIMIT}`)
    }
    this.maxKeys = maxKeys
    this.lifetimes = new Lifetimes(key => this.endOf(key), refusalsOf(this))
    this.lifetimes.grow(FIRST_CAPACITY)
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
      table = new KeyTable(this.#tables.length, keyName, algorithm)
      this.#tables.push(table)
      this.#tableByName.set(name, table)
      if (1 + table.stateLength > this.rowLength) this.#resize(this.#capacity, 1 + table.stateLength)
    }
    return table
  }

  /** Adds a key that ends at `endUs`. Its state is for the caller to store. */
  create(table: KeyTable, subject: string, endUs: number, nowUs: number): number {
    const key = this.#takeNumber(nowUs)
    this.#subjects[key] = ownCopy(subject)
    this.#places[key] = table.position
    table.numbers.set(this.#subjects[key] as string, key)
    this.cells[key * this.rowLength] = endUs
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
    return this.#subjects[key] as string
  }

  /** When the key ends, us: its state and its block. */
  endOf(key: number): number {
    return Math.abs(this.cells[key * this.rowLength] as number)
  }

  loadState(key: number, state: Float64Array, length: number): void {
    const row = key * this.rowLength + 1
    for (let i = 0; i < length; i++) state[i] = this.cells[row + i] as number
  }

  storeState(key: number, state: Float64Array, length: number): void {
    const row = key * this.rowLength + 1
    for (let i = 0; i < length; i++) this.cells[row + i] = state[i] as number
  }

  /** The block filed for a key. It may be over. */
  blockOf(key: number): Readonly<Block> | undefined {
    return (this.cells[key * this.rowLength] as number) < 0 ? this.#blocks.get(key) : undefined
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
    const row = key * this.rowLength
    const isEarlier = Math.abs(end) < Math.abs(this.cells[row] as number)
    this.cells[row] = end
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
    this.tableOf(key).numbers.delete(this.#subjects[key] as string)
    this.#subjects[key] = ''
    const row = key * this.rowLength
    if ((this.cells[row] as number) < 0) this.#blocks.delete(key)
    this.cells[row] = 0
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
    if (this.#used === this.#capacity) {
      this.#resize(Math.min(2 * this.#capacity, this.maxKeys), this.rowLength)
    }
    return this.#used++
  }

  #makeRoom(nowUs: number): void {
    this.reap(nowUs)
    if (this.size < this.maxKeys) return
    const key = this.lifetimes.takeVictim(nowUs)
    if (Math.abs(this.cells[key * this.rowLength] as number) > nowUs) this.evicted++
    this.#forget(key)
  }

  #resize(capacity: number, rowLength: number): void {
    const cells = new Float64Array(capacity * rowLength)
    if (rowLength === this.rowLength) {
      cells.set(this.cells)
    } else {
      for (let key = 0; key < this.#used; key++) {
        const row = key * this.rowLength
        cells.set(this.cells.subarray(row, row + this.rowLength), key * rowLength)
      }
    }
    this.cells = cells
    this.rowLength = rowLength
    if (capacity > this.#capacity) {
      const places = new Int32Array(capacity)
      places.set(this.#places)
      this.#places = places
      this.lifetimes.grow(capacity)
      this.#capacity = capacity
    }
  }
}

/** A string of its own: a subject cut out of a log line or a header would keep all of that in memory. */
function ownCopy(subject: string): string {
  return subject.length < VIEW_LENGTH_MIN ? subject : Buffer.from(subject).toString()
}
