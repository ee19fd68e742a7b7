import { randomInt } from 'node:crypto'
import { codeAt } from '../core/text.js'
import type { KeyRows } from './key-rows.js'
import { NONE } from './timing-wheel.js'

const FIRST_SLOTS = 64
/** Slots looked at for one subject at most: nobody who guesses the hash makes a look-up long. */
const PROBES_MAX = 64
const EMPTY = 0
/** Odd, with bits everywhere: the golden ratio, and the last rounds of a well-known mixer (lowbias32). */
const MULTIPLIER = 0x9e3779b1
const MIX_FIRST = 0x21f0aaad
const MIX_SECOND = 0x735a2d97
/** Of this process: where keys fall is nobody's business. */
const SEED = randomInt(2 ** 32)

/**
 * The keys of one limit by their subjects: a hash table with linear probing over typed arrays. A slot holds a key and
 * the whole hash of its subject, so that almost every look at a row is the right one: a subject among millions is found
 * with one wait for the slot and one for the row, which a `Map` of strings takes five or six for.
 *
 * Subjects that would lie too far from their slot are in a `Map` instead. With a good hash there are none.
 */
export class SubjectIndex {
  readonly #rows: KeyRows
  /** Where the text begins in a row. */
  readonly #cell: number
  /** Two per slot: the key plus 1, or EMPTY; the hash. */
  #slots = new Int32Array(2 * FIRST_SLOTS)
  #mask = FIRST_SLOTS - 1
  #size = 0
  readonly #crowded = new Map<string, number>()
  /** The key that a text was found for last, and the latest text that was twice running: one that all share, or a burst. */
  #lastKey = NONE
  #repeatedText = ''
  #repeatedKey = NONE

  constructor(rows: KeyRows, cell: number) {
    this.#rows = rows
    this.#cell = cell
  }

  /** The key of a text that is its own subject, or NONE: so it is for one that begins with a NUL. */
  findText(text: string): number {
    if (text === this.#repeatedText) return this.#repeatedKey
    const key = codeAt(text, 0) === 0 ? NONE : this.find(text)
    if (key !== this.#lastKey) {
      this.#lastKey = key
    } else if (key !== NONE) {
      // Not for each text: the collector has to be told of every young string that an old object holds.
      this.#repeatedText = text
      this.#repeatedKey = key
    }
    return key
  }

  /** The key of a subject, or NONE. */
  find(subject: string): number {
    const slots = this.#slots
    const mask = this.#mask
    const hash = hashOf(subject)
    for (let probe = 0; probe < PROBES_MAX; probe++) {
      const slot = 2 * ((hash + probe) & mask)
      const entry = slots[slot] as number
      if (entry === EMPTY) break
      if (slots[slot + 1] === hash && this.#rows.hasText(entry - 1, this.#cell, subject)) return entry - 1
    }
    return this.#crowded.size === 0 ? NONE : (this.#crowded.get(subject) ?? NONE)
  }

  /** Adds a key whose subject is not there yet. */
  add(key: number, subject: string): void {
    this.#rows.writeText(key, this.#cell, subject)
    if (3 * this.#size > 2 * this.#mask) this.#grow()
    this.#size++
    this.#place(key, hashOf(subject))
  }

  /** Takes out a key that is there. */
  delete(key: number): void {
    const subject = this.subjectOf(key)
    if (key === this.#lastKey) this.#lastKey = NONE
    if (key === this.#repeatedKey) {
      this.#repeatedText = ''
      this.#repeatedKey = NONE
    }
    this.#size--
    this.#vacate(key, hashOf(subject), subject)
    this.#rows.freeText(key, this.#cell)
  }

  subjectOf(key: number): string {
    return this.#rows.textOf(key, this.#cell)
  }

  #place(key: number, hash: number): void {
    for (let probe = 0; probe < PROBES_MAX; probe++) {
      const slot = 2 * ((hash + probe) & this.#mask)
      if (this.#slots[slot] !== EMPTY) continue
      this.#slots[slot] = key + 1
      this.#slots[slot + 1] = hash
      return
    }
    this.#crowded.set(this.subjectOf(key), key)
  }

  #vacate(key: number, hash: number, subject: string): void {
    const mask = this.#mask
    const slots = this.#slots
    let hole = hash & mask
    for (let probe = 0; slots[2 * hole] !== key + 1; probe++) {
      if (probe === PROBES_MAX) {
        this.#crowded.delete(subject)
        return
      }
      hole = (hole + 1) & mask
    }
    // Those behind move up, so that no look-up ends at the hole before it has found them.
    for (let slot = (hole + 1) & mask; slots[2 * slot] !== EMPTY; slot = (slot + 1) & mask) {
      const wanted = (slots[2 * slot + 1] as number) & mask
      if (((slot - wanted) & mask) < ((slot - hole) & mask)) continue
      slots[2 * hole] = slots[2 * slot] as number
      slots[2 * hole + 1] = slots[2 * slot + 1] as number
      hole = slot
    }
    slots[2 * hole] = EMPTY
  }

  #grow(): void {
    const old = this.#slots
    this.#slots = new Int32Array(2 * old.length)
    this.#mask = old.length - 1
    for (let slot = 0; slot < old.length; slot += 2) {
      const entry = old[slot] as number
      if (entry !== EMPTY) this.#place(entry - 1, old[slot + 1] as number)
    }
  }
}

/** 32 bits, as an integer that may be negative: another one in each process. */
export function hashOf(subject: string): number {
  const { length } = subject
  let hash = SEED | 0
  for (let i = 0; i < length; i++) hash = Math.imul(hash ^ codeAt(subject, i), MULTIPLIER)
  hash = Math.imul(hash ^ (hash >>> 16), MIX_FIRST)
  hash = Math.imul(hash ^ (hash >>> 15), MIX_SECOND)
  return hash ^ (hash >>> 15)
}
