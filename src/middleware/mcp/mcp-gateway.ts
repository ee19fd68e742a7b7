import type { Decision } from '../../decision.js'
import type { GatewayLimits, GatewayRequest } from '../../inbound/index.js'
import type { DurationText } from '../../policy.js'
import { type McpExtra, type McpRequest, namedBy } from './mcp-call.js'
import type { McpRefusalData } from './mcp-refusal.js'

type Identify = (extra: McpExtra, request: McpRequest) => GatewayRequest | Promise<GatewayRequest>

/** What is limited, as the limits of a gateway know it. */
export class McpGateway {
  readonly limits: GatewayLimits
  readonly #identify: Identify | undefined

  constructor(limits: GatewayLimits, identify: Identify | undefined) {
    this.limits = limits
    this.#identify = identify
  }

  /** Undefined where nothing limits the request. @throws what `identify` throws: nobody passes by it */
  async decide(
    request: McpRequest,
    extra: McpExtra,
    cost: number,
    maxWait: DurationText | undefined,
  ): Promise<GatewayDecision | undefined> {
    const { signal } = extra
    const options = { ...(cost !== 1 && { cost }), ...(signal !== undefined && { signal }) }
    const about = { ...aboutOf(request, extra), ...(await this.#identify?.(extra, request)) }
    const verdict =
      maxWait === undefined
        ? await this.limits.check(about, options)
        : await this.limits.wait(about, { ...options, maxWait })
    const { decision, dimensions } = verdict
    if (decision === undefined) return undefined
    if (decision.allowed) return { decision, place: {} }
    const dimension = dimensions.find(({ policy }) => policy === decision.policy)?.dimension
    return { decision, place: placeOf(dimension, request) }
  }
}

export interface GatewayDecision {
  readonly decision: Decision
  /** What of it a client is told: never who was counted. */
  readonly place: Pick<McpRefusalData, 'scope' | 'key'>
}

/** What the SDK tells by itself. */
function aboutOf(request: McpRequest, { authInfo, sessionId }: McpExtra): GatewayRequest {
  const named = namedBy(request)
  return {
    user: authInfo?.clientId?.toWellFormed(),
    session: sessionId?.toWellFormed(),
    method: request.method.toWellFormed(),
    ...(named?.family === 'tools' && { tool: named.name }),
    ...(named?.family === 'prompts' && { prompt: named.name }),
    ...(named?.family === 'resources' && { url: named.name }),
  }
}

/** `by_user_per_server` as `user_per_server`. The tool and the method are the client's own words; nothing else is told. */
function placeOf(dimension: string | undefined, request: McpRequest): GatewayDecision['place'] {
  if (dimension === undefined) return {}
  const scope = dimension.replace(/^by_/, '')
  const key = scope === 'tool' ? namedBy(request)?.name : scope === 'method' ? request.method : undefined
  return { scope, ...(key !== undefined && { key }) }
}
