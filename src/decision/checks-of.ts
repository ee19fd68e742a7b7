import type { CheckState } from './check-state.js'

/**
 * The checks of each policy and subject that was asked about: a policy has as many as limits, side by side and in the order
 * they were asked.
 */
export function checksOf<A extends { readonly policy: string }>(
  asked: readonly A[],
  checks: readonly CheckState[],
): readonly (readonly CheckState[])[] {
  const limitsOf = (policy: string) =>
    checks.filter(check => check.policy === policy).length /
    asked.filter(item => item.policy === policy).length
  let next = 0
  return asked.map(({ policy }) => {
    const own = checks.slice(next, next + limitsOf(policy))
    next += own.length
    return own
  })
}
