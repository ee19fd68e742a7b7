import { ALGORITHMS } from '../core/plan.js'
import { readRate } from '../policy/rate.js'
import { isRecord, type Report } from '../policy/read-limit.js'
import { readPolicies } from '../policy/read-policies.js'
import { at, Refusal } from '../policy/refusal.js'
import type { LimitOptions, PolicyInput, PolicyOptions } from '../policy.js'
import { durationText, isStrategy, readStrategy, type Strategy } from './strategies.js'

/** How a limit may be written: as in `docs/policies.md`, but for `by` and `group`, or by the name of a strategy. */
export type GatewayLimit =
  | string
  | Strategy
  | readonly (string | LimitOptions | Strategy)[]
  | (LimitOptions & Omit<PolicyOptions, 'by' | 'group'>)
  | ({ readonly limits: readonly (string | LimitOptions | Strategy)[] } & Omit<PolicyOptions, 'by' | 'group'>)

/** What may decide limits that are written as rates: those that need to know no more than a rate. */
export const RATE_ALGORITHMS = ALGORITHMS.filter(
  (name): name is RateAlgorithm => name !== 'quota' && name !== 'concurrency',
)
export type RateAlgorithm = Exclude<(typeof ALGORITHMS)[number], 'quota' | 'concurrency'>

/** A limit, read: a policy that a limiter accepts, and how many checks it is. */
export interface ReadLimit {
  readonly policy: PolicyInput
  readonly checks: number
}

/**
 * Reads the limit of one dimension.
 *
 * @param by the parts of a subject that the dimension counts by
 * @param algorithm of limits that are written as rates
 * @returns undefined where a problem was reported
 */
export function readGatewayLimit(
  input: unknown,
  path: string,
  by: readonly string[] | undefined,
  algorithm: RateAlgorithm,
  report: Report,
): ReadLimit | undefined {
  let problems = 0
  const tell: Report = (...problem) => {
    problems++
    report(...problem)
  }
  const policy = policyOf(input, path, algorithm, tell)
  for (const option of ['by', 'group']) {
    if (isRecord(policy) && Object.hasOwn(policy, option)) {
      tell(
        at(path, option),
        policy[option],
        'belongs to the dimension, which knows what it counts by; leave it out',
      )
    }
  }
  if (problems > 0) return undefined
  const { configs, problems: found } = readPolicies({ limit: policy })
  for (const { path: place, value, message } of found) {
    report(place.replace('policies.limit', path), value, message)
  }
  const limits = configs.get('limit')?.limits
  if (limits === undefined) return undefined
  if (limits.some(limit => limit.algorithm === 'concurrency')) {
    report(
      path,
      input,
      "is of 'concurrency', which is held and given back, not counted by requests; use limiter.acquire",
    )
    return undefined
  }
  const written = isRecord(policy) ? policy : { limits: Array.isArray(policy) ? policy : [policy] }
  // The reader of policies has accepted it.
  const accepted = (by === undefined ? written : { ...written, by }) as unknown as PolicyInput
  return { policy: accepted, checks: limits.length }
}

function policyOf(input: unknown, path: string, algorithm: RateAlgorithm, report: Report): unknown {
  const limitsOf = (limits: readonly unknown[], place: string) =>
    limits.map((limit, index) => limitOf(limit, at(place, index), algorithm, report))
  if (Array.isArray(input)) return limitsOf(input, path)
  if (isRecord(input) && Array.isArray(input.limits)) {
    return { ...input, limits: limitsOf(input.limits, at(path, 'limits')) }
  }
  return limitOf(input, path, algorithm, report)
}

/** A strategy as the limit it means, a rate as one of the algorithm; all else as it is, for the reader of policies. */
function limitOf(input: unknown, path: string, algorithm: RateAlgorithm, report: Report): unknown {
  if (isStrategy(input)) return readStrategy(input, path, report)
  if (typeof input !== 'string' || algorithm === 'gcra') return input
  const rate = readRate(input)
  return rate instanceof Refusal
    ? input
    : { algorithm, limit: rate.limit, window: durationText(rate.windowUs) }
}
