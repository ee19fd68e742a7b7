import type { Algorithm } from '../../src/core/plan.js'
import type { PoliciesInput } from '../../src/policy.js'
import { type DrawnLimit, drawnLimit } from './limits.js'

const SECOND_US = 1_000_000

/** Small enough that a fleet meets them many times in a second. */
const LIMIT = 40
const BURST = 15
/** For the day: used up soon, and then nothing passes any more. */
const QUOTA = 300
const HOLDERS = 8
/** Never used up: what is left after each admission tells whether any was forgotten or counted twice. */
const PLENTY = 1_000_000

/** What 0.9.0 had by default. Later releases have another default, so a fleet that comes from there names it. */
export const FLEET_SHARDS = 128

/** What every replica of a fleet is set up with. */
export const FLEET_POLICIES = {
  gcra: { algorithm: 'gcra', limit: LIMIT, window: '1s', burst: BURST },
  token_bucket: { algorithm: 'token_bucket', limit: LIMIT, window: '1s', burst: BURST },
  leaky_bucket: { algorithm: 'leaky_bucket', mode: 'police', limit: LIMIT, window: '1s', burst: BURST },
  fixed_window: { algorithm: 'fixed_window', limit: LIMIT, window: '1s' },
  sliding_window: { algorithm: 'sliding_window', limit: LIMIT, window: '1s' },
  sliding_counter: { algorithm: 'sliding_counter', limit: LIMIT, window: '1s' },
  quota: { algorithm: 'quota', limit: QUOTA, period: 'day' },
  concurrency: { algorithm: 'concurrency', limit: HOLDERS, lease: '1s' },
  ledger: { algorithm: 'fixed_window', limit: PLENTY, window: '30d' },
} satisfies PoliciesInput

export type FleetPolicy = keyof typeof FLEET_POLICIES

export const FLEET_POLICY_NAMES = Object.keys(FLEET_POLICIES) as FleetPolicy[]
export const LEDGER = 'ledger' satisfies FleetPolicy
export const LEDGER_LIMIT = PLENTY

const perSecond = (algorithm: Algorithm, limit: number, burst?: number): DrawnLimit =>
  drawnLimit(algorithm, { limit, windowUs: SECOND_US, ...(burst !== undefined && { burst }), clock: false })

/** The same limits, as the history checker takes them. */
export const FLEET_LIMITS: Readonly<Record<FleetPolicy, DrawnLimit>> = {
  gcra: perSecond('gcra', LIMIT, BURST),
  token_bucket: perSecond('token_bucket', LIMIT, BURST),
  leaky_bucket: perSecond('leaky_bucket', LIMIT, BURST),
  fixed_window: perSecond('fixed_window', LIMIT),
  sliding_window: perSecond('sliding_window', LIMIT),
  sliding_counter: perSecond('sliding_counter', LIMIT),
  quota: drawnLimit('quota', { limit: QUOTA, windowUs: 86_400 * SECOND_US, clock: false }),
  concurrency: perSecond('concurrency', HOLDERS),
  ledger: drawnLimit('fixed_window', { limit: PLENTY, windowUs: 30 * 86_400 * SECOND_US, clock: false }),
}
