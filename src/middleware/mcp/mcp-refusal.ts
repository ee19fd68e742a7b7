import { RATE_LIMITED_CODE, REFUSAL_META, UNAVAILABLE_CODE } from '../../decision/refusal-code.js'
import type { CheckState, Decision } from '../../decision.js'
import type { ImpossibleCostError } from '../../errors.js'
import { writeBackpressure } from '../headers/backpressure.js'
import { toSeconds } from '../headers/told.js'
import type { Family } from './mcp-call.js'
import type { McpCheck } from './mcp-rules.js'

/** What a client is told of a refusal: `error.data`, or `_meta['sluice/refusal']` of a tool's result. */
export interface McpRefusalData {
  readonly reason: Decision['reason'] | 'cost-impossible'
  /** ms until this very request passes if nobody else asks, rounded up. `null`: never. */
  readonly retryAfterMs: number | null
  /** `tool`, `prompt`, `resource`, `method`; of a gateway the dimension, such as `user` or `tenant`. */
  readonly scope?: string
  /** The tool, prompt, resource or method; of a gateway nothing that tells who was counted. */
  readonly key?: string
  /** Units per window. */
  readonly limit?: number
  readonly windowMs?: number
  readonly remaining?: number
  /** When everything is back, as an ISO time. */
  readonly resetAt?: string
  /** The field of `backpressureHeader`. */
  readonly headers?: Readonly<Record<string, string>>
}

/** How clients are told. */
export interface McpSignal {
  readonly signalsClient: boolean
  readonly backpressureHeader: string | undefined
}

/** Thrown by a request handler: the SDK answers with these very members. */
export class McpRefusal extends Error {
  readonly code: number
  readonly data: McpRefusalData | undefined

  constructor(code: number, message: string, data: McpRefusalData | undefined) {
    super(message)
    this.name = 'McpRefusal'
    this.code = code
    this.data = data
  }

  /** As the result of a tool, which a model reads. */
  toToolResult(): object {
    return {
      isError: true,
      content: [{ type: 'text', text: this.message }],
      // That it is a refusal is told in any case: to a breaker it is no failure of the tool.
      _meta: { [REFUSAL_META]: { code: this.code, ...this.data } },
    }
  }
}

const SCOPES = {
  tools: 'tool',
  prompts: 'prompt',
  resources: 'resource',
  methods: 'method',
} as const satisfies Record<Family, string>

/** What a check is told by: its kind and name. */
export const placeOf = (check: McpCheck | undefined): Pick<McpRefusalData, 'scope' | 'key'> =>
  check === undefined ? {} : { scope: SCOPES[check.family], key: check.name }

/** The field of `backpressureHeader`, where there is one. */
export function headerFields(
  decision: Decision,
  name: string | undefined,
  nowMs: number,
): Pick<McpRefusalData, 'headers'> {
  if (name === undefined) return {}
  const headers: Record<string, string> = {}
  writeBackpressure(name, decision, nowMs, (field, value) => {
    headers[field] = value
  })
  return { headers }
}

/** The check that refused and has to wait longest: the one that the decision shows. */
function refusing(decision: Decision): CheckState | undefined {
  const { policy, retryAfterMs } = decision
  const refused = decision.checks.filter(check => !check.allowed && check.policy === policy)
  return refused.find(check => check.retryAfterMs === retryAfterMs) ?? refused[0]
}

export function refusalOf(
  decision: Decision,
  place: Pick<McpRefusalData, 'scope' | 'key'>,
  nowMs: number,
  { signalsClient, backpressureHeader }: McpSignal,
): McpRefusal {
  const { reason, retryAfterMs } = decision
  const fields = headerFields(decision, backpressureHeader, nowMs)
  const seconds = toSeconds(retryAfterMs)
  if (reason === 'store-unavailable') {
    const message = 'Temporarily unavailable: requests cannot be counted at the moment.'
    const data = signalsClient ? { reason, retryAfterMs, ...fields } : undefined
    return new McpRefusal(UNAVAILABLE_CODE, message, data)
  }
  if (!signalsClient) return new McpRefusal(RATE_LIMITED_CODE, 'Rate limit exceeded.', undefined)
  const check = refusing(decision)
  const message = `Rate limit exceeded. Try again in ${seconds} ${seconds === 1 ? 'second' : 'seconds'}.`
  return new McpRefusal(RATE_LIMITED_CODE, message, {
    reason,
    retryAfterMs,
    ...place,
    limit: decision.limit,
    ...(check !== undefined && { windowMs: check.windowMs }),
    remaining: decision.remaining,
    resetAt: new Date(nowMs + decision.resetAfterMs).toISOString(),
    ...fields,
  })
}

/** No waiting helps: the request asks for more than ever passes at once. */
export function impossible(error: ImpossibleCostError, { signalsClient }: McpSignal): McpRefusal {
  const message = `The request costs ${error.cost}, and at most ${error.capacity} can pass at once.`
  const data = { reason: 'cost-impossible', retryAfterMs: null } as const
  return new McpRefusal(RATE_LIMITED_CODE, message, signalsClient ? data : undefined)
}

/** The limits themselves failed. Why is for the operator: the message may name whom it was about. */
export const unavailable = (): McpRefusal =>
  new McpRefusal(UNAVAILABLE_CODE, 'Temporarily unavailable: the request could not be counted.', undefined)
