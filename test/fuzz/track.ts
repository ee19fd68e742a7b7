import type { Algorithm, Plan } from '../../src/core/plan.js'
import { Op } from '../../src/core/step.js'
import { BACK_US, NOW_END_US, NOW_MIN_US } from '../../src/core/time.js'
import { encodeBlock, OUTCOME_LENGTH, REPLY_HEADER_LENGTH } from '../support/decide-block.js'
import { KeyModel } from '../support/key-model.js'
import type { Run } from '../support/observed-decide.js'
import type { Family, Variant } from './families.js'
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

export const LEASE_IDS = ['a', 'b', 'c', 'd', 'e'] as const
/** `ARGV[1]` is the block. */
const FIRST_LEASE_PLACE = 2

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
    const step = model.decide(plan, op, n, at, LEASE_IDS[at - FIRST_LEASE_PLACE], nowUs)
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

interface Charge {
  readonly nowUs: number
  readonly n: number
  readonly emptyAtUs: number
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
  const charges: Charge[] = []
  const drawOp = opDrawer(random, family.algorithm)
  let nowUs = firstInstant(random)
  let endUs = Number.POSITIVE_INFINITY
  let variant = random.pick(family.variants)
  while (steps.length < length) {
    const { step } = expected.model
    if (random.chance(0.03)) variant = random.pick(family.variants)
    nowUs = clamp(nowUs + elapse(random, variant, step.waitUs, step.resetUs))
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
    if (step.granted > 0 && (op === Op.consume || op === Op.grant || op === Op.debit)) {
      charges.push({ nowUs, n: step.granted, emptyAtUs: nowUs + step.resetUs })
      if (charges.length > 6) charges.shift()
    }
  }
  return { track: { plans, steps }, expected }
}

const clamp = (us: number): number => Math.min(NOW_END_US - 1, Math.max(NOW_MIN_US, us))

function firstInstant(random: Random): number {
  const kind = random.unit()
  if (kind < 0.45) return random.between(1.6e15, 1.9e15)
  if (kind < 0.6) return random.between(6.4e14, 9.4e14)
  if (kind < 0.7) return 1_577_836_800_000_000 + random.between(-1e9, 1e9)
  if (kind < 0.75) return NOW_MIN_US + random.below(1e12)
  if (kind < 0.8) return NOW_END_US - random.between(1, 1e12)
  return random.between(NOW_MIN_US, NOW_END_US - 1)
}

/** us from one check to the next: nothing, a step of a steady rate, up to the edge of a stated wait, a jump of the clock. */
function elapse(random: Random, variant: Variant, waitUs: number, resetUs: number): number {
  const kind = random.unit()
  if (kind < 0.3) return 0
  if (kind < 0.45) return random.sized(1, 1000)
  if (kind < 0.55) return Math.floor(variant.windowUs / variant.limit)
  if (kind < 0.65) return random.below(variant.windowUs + 1)
  if (kind < 0.8)
    return waitUs > 0 ? waitUs + random.between(-1, 1) : random.below(variant.windowUs / variant.limit + 1)
  if (kind < 0.86) return resetUs + random.between(-1, 1)
  if (kind < 0.88) return random.between(0, 3) * variant.windowUs + random.between(-1, 1)
  if (kind < 0.93) return 0 - random.sized(1, 1e6)
  if (kind < 0.95) return 0 - BACK_US + random.between(-1, 1)
  if (kind < 0.97) return 0 - random.sized(1, 4 * variant.windowUs + BACK_US)
  if (kind < 0.98) return 0 - random.sized(1, 4e14)
  if (kind < 0.985) return random.sized(1, 4e14)
  return random.sized(1, 10 * variant.windowUs)
}

function opDrawer(random: Random, algorithm: Algorithm): () => Op {
  const weights: [Op, number][] = [
    [Op.consume, random.pick([5, 20, 60])],
    [Op.peek, 4],
    [Op.grant, random.pick([0, 4, 20])],
    [Op.debit, random.pick([0, 3, 20])],
    [Op.refund, random.pick([0, 6, 12])],
    [Op.rollback, random.pick([0, 4, 12])],
    [Op.reset, 0.3],
    [Op.renew, algorithm === 'concurrency' ? 8 : 0.1],
  ]
  const total = weights.reduce((sum, [, weight]) => sum + weight, 0)
  return () => {
    let rest = random.unit() * total
    for (const [op, weight] of weights) {
      rest -= weight
      if (rest < 0) return op
    }
    return Op.consume
  }
}

function cost(random: Random, { limit }: Variant, charges: readonly Charge[]): number {
  const kind = random.unit()
  if (kind < 0.5) return 1
  if (kind < 0.65) return random.sized(1, Math.min(limit, 10))
  if (kind < 0.8) return random.sized(1, limit)
  if (kind < 0.87) return random.pick(charges)?.n ?? 1
  if (kind < 0.96) return Math.max(1, limit + random.between(-1, 1))
  if (kind < 0.98) return 2 * limit
  return random.sized(1, 2 ** 53 - 1)
}

function instant(random: Random, op: Op, nowUs: number, charges: readonly Charge[]): number {
  if (op !== Op.refund && op !== Op.rollback) return 0
  const charge = random.chance(0.85) ? charges.at(random.chance(0.5) ? -1 : random.below(6) - 6) : undefined
  if (charge !== undefined) return random.chance(0.7) ? charge.nowUs : charge.emptyAtUs
  return random.chance(0.5) ? 0 : Math.max(1, nowUs + random.between(-1e7, 1e7))
}

const lease = (random: Random, op: Op): number =>
  op === Op.peek && random.chance(0.5) ? 0 : FIRST_LEASE_PLACE + random.below(LEASE_IDS.length)
