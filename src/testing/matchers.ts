import type { Decision } from '../decision.js'

/** What the matchers add to `expect(decision)`. */
export interface DecisionMatchers<R = void> {
  /** The Decision is an admission. */
  toBeAllowed(): R
  /** The Decision is a refusal whose `retryAfterMs` is exactly this. */
  toBeDeniedFor(retryAfterMs: number): R
}

interface MatcherResult {
  readonly pass: boolean
  readonly message: () => string
}

const isDecision = (value: unknown): value is Decision =>
  typeof value === 'object' && value !== null && 'allowed' in value && 'retryAfterMs' in value

const told = (value: unknown): string => {
  if (!isDecision(value)) return `it is no decision; was the call awaited?`
  const { allowed, reason, policy, remaining, limit, retryAfterMs } = value
  return allowed
    ? `'${policy}' allowed it, ${remaining} of ${limit} left`
    : `'${policy}' refused it (${reason}) for ${retryAfterMs} ms`
}

/** For `expect.extend(matchers)` of vitest and jest. */
export const matchers = {
  toBeAllowed(received: unknown): MatcherResult {
    const pass = isDecision(received) && received.allowed
    return { pass, message: () => `expected ${pass ? 'a refusal' : 'an admission'}, but ${told(received)}` }
  },

  toBeDeniedFor(received: unknown, retryAfterMs: number): MatcherResult {
    const pass = isDecision(received) && !received.allowed && received.retryAfterMs === retryAfterMs
    const wanted = `a refusal for ${pass ? 'other than ' : ''}${retryAfterMs} ms`
    return { pass, message: () => `expected ${wanted}, but ${told(received)}` }
  },
}
