import type { Plan } from '../core/plan.js'
import { createStep, fail, Op, Status, type Step } from '../core/step.js'
import { CheckError } from '../errors.js'
import type { Check, CheckOutcome } from './engine.js'
import { Draft } from './memory-draft.js'
import type { KeyTable, MemoryKeys } from './memory-keys.js'
import { NONE } from './timing-wheel.js'

/** Checks of one request at most, as in the script. */
export const CHECKS_MAX = 16

/** Decides requests on keys in memory, as the script `decide` does on those of Redis (`lua/README.md`). */
export class RequestDecider {
  readonly #keys: MemoryKeys
  readonly #step = createStep()
  /** One for each key of the request under way. */
  readonly #drafts: Draft[] = []
  #draftsUsed = 0
  /** Of the request considered last: whether a check failed, and whether one refused. */
  #failed = false
  #refused = false

  constructor(keys: MemoryKeys) {
    this.#keys = keys
  }

  /** Decides a request of one check; the answer is in `step`. */
  decideOne(
    table: KeyTable,
    step: Step,
    plan: Plan,
    subject: string,
    op: Op,
    n: number,
    at: number,
    leaseId: string | undefined,
    nowUs: number,
  ): void {
    this.#draftsUsed = 0
    const draft = this.#draftOf(table, subject, nowUs)
    if (isOnWholeKey(op)) {
      this.#decideOnWholeKey(draft, step, plan, op, n, nowUs)
    } else {
      draft.decide(step, plan, op, n, at, leaseId, nowUs)
      draft.commit(this.#keys, nowUs)
    }
  }

  /**
   * Decides a request of several checks: all or nothing.
   *
   * @param tables of the checks, in their order
   * @throws CheckError when there are none, or more than 16
   */
  decide(tables: readonly KeyTable[], request: readonly Check[], nowUs: number): readonly CheckOutcome[] {
    if (request.length < 1 || request.length > CHECKS_MAX) {
      throw new CheckError(
        `a request has 1 to ${CHECKS_MAX} checks, this one has ${request.length}: split it`,
      )
    }
    const verdicts = this.#consider(tables, request, nowUs)
    if (!this.#failed && !this.#refused) {
      this.#commit(nowUs)
      return verdicts
    }
    // A second look, without charging: the state as it stands, and the repairs that it needs.
    const withdrawn = this.#withdraw(tables, request, verdicts, nowUs)
    if (!this.#failed) this.#commit(nowUs)
    return withdrawn
  }

  /** Runs every check on drafts, and tells in `#failed` and `#refused` what came of the request. */
  #consider(tables: readonly KeyTable[], request: readonly Check[], nowUs: number): CheckOutcome[] {
    const step = this.#step
    const verdicts: CheckOutcome[] = []
    this.#draftsUsed = 0
    this.#failed = false
    this.#refused = false
    for (let i = 0; i < request.length; i++) {
      const { plan, subject, op, n, at, leaseId } = request[i] as Check
      const draft = this.#draftOf(tables[i] as KeyTable, subject, nowUs)
      if (isOnWholeKey(op)) fail(step, Status.badCheck)
      else draft.decide(step, plan, op, n, at, leaseId, nowUs)
      const { status, granted, remaining, waitUs, resetUs } = step
      if (status < Status.denied) this.#failed = true
      else if (isRefusal(status, op)) this.#refused = true
      verdicts.push({ status, granted, remaining, waitUs, resetUs })
    }
    return verdicts
  }

  /** What is left of the verdicts of a request that was refused: nothing was taken, and the state is as it was before. */
  #withdraw(
    tables: readonly KeyTable[],
    request: readonly Check[],
    verdicts: readonly CheckOutcome[],
    nowUs: number,
  ): readonly CheckOutcome[] {
    const step = this.#step
    this.#draftsUsed = 0
    return verdicts.map((verdict, i) => {
      const { plan, subject, op, n, at, leaseId } = request[i] as Check
      const draft = this.#draftOf(tables[i] as KeyTable, subject, nowUs)
      draft.decide(step, plan, op === Op.peek ? op : Op.look, n, at, leaseId, nowUs)
      const { status, waitUs } = verdict
      if (status < Status.denied) return verdict
      const { remaining, resetUs } = step
      return { status, granted: 0, remaining, waitUs: status === Status.allowed ? 0 : waitUs, resetUs }
    })
  }

  /** The draft of a key: the one that an earlier check of the request on the same key left, or a new one. */
  #draftOf(table: KeyTable, subject: string, nowUs: number): Draft {
    for (let i = 0; i < this.#draftsUsed; i++) {
      const earlier = this.#drafts[i] as Draft
      if (earlier.table === table && earlier.subject === subject) return earlier
    }
    if (this.#draftsUsed === this.#drafts.length) this.#drafts.push(new Draft())
    const draft = this.#drafts[this.#draftsUsed++] as Draft
    draft.load(this.#keys, table, subject, nowUs)
    return draft
  }

  /** Keys that are there come first: a new key may have to evict, and must not evict one that is still to be stored. */
  #commit(nowUs: number): void {
    const drafts = this.#drafts
    for (let i = 0; i < this.#draftsUsed; i++) {
      const draft = drafts[i] as Draft
      if (draft.key !== NONE) draft.commit(this.#keys, nowUs)
    }
    for (let i = 0; i < this.#draftsUsed; i++) {
      const draft = drafts[i] as Draft
      if (draft.key === NONE) draft.commit(this.#keys, nowUs)
    }
  }

  /** reset, block, unblock: the answer tells the state as it was before. */
  #decideOnWholeKey(draft: Draft, step: Step, plan: Plan, op: Op, n: number, nowUs: number): void {
    draft.blockedUntilUs = 0
    draft.decide(step, plan, Op.look, n, 0, undefined, nowUs)
    if (step.status !== Status.allowed) return
    const keys = this.#keys
    const { key } = draft
    if (op === Op.block) {
      const untilUs = nowUs + n
      const blocked = key === NONE ? keys.create(draft.table, draft.subject, untilUs, nowUs) : key
      keys.block(blocked, untilUs, draft.present ? draft.endUs : 0)
    } else if (key !== NONE) {
      if (op === Op.reset) keys.drop(key)
      else keys.unblock(key, nowUs)
    }
  }
}

const isOnWholeKey = (op: Op): boolean => op === Op.reset || op === Op.block || op === Op.unblock

const isRefusal = (status: Status, op: Op): boolean =>
  (status === Status.denied || status === Status.blocked) && op !== Op.peek && op !== Op.look
