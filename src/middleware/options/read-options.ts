import type { DecisionData } from '../../decision.js'
import { OptionError, PolicyError, type Problem } from '../../errors.js'
import { readGatewayLimit } from '../../inbound/read-limits.js'
import type { Limiter } from '../../limiter/types.js'
import { createLimiter } from '../../limiter.js'
import type { Report } from '../../policy/read-limit.js'
import { at, Refusal, show } from '../../policy/refusal.js'
import type { DurationText, PolicyInput } from '../../policy.js'
import { AddressKeys } from '../address/address-key.js'
import type { Networks } from '../address/networks.js'
import type { ProxyTrust } from '../address/proxy-trust.js'
import { headerWriter, readHeaderFormats } from '../headers/header-writer.js'
import type { WriteFields } from '../headers/rate-limit-fields.js'
import { contradictions } from './contradictions.js'
import { familiarCountWhen, readFamiliarHeaders } from './familiar-options.js'
import type { Awaitable, CheckOptions, PerRequest, RequestOptions, RouteRate } from './request-options.js'
import { CHECK_SCHEMA, problemsOf, REQUEST_SCHEMA } from './schema.js'

/** Options as a `RequestLimit` goes by them. */
export interface RequestConfig<A extends readonly unknown[], R, H> {
  readonly limiter: Limiter
  /** Those that decide, and those that only watch; different policies all. */
  readonly checks: readonly CheckOptions<A, R>[]
  readonly skip: ((...args: A) => Awaitable<boolean>) | undefined
  readonly allow: Networks | undefined
  readonly deny: Networks | undefined
  /** Undefined: as the framework is set up. */
  readonly trusts: ProxyTrust | undefined
  readonly address: ((...args: A) => string | undefined) | undefined
  readonly addressKeys: AddressKeys
  readonly writeFields: WriteFields
  readonly signalsClient: boolean
  readonly backpressureHeader: string | undefined
  /** Undefined: refused at once. */
  readonly maxWait: DurationText | undefined
  readonly statusCode: number | undefined
  readonly message: PerRequest<unknown, A> | undefined
  readonly propertyName: string
  readonly onShadow: ((decision: DecisionData, ...args: A) => void) | undefined
  readonly validates: boolean
  readonly handler: H | undefined
}

/** The policy of a limiter that an adapter makes for itself. */
const OWN_POLICY = 'default'
const WINDOW_MS = 60_000
const LIMIT = 5
/** A request has at most 16 checks, each limit of a policy being one. */
const CHECKS_MAX = 16

/**
 * Reads what an adapter was given.
 *
 * @param place who is told of in messages: `sluice/express`
 * @throws OptionError listing everything that is wrong; PolicyError where it is the rate
 */
export function readRequestOptions<A extends readonly unknown[], R, H>(
  place: string,
  rate: RouteRate | undefined,
  options: RequestOptions<A, R, H>,
  statusOf: (response: R) => number,
): RequestConfig<A, R, H> {
  const read = REQUEST_SCHEMA.safeParse(options)
  const problems = read.success ? [] : [...problemsOf(read.error, '')]
  if (read.success) problems.push(...contradictions(rate, options))
  const { headers, problem } = formatsOf(options)
  if (problem !== undefined) problems.push(problem)
  const checks = checksOf(options, rate, statusOf, problems)
  if (problems.length > 0 || !read.success) {
    throw new OptionError(`${place} cannot take these options:\n  ${problems.join('\n  ')}`)
  }
  const { allowList, denyList, trustProxy, ipv6Subnet, statusCode } = read.data
  const signalsClient = options.signalClient ?? true
  return {
    limiter: options.limiter ?? createLimiter({ policies: { [OWN_POLICY]: ownPolicy(rate, options) } }),
    checks,
    skip: options.skip,
    allow: allowList,
    deny: denyList,
    trusts: trustProxy,
    address: options.address,
    addressKeys: new AddressKeys(ipv6Subnet),
    writeFields: headerWriter(signalsClient ? headers : []),
    signalsClient,
    backpressureHeader: options.backpressureHeader,
    maxWait: options.maxWait,
    statusCode,
    message: options.message,
    propertyName: options.requestPropertyName ?? 'rateLimit',
    onShadow: options.onShadow,
    validates: options.validate ?? true,
    handler: options.handler,
  }
}

