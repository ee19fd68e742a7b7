import {
  applyLeaseChange,
  concurrency,
  copyLeases,
  createLeaseChange,
  type LeaseSet,
} from '../core/concurrency.js'
import type { ConcurrencyPlan, Plan, SlidingWindowPlan } from '../core/plan.js'
import {
  applyLogChange,
  copyLog,
  createLogChange,
  slidingWindow,
  type WindowLog,
} from '../core/sliding-window.js'
import { fail, Op, STATE_LENGTH_MAX, Status, type Step, Write } from '../core/step.js'
import type { KeyTable, MemoryKeys } from './memory-keys.js'
import { decideRow, type ObjectState } from './memory-states.js'
import { NONE } from './timing-wheel.js'

/**
 * What a request would leave of one key, until the request is decided as a whole: the state as the request's checks on
 * this key see and change it, to be stored or dropped in the end. Registers: drafts are used again.
 */
export class Draft {
  table!: KeyTable
  subject = ''
  /** Number of the key; NONE when there is none. */
  key = NONE
  /** The end of a block, us; 0 when the key is not blocked. */
  blockedUntilUs = 0
  /** Whether there is a state, and when it ends, us. */
  present = false
  endUs = 0
  /** The strongest write that a check asked for. */
  write: Write = Write.none

  readonly #row = new Float64Array(STATE_LENGTH_MAX)
  /** The stored state until a second check of the request has to see what the first changed; then a copy. */
  #object: ObjectState | undefined
  #isCopy = false
  /** What the last check would change of `#object`, if it is `#pending`. */
  readonly #logChange = createLogChange()
  readonly #leaseChange = createLeaseChange()
  #pending = false

  load(keys: MemoryKeys, table: KeyTable, subject: string, nowUs: number): void {
    this.subject = subject
    this.loadKey(keys, table, table.index.find(subject), nowUs)
  }

  /** What has ended is as good as absent. */
  loadKey(keys: MemoryKeys, table: KeyTable, key: number, nowUs: number): void {
    this.table = table
    this.key = key
    this.write = Write.none
    this.#object = undefined
    this.#isCopy = false
    this.#pending = false
    this.blockedUntilUs = 0
    this.endUs = 0
    if (key !== NONE) {
      const block = keys.blockOf(key)
      this.endUs = block === undefined ? keys.endOf(key) : block.stateEndUs
      if (block !== undefined && block.untilUs > nowUs) this.blockedUntilUs = block.untilUs
    }
    this.present = this.endUs > nowUs
    if (!this.present) return
    if (table.stateLength > 0) keys.loadState(key, this.#row, table.stateLength)
    else this.#object = keys.objects[key]
  }

  /** Runs one check on the state as earlier checks of the request left it; the answer is in `step`. */
  decide(
    step: Step,
    plan: Plan,
    op: Op,
    n: number,
    at: number,
    leaseId: string | undefined,
    nowUs: number,
  ): void {
    if (!(n >= 1 && Number.isInteger(n) && Number.isInteger(at))) {
      fail(step, Status.badCheck)
    } else if (this.blockedUntilUs > 0 && op <= Op.grant) {
      fail(step, Status.blocked)
      step.waitUs = this.blockedUntilUs - nowUs
      step.resetUs = step.waitUs
    } else {
      if (this.table.stateLength > 0) this.#decideRow(step, plan, op, n, at, nowUs)
      else this.#decideObject(step, plan, op, n, at, leaseId, nowUs)
      if (step.write === Write.none) return
      this.present = true
      if (step.write > this.write) this.write = step.write
      if (step.write === Write.expire) this.endUs = nowUs + step.ttlUs
    }
  }

  /** Stores the state, if a check wrote one. */
  commit(keys: MemoryKeys, nowUs: number): void {
    if (this.write === Write.none) return
    if (this.#pending) this.#carryOut()
    const isNew = this.key === NONE
    if (this.#object !== undefined && 'byId' in this.#object && this.#object.units === 0) {
      if (!isNew) keys.dropState(this.key, nowUs)
      return
    }
    if (isNew) this.key = keys.create(this.table, this.subject, this.endUs, nowUs)
    else if (this.write === Write.expire) keys.setStateEnd(this.key, this.endUs, nowUs)
    else keys.lifetimes.changed(this.key)
    const { stateLength } = this.table
    if (stateLength > 0) keys.storeState(this.key, this.#row, stateLength)
    else keys.objects[this.key] = this.#object
    if (isNew) keys.lookAhead(nowUs)
  }

  #decideRow(step: Step, plan: Plan, op: Op, n: number, at: number, nowUs: number): void {
    step.present = this.present
    step.state = this.#row
    step.cell = 0
    decideRow(step, plan, op, n, at, nowUs)
  }

  #decideObject(
    step: Step,
    plan: Plan,
    op: Op,
    n: number,
    at: number,
    leaseId: string | undefined,
    nowUs: number,
  ): void {
    if (this.#pending) {
      if (!this.#isCopy) this.#copy()
      this.#carryOut()
    }
    if (this.table.algorithm === 'sliding_window') {
      const log = this.#object as WindowLog | undefined
      slidingWindow(step, this.#logChange, plan as SlidingWindowPlan, log, op, n, at, nowUs)
    } else {
      const leases = this.#object as LeaseSet | undefined
      concurrency(step, this.#leaseChange, plan as ConcurrencyPlan, leases, op, n, leaseId, nowUs)
    }
    this.#pending = step.write !== Write.none
  }

  #copy(): void {
    this.#isCopy = true
    if (this.#object === undefined) return
    this.#object = 'byId' in this.#object ? copyLeases(this.#object) : copyLog(this.#object)
  }

  #carryOut(): void {
    this.#pending = false
    this.#object =
      this.table.algorithm === 'sliding_window'
        ? applyLogChange(this.#object as WindowLog | undefined, this.#logChange)
        : applyLeaseChange(this.#object as LeaseSet | undefined, this.#leaseChange)
  }
}
