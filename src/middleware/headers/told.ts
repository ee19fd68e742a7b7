import type { CheckState, DecisionData } from '../../decision.js'

/** What clients are told of a decision, whatever carries it: header fields of HTTP, data of JSON-RPC. A Decision is one. */
export type Told = Pick<
  DecisionData,
  'allowed' | 'reason' | 'policy' | 'limit' | 'remaining' | 'retryAfterMs' | 'resetAfterMs' | 'checks'
>

/** Waits are rounded up, so that nobody comes back too early. */
export const toSeconds = (ms: number): number => Math.ceil(ms / 1000)

/**
 * s for which `remaining` is what there is: refused, until this request can pass; allowed, until everything is back. So a
 * `Retry-After` beside it never names an earlier time, as the drafts have it.
 */
export const effectiveWindowSeconds = ({ allowed, retryAfterMs, resetAfterMs }: Told): number =>
  toSeconds(allowed ? resetAfterMs : retryAfterMs)

/** One limit of a request under the name that clients see. */
export interface NamedCheck {
  /** The policy's name; `<name>~1`, `<name>~2`, … for the second and later limits of a policy, as in keys. */
  readonly name: string
  readonly check: CheckState
}

/** Every limit of a request, in the order they were checked. */
export function namedChecks(checks: readonly CheckState[]): readonly NamedCheck[] {
  const [only] = checks
  if (only !== undefined && checks.length === 1) return [{ name: only.policy, check: only }]
  const limits = new Map<string, number>()
  return checks.map(check => {
    const index = limits.get(check.policy) ?? 0
    limits.set(check.policy, index + 1)
    return { name: index === 0 ? check.policy : `${check.policy}~${index}`, check }
  })
}

/** The one whose numbers a decision shows. */
export function shownCheck(told: Told, named: readonly NamedCheck[]): NamedCheck | undefined {
  const { policy, limit, remaining, retryAfterMs, resetAfterMs } = told
  return named.find(
    ({ check }) =>
      check.policy === policy &&
      check.limit === limit &&
      check.remaining === remaining &&
      check.retryAfterMs === retryAfterMs &&
      check.resetAfterMs === resetAfterMs,
  )
}
