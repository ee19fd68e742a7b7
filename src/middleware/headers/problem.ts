import { namedChecks, type Told } from './told.js'

/** A problem document (RFC 9457), for `application/problem+json`. */
export interface ProblemDocument {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail?: string
  /** Names of the policies that refused, as draft-ietf-httpapi-ratelimit-headers-11 has it. */
  readonly 'violated-policies'?: readonly string[]
}

export const PROBLEM_TYPE = 'application/problem+json'

const REGISTRY = 'https://iana.org/assignments/http-problem-types#'

/** The kinds of refusal, by the problem types of draft-ietf-httpapi-ratelimit-headers-11; `forbidden` is none of them. */
const PROBLEMS = {
  'quota-exceeded': {
    type: `${REGISTRY}quota-exceeded`,
    title: 'Request cannot be satisfied as assigned quota has been exceeded',
    status: 429,
  },
  'temporary-reduced-capacity': {
    type: `${REGISTRY}temporary-reduced-capacity`,
    title: 'Request cannot be satisfied due to temporary server capacity constraints',
    status: 503,
  },
  'abnormal-usage-detected': {
    type: `${REGISTRY}abnormal-usage-detected`,
    title: 'Request not satisfied due to detection of abnormal request pattern',
    status: 429,
  },
  forbidden: { type: 'about:blank', title: 'Forbidden', status: 403 },
} as const

export type ProblemKind = keyof typeof PROBLEMS

/** An outage is never shown as a refusal by a limit, and a block not as a limit that comes back. */
export function problemKind({ reason }: Pick<Told, 'reason'>): ProblemKind {
  if (reason === 'store-unavailable') return 'temporary-reduced-capacity'
  return reason === 'blocked' ? 'abnormal-usage-detected' : 'quota-exceeded'
}

/** @param violated names of the policies that refused; empty where no policy did */
export function problemDocument(
  kind: ProblemKind,
  violated: readonly string[],
  detail?: string,
): ProblemDocument {
  return {
    ...PROBLEMS[kind],
    ...(detail !== undefined && { detail }),
    ...(violated.length > 0 && { 'violated-policies': violated }),
  }
}

/** What refused, under the names of the header fields. */
export const violatedPolicies = ({ checks }: Told): readonly string[] =>
  namedChecks(checks)
    .filter(({ check }) => !check.allowed)
    .map(({ name }) => name)
