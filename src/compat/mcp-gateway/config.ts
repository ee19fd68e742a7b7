import { z } from 'zod'
import { OptionError } from '../../errors.js'
import { didYouMean, list, show } from '../../policy/refusal.js'
import { wrong } from '../dialects/read-options.js'

/**
 * The generations of its keys:
 * - `in-tree`: the Python and Rust limiter inside mcp-context-forge, to April 2026. No tenant in the keys, `:` in a user
 *   as `_`, tools in lower case by Unicode, times with fractions.
 * - `0.0.3`: `cpex-rate-limiter` 0.0.1 to 0.0.3. No tenant in the keys, seconds only.
 * - `0.1.7`: 0.0.4 to 0.1.7. The tenant stands in every key.
 * - `0.1.12`: the same, with a dimension for a user on one server.
 */
export const GENERATIONS = ['in-tree', '0.0.3', '0.1.7', '0.1.12'] as const
export type GatewayGeneration = (typeof GENERATIONS)[number]

export const GATEWAY_ALGORITHMS = ['fixed_window', 'sliding_window', 'token_bucket'] as const
export type GatewayAlgorithm = (typeof GATEWAY_ALGORITHMS)[number]

/** The limiter's part of the gateway's configuration, as it stands there: rates such as `'30/m'`. */
export interface GatewayConfig {
  readonly by_user?: string | null
  /** `0.1.12` only. */
  readonly by_user_per_server?: string | null
  readonly by_tenant?: string | null
  /** By the name of a tool or prompt. */
  readonly by_tool?: Readonly<Record<string, string>> | null
  /** Default: `fixed_window`. */
  readonly algorithm?: GatewayAlgorithm
  /** Default: `rl`. */
  readonly redis_key_prefix?: string
}

export interface GatewayRate {
  readonly limit: number
  readonly windowS: number
}

/** The configuration, read. */
export interface GatewaySetup {
  readonly generation: GatewayGeneration
  readonly algorithm: GatewayAlgorithm
  readonly prefix: string
  readonly byUser: GatewayRate | undefined
  readonly byUserPerServer: GatewayRate | undefined
  readonly byTenant: GatewayRate | undefined
  /** By the tool's name as it stands in keys. */
  readonly byTool: ReadonlyMap<string, GatewayRate>
}

const UNIT_S: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600 }
const RATE = /^\s*\+?(\d+)\s*\/\s*(s|sec|second|m|min|minute|h|hr|hour)\s*$/i
const COUNT_MAX = 1_000_000
const RATE_ACCEPTED = `a rate of 1 to ${COUNT_MAX} per s, m or h, such as '30/m'`

const rate = z.string(wrong(RATE_ACCEPTED)).transform((text, context): GatewayRate => {
  const [, count = '', unit = ''] = RATE.exec(text) ?? []
  const limit = Number(count)
  const windowS = UNIT_S[unit.charAt(0).toLowerCase()]
  if (windowS !== undefined && limit >= 1 && limit <= COUNT_MAX) return { limit, windowS }
  context.addIssue({ code: 'custom', message: `${show(text)} is not ${RATE_ACCEPTED}`, input: text })
  return z.NEVER
})

/** An object as a Map: zod leaves the name `__proto__` out of objects that it reads, and that tool would have no limit. */
const entriesOf = (value: unknown): unknown =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? new Map(Object.entries(value))
    : value

const CONFIG = z.strictObject(
  {
    by_user: rate.nullish(),
    by_user_per_server: rate.nullish(),
    by_tenant: rate.nullish(),
    by_tool: z.preprocess(entriesOf, z.map(z.string(), rate, wrong('an object of rates by tool'))).nullish(),
    algorithm: z
      .enum(GATEWAY_ALGORITHMS, wrong(`one of ${list(GATEWAY_ALGORITHMS)}`))
      .default('fixed_window'),
    redis_key_prefix: z.string(wrong('a text')).default('rl'),
  },
  wrong("the limiter's part of the gateway's configuration"),
)
const NAMES = Object.keys(CONFIG.shape)

const ELSEWHERE: Readonly<Record<string, string>> = {
  backend: "is 'redis' here",
  redis_url: "is 'store' of the dialect",
  redis_fallback: "is 'onStoreFailure' of createLimiter",
  fail_mode: "is 'onStoreFailure' of createLimiter",
  redis_ssl_ca_certs: "is 'tls' of the store",
  redis_ssl_certfile: "is 'tls' of the store",
  redis_ssl_keyfile: "is 'tls' of the store",
  redis_ssl_check_hostname: "is 'tls' of the store",
}

/** The name of a tool or prompt as it stands in keys. */
export const toolName = (generation: GatewayGeneration, name: string): string =>
  generation === 'in-tree'
    ? name.trim().toLowerCase()
    : name.trim().replace(/[A-Z]/g, letter => letter.toLowerCase())

/**
 * Reads the configuration. What the gateway drops in silence, such as a rate that is a number, is an error here.
 *
 * @throws OptionError listing everything that is wrong with it
 */
export function readGatewayConfig(config: unknown, generation: unknown = '0.1.12'): GatewaySetup {
  const known = GENERATIONS.find(name => name === generation)
  const read = CONFIG.safeParse(config)
  const problems = read.success ? [] : read.error.issues.flatMap(problemsOf)
  if (known === undefined) {
    problems.push(`generation: ${show(generation)} is not one of ${list(GENERATIONS)}`)
  }
  if (!read.success || known === undefined) throw refusal(problems)
  const { by_user, by_user_per_server, by_tenant, by_tool, algorithm, redis_key_prefix } = read.data
  const byTool = new Map<string, GatewayRate>()
  for (const [name, toolRate] of by_tool ?? []) {
    const tool = toolName(known, name)
    if (byTool.has(tool)) problems.push(`config.by_tool: ${show(name)} stands there twice, as ${show(tool)}`)
    byTool.set(tool, toolRate)
  }
  if (by_user_per_server && known !== '0.1.12') {
    problems.push(`config.by_user_per_server: is unknown to the generation '${known}'`)
  }
  if (!by_user && !by_user_per_server && !by_tenant && byTool.size === 0) {
    problems.push('config: sets no limit; give by_user, by_user_per_server, by_tenant or by_tool')
  }
  if (problems.length > 0) throw refusal(problems)
  return {
    generation: known,
    algorithm,
    prefix: redis_key_prefix,
    byUser: by_user ?? undefined,
    byUserPerServer: by_user_per_server ?? undefined,
    byTenant: by_tenant ?? undefined,
    byTool,
  }
}

function problemsOf(issue: z.core.$ZodIssue): readonly string[] {
  const path = ['config', ...issue.path].join('.')
  if (issue.code !== 'unrecognized_keys') return [`${path}: ${issue.message}`]
  return issue.keys.map(
    name =>
      `${path}.${name}: ` +
      (Object.hasOwn(ELSEWHERE, name)
        ? (ELSEWHERE[name] as string)
        : `is not an option; options are ${list(NAMES)}${didYouMean(name, NAMES)}`),
  )
}

const refusal = (problems: readonly string[]): OptionError =>
  new OptionError(`the dialect 'mcp-gateway' cannot take these options:\n  ${problems.join('\n  ')}`)
