import { z } from 'zod'
import type { DecisionData } from '../../decision.js'
import { OptionError } from '../../errors.js'
import type { GatewayLimits, GatewayRequest, Strategy } from '../../inbound/index.js'
import type { Limiter } from '../../limiter/types.js'
import { didYouMean, list, Refusal, show } from '../../policy/refusal.js'
import { option } from '../../policy/schema.js'
import { readFlag, readWait, readWord } from '../../policy/values.js'
import type { DurationText, LimitOptions, PoliciesInput, Rate } from '../../policy.js'
import { readFieldName } from '../headers/backpressure.js'
import { readFunction, readLimiter, readName } from '../options/schema.js'
import { FAMILIES, type McpExtra, type McpRequest } from './mcp-call.js'

type Awaitable<T> = T | Promise<T>

/** A limit of names: a rate such as `'10/m'`, several, an object of `docs/policies.md`, or a strategy of `docs/gateway-limits.md`. */
export type McpRate = Rate | LimitOptions | Strategy | readonly (Rate | LimitOptions | Strategy)[]

/** Limits by names, in which `*` stands for any characters: `{ search: '10/m', 'db_*': '2/s', '*': '60/m' }`. */
export type McpLimits = Readonly<Record<string, McpRate>>

/** How a handler ended: by a result, or by what it threw. */
export interface McpEnded {
  readonly result?: Readonly<Record<string, unknown>> | undefined
  readonly error?: unknown
}

export interface McpLimitOptions<P extends PoliciesInput = PoliciesInput> {
  /** Whose store counts. Give one where a server is made for each session: they share it. Default: one in memory. */
  readonly limiter?: Limiter<P>
  /** For calls of tools. The most specific pattern counts, for each subject and tool by itself. */
  readonly tools?: McpLimits
  /** For prompts that are asked for. */
  readonly prompts?: McpLimits
  /** For resources, by URI, that are read or subscribed to. */
  readonly resources?: McpLimits
  /** For requests by method, `{ 'tools/list': '10/m', '*': '600/m' }`: beside the limit of the tool, as one decision. */
  readonly methods?: McpLimits
  /**
   * Who asks: text, such as a user of the authorization. Default: `authInfo.clientId`, else the session, else
   * `'anonymous'`, which all share who are not known.
   */
  readonly subject?: (extra: McpExtra, request: McpRequest) => Awaitable<string | undefined>
  /** Requests that are not limited. */
  readonly skip?: (extra: McpExtra, request: McpRequest) => Awaitable<boolean>
  /** Units of a request: a whole number of at least 1, or 0 for one that is not to be checked. Default: 1. */
  readonly cost?: (request: McpRequest, extra: McpExtra) => Awaitable<number>
  /**
   * Whether a request counts, asked when its handler has ended: `({ error, result }) => error !== undefined || result.isError` counts
   * failures alone. Units are taken before the handler runs and given back after it, so that no more than the limit can ever
   * be counted, however many run at once. Default: every request counts.
   */
  readonly countWhen?: (ended: McpEnded, request: McpRequest, extra: McpExtra) => Awaitable<boolean>
  /** Only watches: decides and counts, in `shadow` of what `limitMcp` answers, and refuses nobody. Default: false. */
  readonly shadow?: boolean
  /** Told of every decision of `shadow`. */
  readonly onShadow?: (decision: DecisionData, request: McpRequest, extra: McpExtra) => void
  /** Wait so long, such as `'5s'`, instead of being refused. Default: refused at once. */
  readonly maxWait?: DurationText
  /**
   * How a refused call of a tool is answered: as an error of JSON-RPC, which programs see, or as a result with `isError`, which
   * models see. Everything else is answered by an error. Default: `'jsonrpc-error'`.
   */
  readonly refusal?: 'jsonrpc-error' | 'tool-result'
  /** Tell the client which limit refused and when to come again. Default: true. */
  readonly signalClient?: boolean
  /**
   * Name of a header field for a bridge to HTTP: `headers` of a refusal's data has it, and `_meta['sluice/backpressure']` of a
   * result that was held back by `maxWait`. s until the request can pass, or until everything is back; in
   * `X-RateLimit-Reset` s since 1970. Default: none.
   */
  readonly backpressureHeader?: string
  /** Limits of a gateway, `createGatewayLimits`, instead of `tools`, `prompts`, `resources` and `methods`. */
  readonly gateway?: GatewayLimits
  /**
   * With `gateway`: who calls, such as `{ user, tenant, server }`. Default: the client of the authorization as `user`, and the
   * session; the tool, prompt, method and resource are known.
   */
  readonly identify?: (extra: McpExtra, request: McpRequest) => Awaitable<GatewayRequest>
  /** Begins the names of the policies; two servers of different limits on one limiter need different ones. Default: `'mcp'`. */
  readonly name?: string
}

