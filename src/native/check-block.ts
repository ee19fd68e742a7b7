import type { Op } from '../core/step.js'
import { codeAt } from '../core/text.js'

/** Checks that cross in one call at most. A call is as short as it takes to decide so many: some 30 us. */
const CHECKS = 256
/** When it is asked, and its checks; behind its ticket, where it is answered later. */
const REQUEST_LENGTH = 2
const TICKET_LENGTH = 1
const CHECK_LENGTH = 6
/** Status, granted, remaining, wait, reset. */
export const VERDICT_LENGTH = 5
/** Bytes of text that there is room for at first: 64 for each check. */
const FIRST_TEXT_BYTES = 64 * CHECKS
/** Of UTF-8, for one unit of UTF-16. */
const UNIT_BYTES_MAX = 3
const ASCII_END = 0x80

const encoder = new TextEncoder()

/**
 * Requests on their way to the native module, in memory that it knows; `native/crates/node/src/block.rs` reads it. Typed
 * arrays and no objects, because each value that is an argument of a native call costs as much as half a check.
 */
export class CheckBlock {
  readonly numbers = new Float64Array(1 + CHECKS * (TICKET_LENGTH + REQUEST_LENGTH + CHECK_LENGTH))
  readonly verdicts = new Float64Array(CHECKS * VERDICT_LENGTH)
  text = new Uint8Array(FIRST_TEXT_BYTES)
  /** Requests in the block. */
  requests = 0

  #checks = 0
  #numbersEnd = 1
  #textEnd = 0

  /** Numbers and bytes of text that were written. */
  get numbersEnd(): number {
    return this.#numbersEnd
  }

  get textEnd(): number {
    return this.#textEnd
  }

  /** Whether so many checks and so much text, in UTF-16, can be added. */
  hasRoom(checks: number, textLength: number): boolean {
    return this.#checks + checks <= CHECKS && this.#textEnd + UNIT_BYTES_MAX * textLength <= this.text.length
  }

  /** Makes room for so much text in a block that is empty. The module has to be told: `text` is another. */
  grow(textLength: number): void {
    this.text = new Uint8Array(2 * UNIT_BYTES_MAX * textLength)
  }

  /** Names the next request, so that it can be answered later. */
  ticket(ticket: number): void {
    this.numbers[this.#numbersEnd++] = ticket
  }

  /** Begins a request; its checks follow. */
  begin(nowUs: number, checks: number): void {
    const { numbers } = this
    numbers[this.#numbersEnd] = nowUs
    numbers[this.#numbersEnd + 1] = checks
    this.#numbersEnd += REQUEST_LENGTH
    this.requests++
  }

  add(place: number, op: Op, n: number, at: number, subject: string, leaseId: string | undefined): void {
    const { numbers } = this
    const row = this.#numbersEnd
    numbers[row] = place
    numbers[row + 1] = op
    numbers[row + 2] = n
    numbers[row + 3] = at
    numbers[row + 4] = this.#write(subject)
    numbers[row + 5] = leaseId === undefined ? -1 : this.#write(leaseId)
    this.#numbersEnd = row + CHECK_LENGTH
    this.#checks++
  }

  /** Writes how many requests there are: the block is ready to be read. */
  seal(): void {
    this.numbers[0] = this.requests
  }

  clear(): void {
    this.requests = 0
    this.#checks = 0
    this.#numbersEnd = 1
    this.#textEnd = 0
  }

  /** Answers the bytes it took. By hand for ASCII: a call of the encoder takes as long as forty characters. */
  #write(text: string): number {
    const bytes = this.text
    const start = this.#textEnd
    const { length } = text
    for (let i = 0; i < length; i++) {
      const code = codeAt(text, i)
      if (code >= ASCII_END) {
        const { written } = encoder.encodeInto(text, bytes.subarray(start))
        this.#textEnd = start + written
        return written
      }
      bytes[start + i] = code
    }
    this.#textEnd = start + length
    return length
  }
}
