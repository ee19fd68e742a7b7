import type { Decision } from '../../decision.js'
import {
  PROBLEM_TYPE,
  type ProblemKind,
  problemDocument,
  problemKind,
  violatedPolicies,
} from '../headers/problem.js'
import type { RequestConfig } from '../options/read-options.js'
import type { PerRequest } from '../options/request-options.js'
import type { Refused } from './refused.js'

interface Ground {
  readonly kind: ProblemKind
  /** Names of the policies that refused. */
  readonly violated: readonly string[]
  readonly detail?: string
  readonly retryAfterMs: number | undefined
  readonly decision: Decision | undefined
}

/** What a decision refuses by. */
export const decidedGround = (decision: Decision): Ground => ({
  kind: problemKind(decision),
  violated: violatedPolicies(decision),
  retryAfterMs: decision.retryAfterMs,
  decision,
})

/** What is refused without a decision, and for ever: no waiting helps. */
export const lastingGround = (kind: ProblemKind, violated: readonly string[], detail?: string): Ground => ({
  kind,
  violated,
  ...(detail !== undefined && { detail }),
  retryAfterMs: undefined,
  decision: undefined,
})

/** How a refusal is answered. `statusCode` and `message` are for limits: an outage is none, and neither is `denyList`. */
export async function refuse<A extends readonly unknown[]>(
  { kind, violated, detail, retryAfterMs, decision }: Ground,
  {
    statusCode,
    message,
    signalsClient,
  }: Pick<RequestConfig<A, never, unknown>, 'statusCode' | 'message' | 'signalsClient'>,
  args: A,
): Promise<Refused> {
  const byLimit = kind === 'quota-exceeded' || kind === 'abnormal-usage-detected'
  const standard = signalsClient ? problemDocument(kind, violated, detail) : problemDocument(kind, [])
  const problem = byLimit && statusCode !== undefined ? { ...standard, status: statusCode } : standard
  const own = byLimit && message !== undefined ? await messageOf(message, args) : undefined
  return { statusCode: problem.status, ...bodyOf(own, problem), retryAfterMs, problem, decision }
}

const messageOf = <A extends readonly unknown[]>(value: PerRequest<unknown, A>, args: A): unknown =>
  typeof value === 'function' ? value(...args) : value

function bodyOf(own: unknown, problem: object): Pick<Refused, 'body' | 'contentType'> {
  if (own === undefined) return { body: JSON.stringify(problem), contentType: PROBLEM_TYPE }
  // Text is never markup here: a name in it must not become any.
  if (typeof own === 'string') return { body: own, contentType: 'text/plain; charset=utf-8' }
  // Of what JSON has no form for, such as a function, nothing is left: then it is as if there was no message.
  const body: string | undefined = JSON.stringify(own)
  if (body === undefined) return bodyOf(undefined, problem)
  return { body, contentType: 'application/json; charset=utf-8' }
}
