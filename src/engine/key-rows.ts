import { codeAt, ownCopy } from '../core/text.js'

/** A row is as long as a cache line, so that a check of one key among millions waits for memory once. */
const ROW_BYTES = 64
/** Doubles in a row: the end of the key in us, then its state. The text of its subject stands in the rest. */
export const ROW_CELLS = ROW_BYTES / 8
const FIRST_CAPACITY = 64
/** Stands for the length of a text that is kept elsewhere. */
const ELSEWHERE = 0

/**
 * The rows of all keys, and the texts of their subjects in them. A text that has no room in its row, or characters
 * above U+00FF, is kept as a string, and the row tells which.
 */
export class KeyRows {
  cells = new Float64Array(ROW_CELLS * FIRST_CAPACITY)
  capacity = FIRST_CAPACITY
  #bytes = new Uint8Array(this.cells.buffer)
  #words = new Int32Array(this.cells.buffer)
  readonly #strings: string[] = []
  readonly #freeStrings: number[] = []

  grow(capacity: number): void {
    const cells = new Float64Array(ROW_CELLS * capacity)
    cells.set(this.cells)
    this.cells = cells
    this.#bytes = new Uint8Array(cells.buffer)
    this.#words = new Int32Array(cells.buffer)
    this.capacity = capacity
  }

  /** @param cell where the text begins in the row: after the state */
  writeText(key: number, cell: number, text: string): void {
    const start = ROW_BYTES * key + 8 * cell
    const bytes = this.#bytes
    if (fits(text, ROW_BYTES - 8 * cell - 1)) {
      bytes[start] = text.length
      for (let i = 0; i < text.length; i++) bytes[start + 1 + i] = codeAt(text, i)
    } else {
      bytes[start] = ELSEWHERE
      const place = this.#freeStrings.pop() ?? this.#strings.length
      this.#strings[place] = ownCopy(text)
      this.#words[(start >> 2) + 1] = place
    }
  }

  hasText(key: number, cell: number, text: string): boolean {
    const start = ROW_BYTES * key + 8 * cell
    const bytes = this.#bytes
    const { length } = text
    if (bytes[start] !== length || length === ELSEWHERE) {
      return bytes[start] === ELSEWHERE && this.#strings[this.#words[(start >> 2) + 1] as number] === text
    }
    for (let i = 0; i < length; i++) if (bytes[start + 1 + i] !== codeAt(text, i)) return false
    return true
  }

  textOf(key: number, cell: number): string {
    const start = ROW_BYTES * key + 8 * cell
    const length = this.#bytes[start] as number
    if (length === ELSEWHERE) return this.#strings[this.#words[(start >> 2) + 1] as number] as string
    return String.fromCharCode(...this.#bytes.subarray(start + 1, start + 1 + length))
  }

  /** Gives back what the text of a key takes outside its row. */
  freeText(key: number, cell: number): void {
    const start = ROW_BYTES * key + 8 * cell
    if (this.#bytes[start] !== ELSEWHERE) return
    const place = this.#words[(start >> 2) + 1] as number
    this.#strings[place] = ''
    this.#freeStrings.push(place)
  }
}

function fits(text: string, room: number): boolean {
  const { length } = text
  if (length > room || length === ELSEWHERE) return false
  for (let i = 0; i < length; i++) if (codeAt(text, i) > 0xff) return false
  return true
}
