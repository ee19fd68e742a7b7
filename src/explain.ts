import type { Decision } from './decision.js'
import {
  ForeignValueError,
  type SluiceError,
  StalePlanError,
  SubjectError,
  WrongTypeError,
} from './errors.js'
import { identify, type Subject, type SubjectRule } from './subject.js'

/** What `explain` tells of one policy. `text` says it to a person. */
export type Explanation =
  | {
      readonly policy: string
      /** Whether a check of cost 1 would pass now. */
      readonly state: 'allowed' | 'refused'
      readonly text: string
      /** What `peek` answers: every limit of the policy is in its `checks`. */
      readonly decision: Decision
    }
  | {
      readonly policy: string
      /** The policy counts by parts that this subject does not have, or its key holds something that is no state. */
      readonly state: 'not-applicable' | 'failed'
      readonly text: string
      readonly error: SluiceError
    }

/** Explains one policy by a peek at it. A store that cannot be asked is no explanation: that error goes on. */
export async function explainPolicy(
  rule: SubjectRule,
  subject: Subject,
  peek: () => Promise<Decision>,
): Promise<Explanation> {
  const policy = rule.name
  try {
    identify(rule, subject)
  } catch (error) {
    if (error instanceof SubjectError) return { policy, state: 'not-applicable', text: error.message, error }
    throw error
  }
  try {
    const decision = await peek()
    return { policy, state: decision.allowed ? 'allowed' : 'refused', text: describe(decision), decision }
  } catch (error) {
    const isOfKey =
      error instanceof WrongTypeError || error instanceof ForeignValueError || error instanceof StalePlanError
    if (isOfKey) return { policy, state: 'failed', text: error.message, error }
    throw error
  }
}

function describe(decision: Decision): string {
  const { policy, reason, retryAfterMs, limit, remaining, checks } = decision
  if (reason === 'ok') return `policy '${policy}' has ${remaining} of ${limit} left`
  if (reason === 'blocked')
    return `policy '${policy}' is blocked for this subject for another ${retryAfterMs} ms`
  if (reason === 'store-unavailable')
    return `policy '${policy}' is closed while the store cannot be asked; ask again in ${retryAfterMs} ms`
  const full = checks.filter(check => !check.allowed)
  const limits = full.map(({ limit: units, windowMs, algorithm }) =>
    algorithm === 'concurrency' ? `${units} at once` : `${units} per ${windowMs} ms`,
  )
  return `policy '${policy}' refuses one unit for another ${retryAfterMs} ms: ${limits.join(' and ')} is used up`
}
