/** `sluice/fetch`: limits for handlers that take a `Request` and answer a `Response`. `docs/http.md` is the guide. */
import type { PoliciesInput } from '../policy.js'
import type { RequestOptions, RouteRate } from './options/request-options.js'
import type { RequestAdapter } from './request/adapter.js'
import { createRequestLimit, type RouteLimit, withLimit } from './request/create.js'
import type { RateLimitInfo } from './request/rate-limit-info.js'
import type { Refused } from './request/refused.js'
import { CLIENT_LEFT, CLIENT_LEFT_STATUS } from './request/ruling.js'
import { onAbort } from './web/on-abort.js'
import { refusedResponse, withFields } from './web/responses.js'

export type * from './public-types.js'

/** What a handler is called with: the request, and what its server adds, such as an environment. */
type Args<X extends unknown[]> = readonly [Request, ...X]

export type FetchHandler<X extends unknown[]> = (request: Request, ...rest: X) => Response | Promise<Response>

/** Answers a refused request. */
export type RefusedHandler<X extends unknown[]> = (
  ...args: [...Args<X>, Refused]
) => Response | Promise<Response>

export interface RateLimitOptions<X extends unknown[] = unknown[], P extends PoliciesInput = PoliciesInput>
  extends RequestOptions<Args<X>, Response, RefusedHandler<X>, P> {}

/** Puts a limit before a handler: `serve(limit(handler))`. */
export interface FetchLimit<X extends unknown[]> extends RouteLimit {
  (handler: FetchHandler<X>): (request: Request, ...rest: X) => Promise<Response>
}

const ADAPTER: RequestAdapter<Args<unknown[]>, Response> = {
  place: 'sluice/fetch',
  // A Request has no connection: `address` tells, or a trusted proxy does.
  peer: () => undefined,
  forwardedFor: request => request.headers.get('x-forwarded-for') ?? undefined,
  statusOf: response => response.status,
  onGone: (listener, { signal }) => onAbort(signal, listener),
}

const decided = new WeakMap<Request, RateLimitInfo>()

/** What was decided of this request; undefined where it was not limited. */
export const rateLimitOf = (request: Request): RateLimitInfo | undefined => decided.get(request)

/**
 * Makes limits for handlers: `rateLimit('100/m', { address: (request, server) => server.requestIP(request)?.address })`.
 * What the handler throws, its caller gets.
 *
 * @throws OptionError, PolicyError
 */
export function rateLimit<X extends unknown[] = unknown[]>(options: RateLimitOptions<X>): FetchLimit<X>
export function rateLimit<X extends unknown[] = unknown[], P extends PoliciesInput = PoliciesInput>(
  rate: RouteRate,
  options?: RateLimitOptions<X, P>,
): FetchLimit<X>
export function rateLimit<X extends unknown[], P extends PoliciesInput>(
  first: RouteRate | RateLimitOptions<X, P>,
  options?: RateLimitOptions<X, P>,
): FetchLimit<X> {
  const limit = createRequestLimit<Args<X>, Response, RefusedHandler<X>, P>(ADAPTER, first, options)

  const limited = (handler: FetchHandler<X>) =>
    async function limitedHandler(...args: [Request, ...X]): Promise<Response> {
      const ruling = await limit.decide(...args)
      if (ruling === undefined) return handler(...args)
      if (ruling === CLIENT_LEFT) return new Response(null, { status: CLIENT_LEFT_STATUS })
      const fields: [string, string][] = []
      ruling.writeFields((name, value) => fields.push([name, value]))
      const { info, refused } = ruling
      if (info !== undefined) {
        info.replaces(decided.get(args[0]))
        decided.set(args[0], info)
      }
      if (refused !== undefined) {
        const response =
          limit.config.handler === undefined
            ? new Response(refused.body, refusedResponse(refused))
            : await limit.config.handler(...args, refused)
        if (ruling.settles) await ruling.settle(response)
        return withFields(response, fields)
      }
      const response = await handler(...args)
      if (ruling.settles) await ruling.settle(response)
      return withFields(response, fields)
    }
  return withLimit(limited, limit)
}
