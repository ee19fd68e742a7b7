import { Status } from '../core/step.js'
import { EXACT_MAX, NOW_END_US, NOW_MIN_US } from '../core/time.js'
import type { CheckOutcome, Outcome } from '../engine/engine.js'
import { ProtocolError } from '../errors.js'
import { BATCH_CHECKS_MAX } from './request-block.js'

/** Layout of the reply of `decide`. See `lua/README.md`. */
const VERSION = 1
const HEADER_LENGTH = 3
const NUMBERS_PER_CHECK = 5

/**
 * Reads replies, one at a time: what is read from it until the next one is a decision of the script. One serves all
 * batches of a connection, and allocates nothing but outcomes.
 */
export class ReplyReader {
  readonly #numbers = new Float64Array(HEADER_LENGTH + NUMBERS_PER_CHECK * BATCH_CHECKS_MAX)
  readonly #bytes = new Uint8Array(this.#numbers.buffer)

  /**
   * @param reply as the client read it
   * @param checks how many the batch had
   * @throws ProtocolError when it is anything but the answer to a batch of so many checks
   */
  read(reply: unknown, checks: number): void {
    const length = HEADER_LENGTH + NUMBERS_PER_CHECK * checks
    if (!(reply instanceof Uint8Array))
      throw wrong(`is of type ${reply === null ? 'null' : typeof reply}, not bytes`)
    if (reply.byteLength !== length * Float64Array.BYTES_PER_ELEMENT) {
      throw wrong(`has ${reply.byteLength} bytes; ${checks} checks take ${length} numbers of 8`)
    }
    // The bytes stand anywhere in what the socket read, and doubles need to be aligned.
    this.#bytes.set(reply)
    const version = this.#numbers[0]
    const nowUs = this.#numbers[1] as number
    const count = this.#numbers[2]
    if (version !== VERSION) throw wrong(`speaks version ${version} of the wire, and this package ${VERSION}`)
    if (count !== checks) throw wrong(`is for ${count} checks, and ${checks} were asked`)
    if (!(isCount(nowUs) && nowUs >= NOW_MIN_US && nowUs < NOW_END_US)) {
      throw wrong(`was made at ${nowUs} us since 1970, which is no time`)
    }
    for (let at = HEADER_LENGTH; at < length; at += NUMBERS_PER_CHECK) this.#verifyCheck(at)
  }

  /** The outcome of the request whose first check is number `first` of the batch, from 0. */
  outcome(first: number, checks: number): Outcome {
    const outcomes: CheckOutcome[] = [this.#check(first)]
    for (let i = 1; i < checks; i++) outcomes.push(this.#check(first + i))
    return { nowUs: this.#numbers[1] as number, checks: outcomes }
  }

  #check(index: number): CheckOutcome {
    const numbers = this.#numbers
    const at = HEADER_LENGTH + NUMBERS_PER_CHECK * index
    return {
      status: numbers[at] as Status,
      granted: numbers[at + 1] as number,
      remaining: numbers[at + 2] as number,
      waitUs: numbers[at + 3] as number,
      resetUs: numbers[at + 4] as number,
    }
  }

  #verifyCheck(at: number): void {
    const numbers = this.#numbers
    const status = numbers[at] as number
    if (
      Number.isInteger(status) &&
      status >= Status.badCheck &&
      status <= Status.blocked &&
      isCount(numbers[at + 1] as number) &&
      isCount(numbers[at + 2] as number) &&
      isCount(numbers[at + 3] as number) &&
      isCount(numbers[at + 4] as number)
    ) {
      return
    }
    const check = (at - HEADER_LENGTH) / NUMBERS_PER_CHECK
    throw wrong(`says [${numbers.subarray(at, at + NUMBERS_PER_CHECK).join(', ')}] of check ${check}`)
  }
}

/** An integer from 0 that a double holds exactly; false for NaN and the infinities. */
const isCount = (value: number): boolean => value >= 0 && value < EXACT_MAX && Math.floor(value) === value

const wrong = (what: string): ProtocolError =>
  new ProtocolError(
    `the reply of Redis to 'decide' ${what}; whether anything was charged is unknown. ` +
      `Is something between this process and Redis changing replies?`,
  )
