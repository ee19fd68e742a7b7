import { checksOf } from '../decision/checks-of.js'
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

/** A request by policy and subject. */
export function verdictsOf(asked: readonly Asked[], { allowed, checks }: Decision): readonly Verdict[] {
  const checksOfEach = checksOf(asked, checks)
  return asked.map((item, i) => {
    const own = checksOfEach[i] as readonly CheckState[]
    const isToBlame = own.some(check => !check.allowed)
    return {
      ...item,
      allowed: allowed ? true : isToBlame ? false : undefined,
      usage: Math.max(...own.map(usageOf)),
    }
  })
}
