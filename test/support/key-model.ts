import {
  applyLeaseChange,
  concurrency,
  createLeaseChange,
  type LeaseSet,
} from '../../src/core/concurrency.js'
import { fixedWindow } from '../../src/core/fixed-window.js'
import { gcra } from '../../src/core/gcra.js'
import type { Algorithm, Plan } from '../../src/core/plan.js'
import { quota } from '../../src/core/quota.js'
import { slidingCounter } from '../../src/core/sliding-counter.js'
import {
  applyLogChange,
  createLogChange,
  encodeLog,
  slidingWindow,
  type WindowLog,
} from '../../src/core/sliding-window.js'
import { createStep, Op, Status, type Step, Write } from '../../src/core/step.js'
import { cdiv } from '../../src/core/time.js'
import { tokenBucket } from '../../src/core/token-bucket.js'

/** Doubles of a state of fixed size. */
const STATE_LENGTH: Partial<Record<Algorithm, number>> = {
  gcra: 1,
  fixed_window: 3,
  token_bucket: 5,
  leaky_bucket: 5,
  sliding_counter: 4,
  quota: 3,
}

/** One key, decided by the algorithms in TypeScript: no expiry, no blocks, requests of one check. */
export class KeyModel {
  readonly step: Step = createStep()
  /** The life in ms that the last check gave the key; -1: it wrote, and the end stayed; -2: it did not, or removed the key. */
  lifeMs = -2
  present = false
  readonly #algorithm: Algorithm
  readonly #row: number[]
  #log: WindowLog | undefined
  readonly #logChange = createLogChange()
  #leases: LeaseSet | undefined
  readonly #leaseChange = createLeaseChange()

  constructor(algorithm: Algorithm) {
    this.#algorithm = algorithm
    this.#row = new Array<number>(STATE_LENGTH[algorithm] ?? 0).fill(0)
  }

  /** Forgets the key. */
  drop(): void {
    this.present = false
    this.#log = undefined
    this.#leases = undefined
  }

  decide(
    plan: Plan,
    op: Op,
    n: number,
    at: number,
    leaseId: string | undefined,
    now: number,
  ): Readonly<Step> {
    const { step } = this
    this.lifeMs = -2
    if (op === Op.reset) {
      this.#decide(plan, Op.look, n, at, leaseId, now)
      step.write = Write.none
      if (step.status === Status.allowed) this.drop()
      return step
    }
    this.#decide(plan, op, n, at, leaseId, now)
    if (step.write === Write.none) return step
    this.lifeMs = step.write === Write.expire ? cdiv(step.ttlUs, 1000) : -1
    this.present = true
    for (let i = 0; i < this.#row.length; i++) this.#row[i] = step.state[i] as number
    if (this.#algorithm === 'sliding_window') this.#log = applyLogChange(this.#log, this.#logChange)
    if (this.#algorithm === 'concurrency') {
      this.#leases = applyLeaseChange(this.#leases, this.#leaseChange)
      this.present = this.#leases.units > 0
    }
    return step
  }

  #decide(plan: Plan, op: Op, n: number, at: number, leaseId: string | undefined, now: number) {
    const { step } = this
    step.present = this.present
    for (let i = 0; i < this.#row.length; i++) step.state[i] = this.#row[i] as number
    switch (plan.algorithm) {
      case 'gcra':
        return gcra(step, plan, op, n, at, now)
      case 'fixed_window':
        return fixedWindow(step, plan, op, n, at, now)
      case 'token_bucket':
      case 'leaky_bucket':
        return tokenBucket(step, plan, op, n, at, now)
      case 'sliding_counter':
        return slidingCounter(step, plan, op, n, at, now)
      case 'quota':
        return quota(step, plan, op, n, at, now)
      case 'sliding_window':
        return slidingWindow(step, this.#logChange, plan, this.#log, op, n, at, now)
      case 'concurrency':
        return concurrency(step, this.#leaseChange, plan, this.#leases, op, n, leaseId, now)
    }
  }

  /** What the key holds in Redis; a sorted set as its members and scores in order. */
  stateBytes(): Buffer {
    if (!this.present) return Buffer.alloc(0)
    if (this.#log !== undefined) return Buffer.from(encodeLog(this.#log))
    if (this.#leases !== undefined) return Buffer.from(sortedSet(this.#leases))
    if (this.#algorithm === 'gcra') return Buffer.from(String(this.#row[0]))
    return Buffer.from(new Float64Array(this.#row).buffer)
  }
}

function sortedSet(leases: LeaseSet): string {
  const members = leases.byEnd.flatMap(({ id, units, endUs }) =>
    Array.from({ length: units }, (_, unit) => ({ member: `${unit}:${id}`, endUs })),
  )
  members.sort((a, b) => a.endUs - b.endUs || (a.member < b.member ? -1 : 1))
  return members.map(({ member, endUs }) => `${member} ${endUs}`).join(' ')
}
