/** `sluice/mcp`: limits for servers of the Model Context Protocol, by its official SDK (`docs/mcp.md`). */
import type { Limiter } from '../limiter/types.js'
import type { PoliciesInput } from '../policy.js'
import type { McpExtra, McpRequest } from './mcp/mcp-call.js'
import { type Guard, McpGuards } from './mcp/mcp-guards.js'
import { McpLimit } from './mcp/mcp-limit.js'
import { assertMcpOptions, type McpEnded, type McpLimitOptions, type McpRate } from './mcp/mcp-options.js'
import type { McpRefusal } from './mcp/mcp-refusal.js'
import type { McpSettlement } from './mcp/mcp-settlement.js'
import type { ShadowCounts } from './request/shadow.js'

export { RATE_LIMITED_CODE, UNAVAILABLE_CODE } from '../decision/refusal-code.js'
export { headersOf, type McpExtra, type McpRequest } from './mcp/mcp-call.js'
export type { McpEnded, McpLimitOptions, McpLimits, McpRate } from './mcp/mcp-options.js'
export type { McpRefusalData } from './mcp/mcp-refusal.js'

/** What `limitMcp` takes: `McpServer` of the SDK, or the `Server` beneath it. */
export interface LimitedServer {
  close(): Promise<void>
}

/** What `limitMcp` answers. */
export interface LimitedMcp extends AsyncDisposable {
  /** Who decides: yours, or the one that was made. */
  readonly limiter: Limiter
  /** What limits with `shadow` would have done. */
  readonly shadow: ShadowCounts
  /** Closes the limiter if it was made here; yours stays open. */
  close(): Promise<void>
}

/** Is it a rate, and not options? */
const isRate = (given: unknown): given is McpRate => typeof given === 'string' || Array.isArray(given)

/**
 * Limits the requests of a server: `limitMcp(server, { tools: { search: '10/m', 'db_*': '2/s' } })`. Before or after its tools are
 * registered, and before or after it is connected. A refused request does not reach its handler. `limitMcp(server, '60/m')` is that of
 * each tool, `{ tools: { '*': '60/m' } }`.
 *
 * @throws OptionError, PolicyError
 */
export function limitMcp<P extends PoliciesInput>(
  server: LimitedServer,
  given: McpRate | McpLimitOptions<P>,
): LimitedMcp {
  // From here on a policy is one of any names: that they are the limiter's was the compiler's affair.
  const options = (isRate(given) ? { tools: { '*': given } } : given) as unknown as McpLimitOptions
  assertMcpOptions(options)
  const guards = McpGuards.of(server)
  const limit = new McpLimit(options)
  const asToolResult = options.refusal === 'tool-result'

  const handle: Guard['handle'] = async (request, extra, next) => {
    const { refusal, heldBack, settlement } = await limit.decide(request, extra)
    if (refusal !== undefined) return answer(refusal, asToolResult && expectsToolResult(request))
    const answering = next()
    const result = settlement === undefined ? answering : settled(settlement, answering, request, extra)
    return heldBack === undefined ? result : withMeta(await result, heldBack)
  }
  guards.add({ countsBy: limit.countsBy, watches: options.shadow === true, handle })

  return {
    limiter: limit.limiter,
    get shadow() {
      return limit.shadow
    },
    close: async () => {
      if (limit.ownsLimiter) await limit.limiter.close()
    },
    async [Symbol.asyncDispose]() {
      await this.close()
    },
  }
}

/** A call that is to become a task is answered by that task, or by an error. */
const expectsToolResult = ({ method, params }: McpRequest): boolean =>
  method === 'tools/call' && params?.task === undefined

function answer(refusal: McpRefusal, asToolResult: boolean): unknown {
  if (asToolResult) return refusal.toToolResult()
  throw refusal
}

/** The answer as it is, once it has told whether the request counts. */
async function settled(
  settlement: McpSettlement,
  answering: Promise<unknown>,
  request: McpRequest,
  extra: McpExtra,
): Promise<unknown> {
  try {
    const result = (await answering) as McpEnded['result']
    await settlement.settle({ result }, request, extra)
    return result
  } catch (error) {
    await settlement.settle({ error }, request, extra)
    throw error
  }
}

/** A result of MCP is an object, and has a place for what is beside the matter. */
const withMeta = (result: unknown, told: object): unknown =>
  typeof result === 'object' && result !== null
    ? { ...result, _meta: { ...Reflect.get(result, '_meta'), 'sluice/backpressure': told } }
    : result
