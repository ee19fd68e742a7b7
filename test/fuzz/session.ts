import type { Plan } from '../../src/core/plan.js'
import { Op } from '../../src/core/step.js'
import type { CheckOutcome } from '../../src/engine/engine.js'
import { MemoryEngine } from '../../src/engine/memory-engine.js'
import type { Limit } from '../../src/policy.js'
import { encodeBlock, OUTCOME_LENGTH, REPLY_HEADER_LENGTH } from '../support/decide-block.js'
import type { Run } from '../support/observed-decide.js'
import { ChargeList, clamp, cost, elapse, firstInstant, instant, lease, leaseAt, opDrawer } from './draws.js'
import { randomFamily, type Variant } from './families.js'
import type { Random } from './random.js'

/** One check of a session. `at` is a place of a lease id for `concurrency`. */
export interface SessionCheck {
  /** A key is one subject of one limit, both counted from 0. */
  readonly limit: number
  readonly subject: number
  readonly plan: Plan
  readonly op: Op
  readonly n: number
  readonly at: number
}

/** What a server is sent at once: requests, each all or nothing. */
export interface Batch {
  readonly nowUs: number
  readonly requests: readonly (readonly SessionCheck[])[]
}

/** Batches on a few keys, one after the other: plain data, so that a session that failed can be kept. */
export interface Session {
  /** Whether the keys end by the time of the session, and not an hour of the server's later. */
  readonly keysEnd: boolean
  readonly batches: readonly Batch[]
}

const LIMITS = 4
const SUBJECTS = 3
export const SESSION_KEYS = LIMITS * SUBJECTS
const REQUEST_MAX = 16
const keyOf = ({ limit, subject }: SessionCheck): number => limit * SUBJECTS + subject + 1

/** A session in the engine in memory. */
class InMemory {
  #nowUs = 0
  readonly #engine = new MemoryEngine({ clock: { nowUs: () => this.#nowUs } })
  readonly #limits: (Limit | undefined)[] = []

  decide({ nowUs, requests }: Batch): CheckOutcome[][] {
    this.#nowUs = nowUs
    return requests.map(request => {
      const checks = request.map(check => {
        const limit = this.#limitOf(check)
        const { plan, op, n } = check
        const subject = String(check.subject)
        if (plan.algorithm !== 'concurrency') return { limit, plan, subject, op, n, at: check.at }
        const leaseId = leaseAt(check.at)
        return { limit, plan, subject, op, n, at: 0, ...(leaseId === undefined ? {} : { leaseId }) }
      })
      return [...this.#engine.decideSync(checks).checks]
    })
  }

  #limitOf({ limit: slot, plan }: SessionCheck): Limit {
    const name = `limit${slot}`
    this.#limits[slot] ??= { policy: name, keyName: name, slot, plan, limit: 1, windowMs: 1 }
    return this.#limits[slot]
  }
}

export const sessionRuns = ({ batches }: Session): Run[] =>
  batches.map(({ nowUs, requests }) => ({
    keys: requests.flat().map(keyOf),
    block: encodeBlock(nowUs, requests),
  }))

/** The reply to each batch that the engine in memory leads to expect. */
export function sessionReplies({ batches }: Session): Buffer[] {
  const engine = new InMemory()
  return batches.map(batch => {
    const outcomes = engine.decide(batch).flat()
    const reply = new Float64Array(REPLY_HEADER_LENGTH + OUTCOME_LENGTH * outcomes.length)
    reply.set([1, batch.nowUs, outcomes.length])
    for (const [i, { status, granted, remaining, waitUs, resetUs }] of outcomes.entries()) {
      reply.set([status, granted, remaining, waitUs, resetUs], REPLY_HEADER_LENGTH + OUTCOME_LENGTH * i)
    }
    return Buffer.from(reply.buffer)
  })
}

/** One limit of a session, with what was told last of it. */
class LimitInUse {
  readonly slot: number
  readonly charges = new ChargeList()
  readonly drawOp: () => Op
  last: CheckOutcome | undefined
  #variant: Variant
  readonly #variants: readonly Variant[]

  constructor(random: Random, slot: number, fixed: boolean) {
    this.slot = slot
    const { algorithm, variants } = randomFamily(random)
    this.#variant = random.pick(variants)
    this.#variants = fixed ? [this.#variant] : variants
    this.drawOp = opDrawer(random, algorithm)
  }

  /** The limit as it is now; now and then it changes. */
  variant(random: Random): Variant {
    if (random.chance(0.05)) this.#variant = random.pick(this.#variants)
    return this.#variant
  }
}

/**
 * Random requests of 1 to 16 checks on a few limits and subjects, with repeated keys, and with either live changes of
 * limits or blocks: under a block a state outlives its end in Redis and not in memory, which a changed limit would show.
 * The clock does not step back: ends in Redis are rounded up to ms.
 */
export function randomSession(random: Random, checks: number): Session {
  const blocks = random.chance(0.5)
  const engine = new InMemory()
  const limits = Array.from({ length: LIMITS }, (_, slot) => new LimitInUse(random, slot, blocks))
  const batches: Batch[] = []
  let nowUs = firstInstant(random)
  for (let drawn = 0; drawn < checks; ) {
    const { last } = random.pick(limits)
    const variant = random.pick(limits).variant(random)
    nowUs = clamp(nowUs + Math.max(0, elapse(random, variant, last?.waitUs ?? 0, last?.resetUs ?? 0)))
    const requests = Array.from({ length: random.between(1, 6) }, () =>
      randomRequest(random, limits, nowUs, blocks),
    )
    const batch = { nowUs, requests }
    const outcomes = engine.decide(batch)
    for (const [i, request] of requests.entries()) {
      for (const [j, check] of request.entries()) {
        const used = limits[check.limit] as LimitInUse
        used.last = outcomes[i]?.[j] as CheckOutcome
        used.charges.note(check.op, nowUs, used.last)
      }
    }
    drawn += requests.flat().length
    batches.push(batch)
  }
  return { keysEnd: !blocks, batches }
}

function randomRequest(
  random: Random,
  limits: readonly LimitInUse[],
  nowUs: number,
  blocks: boolean,
): SessionCheck[] {
  const size = random.chance(0.4) ? 1 : random.sized(2, REQUEST_MAX)
  /** Small costs and no grants: the request may well pass. */
  const calm = random.chance(0.5)
  return Array.from({ length: size }, () => {
    const used = random.pick(limits)
    const variant = used.variant(random)
    const plan = variant.planAt(nowUs)
    const drawn = calm && size > 1 ? random.pick([Op.consume, Op.debit, Op.peek, Op.refund]) : used.drawOp()
    const op = blocks && random.chance(0.03) ? random.pick([Op.block, Op.unblock, Op.reset]) : drawn
    const n = calm ? 1 : cost(random, variant, used.charges)
    return {
      limit: used.slot,
      subject: random.below(SUBJECTS),
      plan,
      op,
      n: op === Op.block ? random.sized(1, 2 * variant.windowUs) : n,
      at: plan.algorithm === 'concurrency' ? lease(random, op) : instant(random, op, nowUs, used.charges),
    }
  })
}
