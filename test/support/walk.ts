import fc from 'fast-check'
import { Op, Status, type Step, Write } from '../../src/core/step.js'
import { KeyModel } from './key-model.js'
import { type DrawnLimit, START_US } from './limits.js'

/** One check of a walk, in shares of what the limit makes interesting. */
export interface Stride {
  readonly pause: 'none' | 'moment' | 'window' | 'long' | 'wait' | 'almost-wait'
  /** 0 to 1, of the pause. */
  readonly share: number
  readonly op: Op
  /** 0 to 1, of the largest cost. Mostly small. */
  readonly cost: number
}

export const strides = (ops: readonly Op[], maxLength = 80): fc.Arbitrary<Stride[]> =>
  fc.array(
    fc.record({
      pause: fc.constantFrom(
        'none',
        'none',
        'moment',
        'moment',
        'moment',
        'window',
        'long',
        'wait',
        'almost-wait',
      ),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
      op: fc.constantFrom(...ops),
      cost: fc.oneof(fc.constant(0), fc.constant(0), fc.double({ min: 0, max: 1, noNaN: true })),
    }),
    { minLength: 1, maxLength, size: 'max' },
  )

/** One outcome of a walk. */
export interface Visit {
  readonly nowUs: number
  readonly op: Op
  readonly n: number
  readonly status: Status
  readonly granted: number
  readonly remaining: number
  readonly waitUs: number
  readonly resetUs: number
  /** Whether the check asked for a write. */
  readonly wrote: boolean
  /** When the key ends, us; not after now: it is absent. */
  readonly endUs: number
}

/** What a check is answered, out of the registers of the decision. */
export const answerOf = ({ status, granted, remaining, waitUs, resetUs }: Readonly<Step>) => ({
  ...{ status, granted, remaining, waitUs, resetUs },
})

/** A key that ends when it should: what `KeyModel` does, with an expiry. */
export class TimedKey {
  readonly model: KeyModel
  endUs = 0
  readonly #limit: DrawnLimit

  constructor(limit: DrawnLimit) {
    this.#limit = limit
    this.model = new KeyModel(limit.algorithm)
  }

  decide(op: Op, n: number, at: number, nowUs: number, leaseId?: string, limit = this.#limit): Visit {
    const { model } = this
    if (model.present && nowUs >= this.endUs) model.drop()
    const step = model.decide(limit.planAt(nowUs), op, n, at, leaseId, nowUs)
    const { status, granted, remaining, waitUs, resetUs, write } = step
    if (write === Write.expire) this.endUs = nowUs + step.ttlUs
    const { endUs } = this
    return { nowUs, op, n, status, granted, remaining, waitUs, resetUs, wrote: write !== Write.none, endUs }
  }

  /** How a `consume` of this cost would end at this time, now or later. */
  ahead(n: number, nowUs: number): Status {
    const limit = this.#limit
    const key = nowUs >= this.endUs ? new KeyModel(limit.algorithm) : this.model
    return key.decide(limit.planAt(nowUs), Op.peek, n, 0, 'another', nowUs).status
  }
}

/** Where a walk stands: when, and what the stride asks for. */
export interface Moment {
  readonly nowUs: number
  readonly op: Op
  readonly n: number
  /** Another one each time. */
  readonly leaseId: string
}

/** Walks a key through the checks and shows every outcome. Time never stands back; the waits of denials are honoured at times. */
export function walk(
  limit: DrawnLimit,
  walked: readonly Stride[],
  visit: (visit: Visit, key: TimedKey) => void,
): void {
  walkMoments(limit, walked, ({ nowUs, op, n, leaseId }, key) => {
    const outcome = key.decide(op, n, 0, nowUs, leaseId)
    visit(outcome, key)
    return outcome
  })
}

/** As `walk`, where the caller makes the check of each moment. */
export function walkMoments(
  limit: DrawnLimit,
  walked: readonly Stride[],
  check: (moment: Moment, key: TimedKey) => Visit,
): void {
  const key = new TimedKey(limit)
  let nowUs = START_US
  let waitUs = 0
  for (const [i, { pause, share, op, cost }] of walked.entries()) {
    nowUs += pauseUs(limit, pause, share, waitUs)
    const largest = limit.algorithm === 'concurrency' ? Math.min(64, limit.limit) : limit.burst
    const n = 1 + Math.floor(cost * (largest - 1))
    const outcome = check({ nowUs, op, n, leaseId: `lease-${i}` }, key)
    if (outcome.status === Status.denied) waitUs = outcome.waitUs
  }
}

function pauseUs(
  { windowUs, limit }: DrawnLimit,
  pause: Stride['pause'],
  share: number,
  waitUs: number,
): number {
  switch (pause) {
    case 'none':
      return 0
    case 'moment':
      return Math.floor((share * 2 * windowUs) / limit)
    case 'window':
      return Math.floor(share * 1.2 * windowUs)
    case 'long':
      return Math.floor(share * 5 * windowUs)
    case 'wait':
      return waitUs
    case 'almost-wait':
      return Math.max(0, waitUs - 1)
  }
}
