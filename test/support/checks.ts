import type { FixedWindowPlan } from '../../src/core/plan.js'
import { Op } from '../../src/core/step.js'
import type { Check } from '../../src/engine/engine.js'
import type { Limit } from '../../src/policy.js'

const HOUR_US = 3_600_000_000

/** A limit of `units` per hour from the first hit on: its count in Redis is what was admitted. */
export function hourly(units: number, policy = 'hourly'): Limit {
  const plan: FixedWindowPlan = {
    algorithm: 'fixed_window',
    limit: units,
    windowUs: HOUR_US,
    debtLimit: 2 * units,
    clockAnchored: 0,
    offsetUs: 0,
  }
  return { policy, keyName: policy, slot: 0, plan, limit: units, windowMs: HOUR_US / 1000 }
}

/** Takes `n` units of the limit for this subject. */
export const consume = (limit: Limit, subject: string, n = 1): Check => ({
  limit,
  plan: limit.plan,
  subject,
  op: Op.consume,
  n,
  at: 0,
})

/** Asks, without taking. */
export const peek = (limit: Limit, subject: string): Check => ({ ...consume(limit, subject), op: Op.peek })
