import { type Op, Op as Ops } from '../../../src/core/step.js'
import type { Clock } from '../../../src/core/time.js'
import type { Check } from '../../../src/engine/engine.js'
import { compilePlan, type Limit, type LimitConfig } from '../../../src/policy.js'

export const NOW_US = 1_700_000_000_000_000
export const MS_US = 1_000
export const SECOND_US = 1_000_000
export const MINUTE_US = 60 * SECOND_US
export const DAY_US = 86_400 * SECOND_US
export const YEAR_US = 365 * DAY_US

/** A clock that stands still until it is moved. */
export class StandingClock implements Clock {
  us = NOW_US

  nowUs(): number {
    return this.us
  }
}

let slots = 0

/** A limit as a limiter would compile it: alone in its policy. */
export function limitOf(policy: string, config: LimitConfig, slot = slots++): Limit {
  const plan = compilePlan(config, { nowUs: NOW_US })
  const windowMs = 'windowUs' in config ? config.windowUs / MS_US : 0
  return { policy, keyName: policy, slot, plan, limit: config.limit, windowMs }
}

interface CheckOptions {
  readonly op?: Op
  readonly n?: number
  readonly at?: number
  readonly leaseId?: string
}

/** A check; consumes 1 unless told otherwise. */
export const checkOf = (limit: Limit, subject: string, options: CheckOptions = {}): Check => ({
  limit,
  plan: limit.plan,
  subject,
  op: Ops.consume,
  n: 1,
  at: 0,
  ...options,
})

/** So large and long that no test meets its end. */
export const perYear = limitOf('per-year', { algorithm: 'fixed_window', limit: 1_000_000, windowUs: YEAR_US })
