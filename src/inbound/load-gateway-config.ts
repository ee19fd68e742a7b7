import { parseDocument } from 'yaml'
import { z } from 'zod'
import { PolicyError, type Problem } from '../errors.js'
import { isRecord, type Report } from '../policy/read-limit.js'
import { at, didYouMean, list, Refusal, show } from '../policy/refusal.js'
import { readBackend } from './backend.js'
import type { GatewayConfig } from './gateway-config.js'
import { readGatewayRate } from './gateway-rate.js'
import { ALGORITHM, BACKEND } from './load-schema.js'
import { findProblems } from './read-config.js'

const anything = z.unknown().optional()

/** Ours that a file can hold and that are no limits. */
const SETTINGS = {
  missing_user: anything,
  trustProxy: anything,
  ipv6Subnet: anything,
  headers: anything,
  backpressure: anything,
  shadow: anything,
}

/** What may stand in the file: the options of that gateway, and those of ours that a file can hold. */
const FILE = z.strictObject({
  by_user: anything,
  by_user_per_server: anything,
  by_tenant: anything,
  by_tool: anything,
  by_server: anything,
  by_method: anything,
  by_endpoint: anything,
  by_session: anything,
  by_address: anything,
  custom: anything,
  ...SETTINGS,
  algorithm: ALGORITHM,
  ...BACKEND,
})
const OPTIONS = Object.keys(FILE.shape)
const BACKEND_OPTIONS = Object.keys(BACKEND)

/** Options of a limiter as they are called here. */
const WRITTEN_AS: Readonly<Record<string, string>> = { store: 'redis_url', prefix: 'redis_key_prefix' }

/** What a stray option is about. */
const HINTS: Readonly<Record<string, string>> = {
  plugins: "holds the whole gateway; give what stands under 'config' of the limiter's entry",
  config: 'holds the limits; give what stands under it',
  redis_fallback: 'has no effect since the limiter left the gateway; write fail_mode: local',
}

/**
 * Reads the configuration of the limiter of mcp-context-forge and `cpex-rate-limiter`: text in YAML or JSON, or what was read
 * from it. Every value that has an effect there has the same here; what is passed over in silence there is an error.
 *
 * ```ts
 * const limits = createGatewayLimits(loadGatewayConfig(readFileSync('limits.yaml', 'utf8')))
 * ```
 *
 * @throws PolicyError listing everything that is wrong with it
 */
export function loadGatewayConfig(source: string | object): GatewayConfig {
  const problems: Problem[] = []
  const report: Report = (path, value, message) => problems.push({ path, value, message })
  const file = typeof source === 'string' ? parseText(source) : source
  if (!isRecord(file)) {
    throw new PolicyError([
      {
        path: 'loadGatewayConfig',
        value: file,
        message: `${show(file)} is no configuration; write by_user: 30/m`,
      },
    ])
  }
  const read = FILE.safeParse(file)
  for (const issue of read.error?.issues ?? []) problems.push(...problemsOf(issue, file))
  const limits = readLimits(file, report)
  const backend = read.success ? readBackend(read.data, report) : {}
  const config = { ...limits, algorithm: read.data?.algorithm ?? 'fixed_window', ...backend }
  for (const { path, value, message } of findProblems(config)) {
    const name = WRITTEN_AS[path]
    report(name ?? path, name === undefined ? value : undefined, message)
  }
  if (problems.length > 0) throw new PolicyError(problems)
  return config
}

/** The limits, those of that gateway's grammar in ours. Others are left to the one who reads them all. */
function readLimits(file: Readonly<Record<string, unknown>>, report: Report): GatewayConfig {
  const limits: Record<string, unknown> = {}
  const readLimit = (value: unknown, path: string): unknown => {
    const rate = readGatewayRate(value)
    if (rate instanceof Refusal) report(path, value, rate.message)
    return rate instanceof Refusal || rate === undefined ? value : rate
  }
  for (const [name, value] of Object.entries(file)) {
    if (!OPTIONS.includes(name) || name === 'algorithm' || BACKEND_OPTIONS.includes(name)) continue
    if (Object.hasOwn(SETTINGS, name)) {
      limits[name] = value
    } else if (name === 'by_tool' && isRecord(value)) {
      const tools = Object.entries(value).map(([tool, limit]) => [tool, readLimit(limit, at(name, tool))])
      limits[name] = Object.fromEntries(tools)
    } else {
      limits[name] = readLimit(value, name)
    }
  }
  return limits
}

function parseText(text: string): unknown {
  const document = parseDocument(text)
  const problems = [...document.errors, ...document.warnings].map(({ message }) => ({
    path: 'loadGatewayConfig',
    value: undefined,
    // The first line: the others show the text, which may hold a password.
    message: message.split('\n')[0]?.replace(/:$/, '') ?? '',
  }))
  if (problems.length > 0) throw new PolicyError(problems)
  try {
    return document.toJS()
  } catch (cause) {
    const message = `is not YAML that can be read: ${cause instanceof Error ? cause.message : String(cause)}`
    throw new PolicyError([{ path: 'loadGatewayConfig', value: undefined, message }])
  }
}

function problemsOf(issue: z.core.$ZodIssue, file: Readonly<Record<string, unknown>>): readonly Problem[] {
  if (issue.code !== 'unrecognized_keys') {
    return [{ path: issue.path.join('.'), value: undefined, message: issue.message }]
  }
  return issue.keys.map(name => {
    const other = `is not an option of it; options are ${list(OPTIONS)}${didYouMean(name, OPTIONS)}`
    return {
      path: name,
      value: file[name],
      message: Object.hasOwn(HINTS, name) ? (HINTS[name] as string) : other,
    }
  })
}
