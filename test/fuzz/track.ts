import type { Algorithm, Plan } from '../../src/core/plan.js'
import type { Op } from '../../src/core/step.js'
import { encodeBlock, OUTCOME_LENGTH, REPLY_HEADER_LENGTH } from '../support/decide-block.js'
import { KeyModel } from '../support/key-model.js'
import type { Run } from '../support/observed-decide.js'
import { ChargeList, clamp, cost, elapse, firstInstant, instant, lease, leaseAt, opDrawer } from './draws.js'
import type { Family } from './families.js'
import type { Random } from './random.js'

/** One check of a track. `plan` is a place in the plans of the track, `at` is a place of a lease id for `concurrency`. */
export interface TrackStep {
  readonly plan: number
  readonly nowUs: number
  readonly op: Op
  readonly n: number
  readonly at: number
  /** The key reached its end before this check. */
  readonly ended?: true
}

/** The life of one key: plain data, so that a track that failed can be kept. */
export interface Track {
  readonly plans: readonly Plan[]
  readonly steps: readonly TrackStep[]
}

/** Runs checks through the TypeScript and writes the transcript that the Lua must give. */
export class ExpectedTranscript {
  readonly model: KeyModel
  /** Where the part of each step begins. */
  readonly offsets: number[] = []
  #bytes = Buffer.alloc(65_536)
  #length = 0

  constructor(algorithm: Algorithm) {
    this.model = new KeyModel(algorithm)
  }

  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }

  add(plan: Plan, { nowUs, op, n, at, ended }: TrackStep): void {
    const { model } = this
    if (ended) model.drop()
    const step = model.decide(plan, op, n, at, leaseAt(at), nowUs)
    const state = model.stateBytes()
    this.offsets.push(this.#length)
    const numbers = [1, nowUs, 1, step.status, step.granted, step.remaining, step.waitUs, step.resetUs]
    this.#reserve(8 * (numbers.length + 2) + state.length)
    for (const number of [...numbers, model.lifeMs, state.length]) {
      this.#length = this.#bytes.writeDoubleLE(number, this.#length)
    }
    this.#length += state.copy(this.#bytes, this.#length)
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return
    const bytes = Buffer.alloc(2 * (this.#bytes.length + more))
    this.bytes.copy(bytes)
    this.#bytes = bytes
  }
}

/** The numbers of one step in a transcript, for people: outcome, life, state. */
export function describeStep(transcript: Buffer, offset: number): string {
  const names = [
    'version',
    'now',
    'checks',
    'status',
    'granted',
    'remaining',
    'wait',
    'reset',
    'lifeMs',
    'stateLength',
  ]
  const doubles = REPLY_HEADER_LENGTH + OUTCOME_LENGTH + 2
  if (transcript.length < offset + 8 * doubles) return transcript.subarray(offset).toString('latin1')
  const numbers = names.map((name, i) => `${name} ${transcript.readDoubleLE(offset + 8 * i)}`)
  const stateAt = offset + 8 * doubles
  const state = transcript.subarray(stateAt, stateAt + transcript.readDoubleLE(stateAt - 8))
  const shown =
    state.length % 8 === 0 && state.length >= 24
      ? [...new Float64Array(new Uint8Array(state).buffer)].join(' ')
      : state.toString('latin1')
  return `${numbers.join(', ')}, state [${shown}]`
}

export const runsOf = ({ plans, steps }: Track): Run[] =>
  steps.map(({ plan, nowUs, op, n, at, ended }) => ({
    keys: [ended ? -1 : 1],
    block: encodeBlock(nowUs, [[{ plan: plans[plan] as Plan, op, n, at }]]),
  }))

export function expectedOf({ plans, steps }: Track): ExpectedTranscript {
  const expected = new ExpectedTranscript((plans[0] as Plan).algorithm)
  for (const step of steps) expected.add(plans[step.plan] as Plan, step)
  return expected
}

/** A random life of one key. What comes next depends on what was told before: the waits above all. */
export function randomTrack(
  random: Random,
  family: Family,
  length: number,
): { track: Track; expected: ExpectedTranscript } {
  const expected = new ExpectedTranscript(family.algorithm)
  const plans: Plan[] = []
  const steps: TrackStep[] = []
  const charges = new ChargeList()
  const drawOp = opDrawer(random, family.algorithm)
  let nowUs = firstInstant(random)
  let endUs = Number.POSITIVE_INFINITY
  let variant = random.pick(family.variants)
  while (steps.length < length) {
    const { step } = expected.model
    // Before the first check a step tells no times.
    const [waitUs, resetUs] = steps.length > 0 ? [step.waitUs, step.resetUs] : [0, 0]
    if (random.chance(0.03)) variant = random.pick(family.variants)
    nowUs = clamp(nowUs + elapse(random, variant, waitUs, resetUs))
    const plan = variant.planAt(nowUs)
    let place = plans.indexOf(plan)
    if (place < 0) place = plans.push(plan) - 1
    const op = drawOp()
    const n = cost(random, variant, charges)
    const at = family.algorithm === 'concurrency' ? lease(random, op) : instant(random, op, nowUs, charges)
    const ended = nowUs >= endUs && random.chance(0.5)
    const next: TrackStep = { plan: place, nowUs, op, n, at, ...(ended ? { ended } : {}) }
    steps.push(next)
    expected.add(plan, next)
    const { lifeMs } = expected.model
    if (lifeMs >= 0) endUs = nowUs + 1000 * lifeMs
    charges.note(op, nowUs, step)
  }
  return { track: { plans, steps }, expected }
}
