import { z } from 'zod'
import { capacity, type SlidingWindowPlan } from '../../core/plan.js'
import { Op, Status } from '../../core/step.js'
import { cdiv, GRANULE_US } from '../../core/time.js'
import type { Check, CheckOutcome, Engine } from '../../engine/engine.js'
import { isSluiceError } from '../../errors.js'
import type { KeyBuilder } from '../../keys.js'
import type { CompiledPolicies } from '../../policy.js'
import { loadScript } from '../../redis/scripts.js'
import { identify, type Subject } from '../../subject.js'
import type { Primaries } from './primaries.js'
import type { Located } from './sources.js'
import { endOf, totalUnits, type Usage } from './usage.js'

/** `stricter`: the new limiter's key was as strict already. */
export type Carried = 'carried' | 'stricter' | 'unknown' | 'wrongType'

/** A limiter whose keys take over what another has counted. */
export interface MigrationTarget {
  /** @param writes false tells what would be done */
  carry(located: Located, usage: Usage, nowUs: number, writes: boolean): Promise<Carried>
}

const carryScript = loadScript('compat/carry')

const CARRIED: ReadonlyMap<number, Carried | 'present'> = new Map([
  [1, 'carried'],
  [0, 'stricter'],
  [2, 'present'],
  [Status.wrongType, 'wrongType'],
  [Status.foreignValue, 'unknown'],
])
const CarryReply = z.number().transform((code, context) => {
  const carried = CARRIED.get(code)
  if (carried !== undefined) return carried
  context.addIssue({ code: 'custom', message: `${code} is no answer of 'carry'`, input: code })
  return z.NEVER
})

interface Form {
  readonly form: 'counter' | 'window' | 'log'
  readonly units: number
  readonly endUs: number
  readonly windowUs: number
  readonly state?: Uint8Array
}

async function carryBy(primaries: Primaries, key: string, form: Form, writes: boolean) {
  const numbers = [writes ? 1 : 0, form.units, form.endUs, form.windowUs].map(String)
  const state = form.state === undefined ? [] : [form.state]
  return CarryReply.parse(await primaries.run(carryScript, key, [form.form, ...numbers, ...state]))
}

/** What the keys of a counter take: the whole usage, until the last of it comes back, at most a window from now. */
const asWindow = (usage: Usage, limit: number, windowUs: number, nowUs: number) => ({
  units: Math.min(limit, totalUnits(usage)),
  endUs: Math.min(endOf(usage), nowUs + windowUs),
  windowUs,
})

export interface CounterTargetLimit {
  readonly limit: number
  readonly windowUs: number
  /** Undefined for a subject that its keys cannot hold. */
  keyOf(subject: Subject): string | undefined
}

/** Limiters of one integer a subject. */
export function counterTarget(
  limits: ReadonlyMap<string, CounterTargetLimit>,
  primaries: Primaries,
): MigrationTarget {
  return {
    async carry({ policy, subject }, usage, nowUs, writes) {
      const { limit, windowUs, keyOf } = limits.get(policy) as CounterTargetLimit
      const key = keyOf(subject)
      if (key === undefined) return 'unknown'
      const { units, endUs } = asWindow(usage, limit, windowUs, nowUs)
      // A block is a count above the limit that lives as long as it.
      const held =
        usage.blockedUntilUs > nowUs ? { units: limit + 1, endUs: usage.blockedUntilUs } : { units, endUs }
      return (await carryBy(primaries, key, { form: 'counter', windowUs, ...held }, writes)) as Carried
    },
  }
}

/**
 * Limiters of Sluice. A fixed window takes units and end over, a log of its own each unit's time where it is empty yet; the
 * others are debited what they have less than the old limiter, as if it had been used now: never laxer.
 */
export class SluiceTarget implements MigrationTarget {
  readonly #compiled: CompiledPolicies
  readonly #keyOf: KeyBuilder
  readonly #engine: Engine
  readonly #primaries: Primaries

  constructor(compiled: CompiledPolicies, keyOf: KeyBuilder, engine: Engine, primaries: Primaries) {
    this.#compiled = compiled
    this.#keyOf = keyOf
    this.#engine = engine
    this.#primaries = primaries
  }

