import type { Algorithm, LimitOptions, PoliciesInput } from 'sluice'
import { ALGORITHMS } from '../../src/core/plan.js'
import type { Traffic } from './arrivals.js'

/** What one run sends. Every algorithm has its own policy, named after it, and the same traffic at the same time. */
export interface Scenario {
  readonly name: string
  readonly durationMs: number
  readonly policies: PoliciesInput
  readonly traffic: readonly Traffic[]
}

/** Users who each ask twice as often as their limit lets pass. */
interface Shape {
  readonly name: string
  readonly durationS: number
  readonly users: number
  /** Units per window. */
  readonly limit: number
  readonly windowS: number
  /** Units of concurrency held at once by a user. */
  readonly held: number
}

/** One user at twice the limit for a minute; 100 users at twice theirs for five. */
export const FULL: readonly Scenario[] = [
  scenarioOf({ name: 'one user', durationS: 60, users: 1, limit: 100, windowS: 10, held: 4 }, ALGORITHMS),
  scenarioOf({ name: '100 users', durationS: 300, users: 100, limit: 5, windowS: 20, held: 1 }, ALGORITHMS),
]

/** The same in seconds, for every run of the tests. */
export const SHORT: readonly Scenario[] = [
  scenarioOf({ name: 'one user', durationS: 4, users: 1, limit: 20, windowS: 2, held: 4 }, shortly()),
  scenarioOf({ name: '20 users', durationS: 4, users: 20, limit: 2, windowS: 2, held: 1 }, shortly()),
]

/** One that counts in windows, one that goes by rate, and one that holds. */
function shortly(): readonly Algorithm[] {
  return ['gcra', 'sliding_window', 'concurrency']
}

function scenarioOf(shape: Shape, algorithms: readonly Algorithm[]): Scenario {
  const { name, durationS, users } = shape
  return {
    name,
    durationMs: durationS * 1000,
    policies: Object.fromEntries(algorithms.map(algorithm => [algorithm, policyOf(algorithm, shape)])),
    traffic: algorithms.map(policy => ({ policy, users, ...askedBy(policy, shape) })),
  }
}

function policyOf(algorithm: Algorithm, { durationS, limit, windowS, held }: Shape): LimitOptions {
  switch (algorithm) {
    case 'concurrency':
      return { algorithm, limit: held, lease: '30s' }
    case 'quota':
      return { algorithm, limit: (limit * durationS) / windowS, period: 'day' }
    default:
      return { algorithm, limit, window: `${windowS}s` }
  }
}

/** Twice what passes. For concurrency: so many come that twice as many would be held as may be. */
function askedBy(
  algorithm: Algorithm,
  { limit, windowS, held }: Shape,
): Pick<Traffic, 'perUserPerSecond' | 'holdMs'> {
  const perUserPerSecond = (2 * limit) / windowS
  if (algorithm !== 'concurrency') return { perUserPerSecond }
  return { perUserPerSecond, holdMs: Math.round((1000 * 2 * held) / perUserPerSecond) }
}