const readLimits = (value: unknown): unknown | Refusal => {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return Object.keys(value).length > 0
      ? value
      : new Refusal(`has no limit; give one, such as { '*': '60/m' }, or leave it out`)
  }
  return new Refusal(
    `${show(value)} is not an object of limits by name, such as { search: '10/m', '*': '60/m' }`,
  )
}

const readGateway = (value: unknown): unknown | Refusal =>
  typeof value === 'object' && value !== null && 'check' in value && 'headersOf' in value
    ? value
    : new Refusal(`${show(value)} is not the limits of a gateway; make them with createGatewayLimits`)

const fn = option(readFunction).optional()
const limits = option(readLimits).optional()

const SCHEMA = z.strictObject({
  limiter: option(readLimiter).optional(),
  tools: limits,
  prompts: limits,
  resources: limits,
  methods: limits,
  subject: fn,
  skip: fn,
  cost: fn,
  countWhen: fn,
  shadow: option(readFlag).optional(),
  onShadow: fn,
  maxWait: option(readWait).optional(),
  refusal: option(readWord(['jsonrpc-error', 'tool-result'])).optional(),
  signalClient: option(readFlag).optional(),
  backpressureHeader: option(readFieldName).optional(),
  gateway: option(readGateway).optional(),
  identify: fn,
  name: option(readName).optional(),
})
const NAMES = Object.keys(SCHEMA.shape)

/** @throws OptionError naming each option that cannot be accepted */
export function assertMcpOptions(options: McpLimitOptions): void {
  if (typeof options !== 'object' || options === null) {
    const way = "give a rate such as '60/m', or { tools: { search: '10/m' } }"
    throw new OptionError(`limitMcp: ${show(options)} says nothing of limits; ${way}`)
  }
  const read = SCHEMA.safeParse(options)
  const problems = read.success ? [] : read.error.issues.flatMap(told)
  if (read.success) problems.push(...contradictions(options))
  if (problems.length > 0) throw new OptionError(`limitMcp: ${problems.join('; ')}`)
}

/** Options that only mean something without `gateway`. */
const OWN = [...FAMILIES, 'limiter', 'subject', 'name'] as const

/** Options that only mean something where somebody is refused, or waits. */
const TOLD = ['maxWait', 'refusal', 'signalClient', 'backpressureHeader'] as const

function contradictions(options: McpLimitOptions): readonly string[] {
  const problems: string[] = []
  const has = (name: keyof McpLimitOptions) => options[name] !== undefined
  if (has('gateway')) {
    for (const name of OWN.filter(has)) problems.push(`${name}: stands beside 'gateway', which says it`)
  } else {
    if (!FAMILIES.some(has)) {
      problems.push(`there is nothing to limit; give at least one of ${list(FAMILIES)}, or 'gateway'`)
    }
    if (has('identify')) problems.push("identify: has no effect without 'gateway'; give 'subject'")
  }
  if (options.shadow === true) {
    for (const name of TOLD.filter(has))
      problems.push(`${name}: has no effect with 'shadow', which refuses nobody`)
  } else if (has('onShadow')) {
    problems.push("onShadow: has no effect without 'shadow'")
  }
  if (options.signalClient === false && has('backpressureHeader')) {
    problems.push("backpressureHeader: tells clients what 'signalClient: false' does not; leave one out")
  }
  return problems
}

function told(issue: z.core.$ZodIssue): readonly string[] {
  if (issue.code !== 'unrecognized_keys') {
    return [issue.path.length === 0 ? issue.message : `${issue.path.join('.')}: ${issue.message}`]
  }
  return issue.keys.map(
    name => `${show(name)} is not an option; options are ${list(NAMES)}${didYouMean(name, NAMES)}`,
  )
}