  async carry({ policy, limitIndex, subject }: Located, usage: Usage, nowUs: number, writes: boolean) {
    const rule = this.#compiled.byName.get(policy)
    const limit = rule?.limits[limitIndex]
    if (rule === undefined || limit === undefined) return 'unknown'
    let identity: string
    try {
      identity = identify(rule, subject)
    } catch (error) {
      if (isSluiceError(error, 'ERR_SLUICE_SUBJECT')) return 'unknown'
      throw error
    }
    const plan = limit.planAt(nowUs)
    const check: Check = { limit, plan, subject: identity, op: Op.peek, n: 1, at: 0 }
    return usage.blockedUntilUs > nowUs
      ? this.#carryBlock(check, usage, nowUs, writes)
      : this.#carryUnits(check, usage, nowUs, writes)
  }

  /** The block comes last: where one stands for as long already, an earlier run has carried all of it. */
  async #carryBlock(check: Check, usage: Usage, nowUs: number, writes: boolean): Promise<Carried> {
    const { blockedUntilUs } = usage
    const look = await this.#look(check)
    if (typeof look === 'string') return look
    if (look.status === Status.blocked && look.nowUs + look.waitUs >= blockedUntilUs) return 'stricter'
    if (endOf(usage) > blockedUntilUs) await this.#carryUnits(check, usage, nowUs, writes)
    if (writes) await this.#engine.decide([{ ...check, op: Op.block, n: blockedUntilUs - nowUs }])
    return 'carried'
  }

  async #carryUnits(check: Check, usage: Usage, nowUs: number, writes: boolean): Promise<Carried> {
    const { limit, plan, subject } = check
    const key = this.#keyOf(limit, subject)
    if (plan.algorithm === 'fixed_window' && plan.clockAnchored === 0) {
      const form = { form: 'window' as const, ...asWindow(usage, plan.limit, plan.windowUs, nowUs) }
      return (await carryBy(this.#primaries, key, form, writes)) as Carried
    }
    if (plan.algorithm === 'sliding_window') {
      const carried = await carryBy(this.#primaries, key, logForm(plan, usage, nowUs), writes)
      if (carried !== 'present') return carried
    }
    return this.#debit(check, totalUnits(usage), writes)
  }

  async #debit(check: Check, used: number, writes: boolean): Promise<Carried> {
    const most = capacity(check.plan)
    const look = await this.#look(check)
    if (typeof look === 'string') return look
    const missing = Math.min(used, most) - (most - look.remaining)
    if (missing <= 0) return 'stricter'
    if (writes) await this.#engine.decide([{ ...check, op: Op.debit, n: missing }])
    return 'carried'
  }

  /** What the new limiter would say now, or why it cannot. */
  async #look(check: Check): Promise<(CheckOutcome & { readonly nowUs: number }) | 'unknown' | 'wrongType'> {
    const { nowUs, checks } = await this.#engine.decide([check])
    const [said] = checks
    if (said?.status === Status.wrongType) return 'wrongType'
    return said === undefined || said.status < 0 ? 'unknown' : { ...said, nowUs }
  }
}

/**
 * A log with every unit at the time that brings it back when the old limiter would have, rounded up to the log's
 * resolution; `lua/README.md` has the form.
 */
function logForm(plan: SlidingWindowPlan, usage: Usage, nowUs: number): Form {
  const { limit, windowUs, resolutionUs } = plan
  const spare = Math.max(0, totalUnits(usage) - limit)
  const pairs: number[] = []
  let total = 0
  let skipped = 0
  for (const { units, atUs } of usage.returns) {
    // Above the limit the soonest do not matter: the others keep the log full for longer.
    const kept = Math.max(0, units - Math.max(0, spare - skipped))
    skipped += units
    if (kept === 0) continue
    const timeUs = Math.min(
      cdiv(Math.max(0, atUs - windowUs), resolutionUs) * resolutionUs,
      cdiv(nowUs, resolutionUs) * resolutionUs,
    )
    total += kept
    if (pairs.at(-2) === timeUs) pairs[pairs.length - 1] = total
    else pairs.push(timeUs, total)
  }
  const endUs = (pairs.at(-2) as number) + windowUs + GRANULE_US
  const numbers = Float64Array.from([0, endUs, ...pairs])
  return { form: 'log', units: total, endUs, windowUs, state: new Uint8Array(numbers.buffer) }
}
