import { OptionError } from '../../errors.js'
import type { Limiter } from '../../limiter/types.js'
import { show } from '../../policy/refusal.js'
import type { PoliciesInput } from '../../policy.js'
import { readRequestOptions } from '../options/read-options.js'
import type { RequestOptions, RouteRate } from '../options/request-options.js'
import type { RequestAdapter } from './adapter.js'
import { RequestLimit } from './request-limit.js'
import type { ShadowCounts } from './shadow.js'

/** What every adapter's limit has besides what its framework takes. */
export interface RouteLimit {
  /** Who decides. `close()` it where the adapter has made it itself. */
  readonly limiter: Limiter
  /** What the policies with `shadow` would have done, by policy. */
  readonly shadow: Readonly<Record<string, ShadowCounts>>
}

/** Is it a rate, and not options? */
const isRate = (first: unknown): first is RouteRate => typeof first === 'string' || Array.isArray(first)

/**
 * The limit of a route by what its adapter was given: a rate, with or without options, or options.
 *
 * @throws OptionError, PolicyError
 */
export function createRequestLimit<A extends readonly unknown[], R, H, P extends PoliciesInput>(
  adapter: RequestAdapter<A, R>,
  first: RouteRate | RequestOptions<A, R, H, P>,
  options: RequestOptions<A, R, H, P> = {},
): RequestLimit<A, R, H> {
  const [rate, given] = isRate(first) ? [first, options] : [undefined, first]
  if (typeof given !== 'object' || given === null) {
    const way = "give a rate such as '100/m', or { limiter, policy }"
    throw new OptionError(`${adapter.place}: ${show(given)} says nothing of limits; ${way}`)
  }
  // From here on a policy is one of any names: that they are the limiter's was the compiler's affair.
  const read = given as unknown as RequestOptions<A, R, H>
  const config = readRequestOptions(adapter.place, rate, read, response => adapter.statusOf(response))
  return new RequestLimit(config, adapter)
}

/** What the framework takes, with what can be asked of it. */
export const withLimit = <F extends object>(take: F, limit: RouteLimit): F & RouteLimit =>
  Object.defineProperties(take, {
    limiter: { get: () => limit.limiter, enumerable: true },
    shadow: { get: () => limit.shadow, enumerable: true },
  }) as F & RouteLimit
