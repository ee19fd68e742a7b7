import { capacity } from '../core/plan.js'
import { OptionError } from '../errors.js'
import type { CompiledPolicies, CompiledPolicy, PolicyLimit } from '../policy.js'
import type { LimitReport } from './report.js'

/** A policy as a replay needs to know it. */
export interface ReplayPolicy {
  readonly name: string
  /** Parts of the request it counts by, at least one. */
  readonly by: readonly string[]
  readonly limits: readonly LimitReport[]
  readonly compiled: CompiledPolicy
}

/**
 * What a replay needs of compiled policies.
 *
 * @param defaultBy the parts for policies that do not say what they count by
 * @throws OptionError when a policy cannot be replayed
 */
export function replayPolicies(policies: CompiledPolicies, defaultBy: readonly string[]): ReplayPolicy[] {
  return [...policies.byName.values()].map(policy => {
    if (policy.limits.some(({ plan }) => plan.algorithm === 'concurrency')) {
      throw new OptionError(
        `policy '${policy.name}': 'concurrency' cannot be replayed, since an access log does not tell when a request ended; ` +
          `leave the policy out`,
      )
    }
    return {
      name: policy.name,
      by: policy.by ?? defaultBy,
      limits: policy.limits.map(limitReport),
      compiled: policy,
    }
  })
}

function limitReport({ plan, config, limit }: PolicyLimit): LimitReport {
  const hasBurst =
    plan.algorithm === 'gcra' || plan.algorithm === 'token_bucket' || plan.algorithm === 'leaky_bucket'
  return {
    algorithm: plan.algorithm,
    limit,
    windowMs: 'windowUs' in config ? config.windowUs / 1000 : null,
    period: config.algorithm === 'quota' ? config.period : null,
    burst: hasBurst ? capacity(plan) : null,
  }
}
