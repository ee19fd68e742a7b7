import { Op } from '../../src/core/step.js'
import type { Check, CheckOutcome } from '../../src/engine/engine.js'
import { MemoryEngine } from '../../src/engine/memory-engine.js'
import type { Limit } from '../../src/policy.js'
import { encodeBlock, OUTCOME_LENGTH, REPLY_HEADER_LENGTH } from '../support/decide-block.js'
import type { Run } from '../support/observed-decide.js'
import {
  ChargeList,
  clamp,
  cost,
  elapse,
  firstInstant,
  instant,
  lease,
  leaseAt,
  leasePlace,
  opDrawer,
} from './draws.js'
import { randomFamily, type Variant } from './families.js'
import type { Random } from './random.js'

/** One check as it is drawn: `key` is a place in the keys of the session, from 1. */
interface DrawnCheck extends Check {
  readonly key: number
}

/** A batch as the server gets it, and the reply that the engine in memory leads to expect. */
export interface Batch {
  readonly run: Run
  readonly expected: Buffer
  readonly requests: readonly (readonly DrawnCheck[])[]
}

const LIMITS = 4
const SUBJECTS = ['x', 'y', 'z'] as const
export const SESSION_KEYS = LIMITS * SUBJECTS.length
const REQUEST_MAX = 16

/** One limit of a session, with what was told last of it. */
class LimitInUse {
  readonly limit: Limit
  readonly charges = new ChargeList()
  readonly drawOp: () => Op
  last: CheckOutcome | undefined
  #variant: Variant
  readonly #variants: readonly Variant[]

  constructor(random: Random, slot: number, nowUs: number, fixed: boolean) {
    const { algorithm, variants } = randomFamily(random)
    this.#variant = random.pick(variants)
    this.#variants = fixed ? [this.#variant] : variants
    this.drawOp = opDrawer(random, algorithm)
    const plan = this.#variant.planAt(nowUs)
    this.limit = { policy: `p${slot}`, keyName: `p${slot}`, slot, plan, limit: 1, windowMs: 1 }
  }

  /** The limit as it is now; now and then it changes. */
  variant(random: Random): Variant {
    if (random.chance(0.05)) this.#variant = random.pick(this.#variants)
    return this.#variant
  }
}

export interface Session {
  readonly batches: readonly Batch[]
  /** Whether the keys must end by the time of the session. */
  readonly keysEnd: boolean
}

/**
 * Random batches of requests of 1 to 16 checks on a few limits and subjects, with repeated keys and resets, and either
 * live changes of limits or blocks: under a block a state outlives its end in Redis and not in memory, which a changed
 * limit would show. The clock does not step back: ends in Redis are rounded up to ms.
 */
export function randomSession(random: Random, checks: number): Session {
  const blocks = random.chance(0.5)
  let nowUs = firstInstant(random)
  const engine = new MemoryEngine({ clock: { nowUs: () => nowUs } })
  const limits = Array.from({ length: LIMITS }, (_, slot) => new LimitInUse(random, slot, nowUs, blocks))
  const batches: Batch[] = []
  for (let drawn = 0; drawn < checks; ) {
    const { last } = random.pick(limits)
    const variant = random.pick(limits).variant(random)
    nowUs = clamp(nowUs + Math.max(0, elapse(random, variant, last?.waitUs ?? 0, last?.resetUs ?? 0)))
    const requests = Array.from({ length: random.between(1, 6) }, () =>
      randomRequest(random, limits, nowUs, blocks),
    )
    const outcomes = requests.map(request => {
      const { checks } = engine.decideSync(request)
      for (const [i, outcome] of checks.entries()) note(limits, request[i] as DrawnCheck, nowUs, outcome)
      return checks
    })
    drawn += requests.flat().length
    batches.push({ run: runOf(nowUs, requests), expected: replyOf(nowUs, outcomes.flat()), requests })
  }
  return { batches, keysEnd: !blocks }
}

function randomRequest(
  random: Random,
  limits: readonly LimitInUse[],
  nowUs: number,
  blocks: boolean,
): DrawnCheck[] {
  const size = random.chance(0.4) ? 1 : random.sized(2, REQUEST_MAX)
  const calm = random.chance(0.5)
  return Array.from({ length: size }, () => {
    const used = random.pick(limits)
    const variant = used.variant(random)
    const subject = random.below(SUBJECTS.length)
    const { limit } = used
    const plan = variant.planAt(nowUs)
    const drawn = calm && size > 1 ? random.pick([Op.consume, Op.debit, Op.peek, Op.refund]) : used.drawOp()
    const op = blocks && random.chance(0.03) ? random.pick([Op.block, Op.unblock, Op.reset]) : drawn
    const place = lease(random, op)
    const leased = limit.plan.algorithm === 'concurrency'
    const leaseId = leased ? leaseAt(place) : undefined
    return {
      limit,
      plan,
      subject: SUBJECTS[subject] as string,
      op,
      n:
        op === Op.block
          ? random.sized(1, 2 * variant.windowUs)
          : calm
            ? 1
            : cost(random, variant, used.charges),
      at: leased ? 0 : instant(random, op, nowUs, used.charges),
      ...(leaseId === undefined ? {} : { leaseId }),
      key: limit.slot * SUBJECTS.length + subject + 1,
    }
  })
}

function note(limits: readonly LimitInUse[], check: DrawnCheck, nowUs: number, outcome: CheckOutcome): void {
  const used = limits[check.limit.slot] as LimitInUse
  used.last = outcome
  used.charges.note(check.op, nowUs, outcome)
}

function runOf(nowUs: number, requests: readonly (readonly DrawnCheck[])[]): Run {
  const wire = requests.map(request =>
    request.map(({ plan, op, n, at, leaseId }) => ({
      plan,
      op,
      n,
      at: leaseId === undefined ? at : leasePlace(leaseId),
    })),
  )
  return { keys: requests.flat().map(({ key }) => key), block: encodeBlock(nowUs, wire) }
}

function replyOf(nowUs: number, outcomes: readonly CheckOutcome[]): Buffer {
  const reply = new Float64Array(REPLY_HEADER_LENGTH + OUTCOME_LENGTH * outcomes.length)
  reply.set([1, nowUs, outcomes.length])
  for (const [i, { status, granted, remaining, waitUs, resetUs }] of outcomes.entries()) {
    reply.set([status, granted, remaining, waitUs, resetUs], REPLY_HEADER_LENGTH + OUTCOME_LENGTH * i)
  }
  return Buffer.from(reply.buffer)
}
