import { PLAN_ROW_LENGTH, type Plan, planRow } from '../core/plan.js'
import { Op } from '../core/step.js'
import type { Check } from '../engine/engine.js'
import type { ScriptArg } from './redis-client.js'

/** The layout's version. The layout is in `lua/README.md`. */
const VERSION = 1
const HEADER_LENGTH = 5
const COLUMNS_MAX = 5
/** How many columns a block needs once a check has something else than the default in op, at, size. */
const COLUMNS_TO_N = 2
const COLUMNS_TO_OP = 3
const COLUMNS_TO_AT = 4
const COLUMNS_TO_SIZE = 5

/** The script takes up to 1,000 checks. From here on a larger batch saves next to nothing per check and answers later. */
export const BATCH_CHECKS_MAX = 256
const BATCH_PLANS_MAX = 256
/** Characters in the keys of a batch, unless one request alone has more: about what a server reads at once. */
const BATCH_KEY_CHARS_MAX = 65_536

/** One request as it goes into a batch. */
export interface KeyedRequest {
  readonly checks: readonly Check[]
  /** The key of each check. */
  readonly keys: readonly string[]
  /** us since the Unix epoch by an injected clock; 0: the server's own. */
  readonly nowUs: number
}

/** What one call of `decide` is given. */
export interface DecideCall {
  readonly keys: readonly string[]
  /** The block, then the lease ids that it names by place. */
  readonly args: readonly ScriptArg[]
}

const column = (): Float64Array => new Float64Array(BATCH_CHECKS_MAX)

/**
 * Gathers requests and writes them as the arguments of one `decide`. One serves all batches of a connection: what it
 * hands out is a copy. Nothing is allocated per check, and as little as can be per batch, which often is one check.
 *
 * A block is little-endian, as is every machine that Node runs on but s390x; there the script refuses its version.
 */
export class RequestBlock {
  // Kept, and copied by each `take`. Where V8 sees that arrays made at one place of the code outlive a collection, as those do
  // that wait for an answer, it makes all later ones of that place as old: and each then keeps alive all that its batch
  // refers to, until a collection of the whole heap.
  readonly #keys: string[] = []
  #keyChars = 0
  /** The block goes first. */
  readonly #args: ScriptArg[] = ['']
  #nowUs = 0
  readonly #plans: Plan[] = []
  readonly #planColumn = column()
  readonly #nColumn = column()
  readonly #opColumn = column()
  readonly #atColumn = column()
  readonly #sizeColumn = column()
  readonly #columns = [this.#planColumn, this.#nColumn, this.#opColumn, this.#atColumn, this.#sizeColumn]
  #columnCount = COLUMNS_TO_N
  readonly #block = new Float64Array(
    HEADER_LENGTH + PLAN_ROW_LENGTH * BATCH_PLANS_MAX + COLUMNS_MAX * BATCH_CHECKS_MAX,
  )
  readonly #bytes = Buffer.from(this.#block.buffer)

  /** Adds a whole request. Answers false, and adds nothing, where it has to go into the next batch. */
  add({ checks, keys, nowUs }: KeyedRequest): boolean {
    if (this.#keys.length === 0) {
      this.#nowUs = nowUs
    } else if (
      nowUs !== this.#nowUs ||
      this.#keys.length + checks.length > BATCH_CHECKS_MAX ||
      this.#plans.length + checks.length > BATCH_PLANS_MAX ||
      this.#keyChars >= BATCH_KEY_CHARS_MAX
    ) {
      return false
    }
    for (let i = 0; i < checks.length; i++) {
      this.#addCheck(checks[i] as Check, keys[i] as string, i === 0 ? checks.length : 0)
    }
    return true
  }

  #addCheck(check: Check, key: string, size: number): void {
    const i = this.#keys.length
    this.#keys.push(key)
    this.#keyChars += key.length
    this.#planColumn[i] = this.#rowOf(check.plan, i)
    this.#nColumn[i] = check.n
    this.#opColumn[i] = check.op
    // ARGV is counted from 1, as lengths are.
    const at = check.leaseId === undefined ? check.at : this.#args.push(check.leaseId)
    this.#atColumn[i] = at
    this.#sizeColumn[i] = size
    if (size !== 1) this.#columnCount = COLUMNS_TO_SIZE
    else if (at !== 0) this.#columnCount = Math.max(this.#columnCount, COLUMNS_TO_AT)
    else if (check.op !== Op.consume) this.#columnCount = Math.max(this.#columnCount, COLUMNS_TO_OP)
  }

  /** The plan's row in the table, from 1. Most checks have the plan of the check before. */
  #rowOf(plan: Plan, check: number): number {
    if (check > 0) {
      const row = this.#planColumn[check - 1] as number
      if (this.#plans[row - 1] === plan) return row
    }
    const known = this.#plans.indexOf(plan)
    return known < 0 ? this.#plans.push(plan) : known + 1
  }

  /** The call for what was added since the last one, which is at least one request. */
  take(): DecideCall {
    const keys = this.#keys.slice()
    const block = this.#block
    block[0] = VERSION
    block[1] = this.#nowUs
    block[2] = this.#plans.length
    block[3] = keys.length
    block[4] = this.#columnCount
    let length = HEADER_LENGTH
    for (const plan of this.#plans) {
      for (const value of planRow(plan)) block[length++] = value
    }
    for (let c = 0; c < this.#columnCount; c++) {
      const column = this.#columns[c] as Float64Array
      for (let i = 0; i < keys.length; i++) block[length++] = column[i] as number
    }
    const copy = Buffer.allocUnsafe(length * Float64Array.BYTES_PER_ELEMENT)
    this.#bytes.copy(copy)
    this.#args[0] = copy
    const args = this.#args.slice()

    this.#keys.length = 0
    this.#keyChars = 0
    this.#args.length = 1
    this.#plans.length = 0
    this.#columnCount = COLUMNS_TO_N
    return { keys, args }
  }
}
