import { Status } from '../../core/step.js'
import { fdiv } from '../../core/time.js'
import type { GatewayAlgorithm } from './config.js'
import type { GatewayDimension, GatewaySubject } from './dimensions.js'

/** What the script says of one dimension: `lua/compat/mcp_gateway.lua`. */
export type DimensionReply = readonly [status: number, a: number, b: number, waitUs: number, resetUs: number]

/** One dimension in an answer, with the gateway's own words and units. */
export interface GatewayDimensionAnswer {
  readonly limited: true
  readonly remaining: number
  /** s */
  readonly reset_in: number
}

/** What the gateway's limiter says of a call. */
export interface GatewayAnswer {
  readonly allowed: boolean
  /** `X-RateLimit-Limit`, `-Remaining` and `-Reset` (Unix seconds); refused, `Retry-After` (s) too. None without limits. */
  readonly headers: Readonly<Record<string, string>>
  /** As the gateway has it: `details` of a refusal, and what it makes its metadata of. */
  readonly meta:
    | { readonly limited: false }
    | {
        readonly limited: true
        readonly remaining: number
        readonly reset_in: number
        /** Refused calls only. */
        readonly user_id?: string
        readonly tenant_id?: string
        readonly dimensions: {
          readonly violated?: readonly GatewayDimensionAnswer[]
          readonly allowed?: readonly GatewayDimensionAnswer[]
        }
      }
}

/** One dimension, judged as the gateway's client judges it. Seconds. */
interface Judged {
  readonly limit: number
  readonly isAllowed: boolean
  readonly remaining: number
  readonly resetAtS: number
  readonly retryAfterS: number
}

function judge(
  algorithm: GatewayAlgorithm,
  { limit, windowS }: GatewayDimension,
  [status, a, b]: DimensionReply,
  nowS: number,
): Judged {
  const isAllowed = status === Status.allowed
  const retryAfterS = Math.max(algorithm === 'sliding_window' ? b + windowS - nowS : b, 1)
  if (algorithm === 'token_bucket') {
    const isFull = a >= limit
    const fillS = isFull ? 0 : Math.max(1, Math.ceil((limit - a) / (limit / windowS)))
    return isAllowed
      ? { limit, isAllowed, remaining: a, resetAtS: nowS + fillS, retryAfterS }
      : { limit, isAllowed, remaining: 0, resetAtS: nowS + retryAfterS, retryAfterS }
  }
  const remaining = isAllowed ? limit - a : 0
  const resetAtS = algorithm === 'fixed_window' ? nowS + b : b + windowS
  return { limit, isAllowed, remaining, resetAtS, retryAfterS }
}

/** The refused dimension that passes soonest; where all pass, the one with the least left. The first of equals. */
function mostRestrictive(judged: readonly Judged[]): Judged | undefined {
  const refused = judged.filter(({ isAllowed }) => !isAllowed)
  return refused.length > 0
    ? refused.reduce((a, b) => (b.retryAfterS < a.retryAfterS ? b : a))
    : judged.reduce<Judged | undefined>(
        (a, b) => (a === undefined || b.remaining < a.remaining ? b : a),
        undefined,
      )
}

/** The answer that the gateway's own limiter would give to these replies. */
export function batchAnswer(
  algorithm: GatewayAlgorithm,
  subject: GatewaySubject,
  dimensions: readonly GatewayDimension[],
  replies: readonly DimensionReply[],
  nowUs: number,
): GatewayAnswer {
  const nowS = fdiv(nowUs, 1_000_000)
  const judged = dimensions.map((dimension, i) =>
    judge(algorithm, dimension, replies[i] as DimensionReply, nowS),
  )
  const shown = mostRestrictive(judged)
  if (shown === undefined) return { allowed: true, headers: {}, meta: { limited: false } }
  const told = ({ isAllowed, remaining, resetAtS, retryAfterS }: Judged) => ({
    limited: true as const,
    remaining,
    reset_in: isAllowed ? resetAtS - nowS : retryAfterS,
  })
  const violated = judged.filter(({ isAllowed }) => !isAllowed).map(told)
  const allowed = judged.filter(({ isAllowed }) => isAllowed).map(told)
  const { user, tenant } = subject
  return {
    allowed: shown.isAllowed,
    headers: {
      'X-RateLimit-Limit': String(shown.limit),
      'X-RateLimit-Remaining': String(shown.remaining),
      'X-RateLimit-Reset': String(shown.resetAtS),
      ...(!shown.isAllowed && { 'Retry-After': String(shown.retryAfterS) }),
    },
    meta: {
      ...told(shown),
      ...(!shown.isAllowed && { user_id: user, ...(tenant !== undefined && { tenant_id: tenant }) }),
      dimensions: {
        ...(violated.length > 0 && { violated }),
        ...(allowed.length > 0 && { allowed }),
      },
    },
  }
}
