import type { CheckState, Decision } from '../decision.js'
import type { Asked } from '../events.js'

/** What one policy said of one subject in a request. */
export interface Verdict extends Asked {
  /** Undefined: another policy refused the request. */
  readonly allowed: boolean | undefined
  /** Of the limit of the policy that is closest to exhausted: the share in use, 0 to 1, or more in debt. */
  readonly usage: number
}

const usageOf = ({ remaining, capacity }: CheckState): number => 1 - remaining / capacity

/** A request by policy and subject. A policy has as many checks as limits, side by side and in the order of `asked`. */
export function verdictsOf(asked: readonly Asked[], { allowed, checks }: Decision): readonly Verdict[] {
  const limitsOf = (policy: string) =>
    checks.filter(check => check.policy === policy).length /
    asked.filter(item => item.policy === policy).length
  let next = 0
  return asked.map(item => {
    const own = checks.slice(next, next + limitsOf(item.policy))
    next += own.length
    const isToBlame = own.some(check => !check.allowed)
    return {
      ...item,
      allowed: allowed ? true : isToBlame ? false : undefined,
      usage: Math.max(...own.map(usageOf)),
    }
  })
}