function formatsOf(options: {
  readonly headers?: unknown
  readonly legacyHeaders?: unknown
  readonly standardHeaders?: unknown
}) {
  const { headers, legacyHeaders, standardHeaders } = options
  const meant = headers ?? readFamiliarHeaders(legacyHeaders, standardHeaders)
  const formats = meant instanceof Refusal ? meant : readHeaderFormats(meant)
  if (!(formats instanceof Refusal)) return { headers: formats, problem: undefined }
  // What is wrong with `headers` itself, the schema tells.
  return { headers: [], problem: headers === undefined ? `standardHeaders: ${formats.message}` : undefined }
}

function checksOf<A extends readonly unknown[], R, H>(
  options: RequestOptions<A, R, H>,
  rate: RouteRate | undefined,
  statusOf: (response: R) => number,
  problems: string[],
): readonly CheckOptions<A, R>[] {
  const { checks } = options
  if (checks === undefined) {
    const { limiter, policy = OWN_POLICY, key = options.keyGenerator, cost, limit, shadow } = options
    const countWhen = options.countWhen ?? familiarCountWhen(options, statusOf)
    // Of a limiter of our own, a number is the policy's limit; but no policy admits nothing.
    const isPolicys = limiter === undefined && rate === undefined && typeof limit === 'number' && limit > 0
    const override = isPolicys ? undefined : limit
    return [
      {
        policy,
        ...(key !== undefined && { key }),
        ...(cost !== undefined && { cost }),
        ...(override !== undefined && { limit: override }),
        ...(countWhen !== undefined && { countWhen }),
        ...(shadow !== undefined && { shadow }),
      },
    ]
  }
  if (!Array.isArray(checks) || checks.length === 0 || checks.length > CHECKS_MAX) {
    problems.push(
      `checks: ${show(checks)} is not a list of 1 to ${CHECKS_MAX} checks, such as [{ policy: 'perUser', key }]`,
    )
    return []
  }
  const names = Object.keys(CHECK_SCHEMA.shape)
  const policies = new Set<string>()
  for (const [index, check] of checks.entries()) {
    const path = `${at('checks', index)}.`
    const read = CHECK_SCHEMA.safeParse(check)
    if (!read.success) {
      problems.push(...problemsOf(read.error, path, names))
      continue
    }
    const { policy } = read.data
    if (policies.has(policy)) {
      problems.push(
        `${path}policy: ${show(policy)} is there twice, and each would count the other's requests; make a policy of each`,
      )
    }
    policies.add(policy)
  }
  return checks
}

/** @throws PolicyError */
function routePolicy(rate: RouteRate): PolicyInput {
  const problems: Problem[] = []
  const report: Report = (path, value, message) => problems.push({ path, value, message })
  const read = readGatewayLimit(rate, 'rate', undefined, 'gcra', report)
  if (read === undefined) throw new PolicyError(problems)
  return read.policy
}

/** Of a rate as it is; of `limit` and `windowMs` a fixed window, as express-rate-limit counts. */
function ownPolicy(
  rate: RouteRate | undefined,
  { limit = LIMIT, windowMs = WINDOW_MS }: { limit?: unknown; windowMs?: unknown },
): PolicyInput {
  if (rate !== undefined) return routePolicy(rate)
  // Where every request has a limit of its own, this one is that of none.
  const units = typeof limit === 'number' && limit > 0 ? limit : 1
  const window = typeof windowMs === 'number' ? `${windowMs}ms` : (windowMs as string)
  return { algorithm: 'fixed_window', limit: units, window }
}
