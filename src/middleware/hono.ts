/** `sluice/hono`: a middleware for Hono, on Node and elsewhere. `docs/http.md` is the guide. */
import type { Context, MiddlewareHandler } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { z } from 'zod'
import type { PoliciesInput } from '../policy.js'
import type { RequestOptions, RouteRate } from './options/request-options.js'
import type { RequestAdapter } from './request/adapter.js'
import { createRequestLimit, type RouteLimit, withLimit } from './request/create.js'
import type { RateLimitInfo } from './request/rate-limit-info.js'
import type { Refused } from './request/refused.js'
import { CLIENT_LEFT, CLIENT_LEFT_STATUS } from './request/ruling.js'
import { onAbort } from './web/on-abort.js'
import { withFields } from './web/responses.js'

export type * from './public-types.js'

declare module 'hono' {
  interface ContextVariableMap {
    /** What `rateLimit` decided of this request. */
    rateLimit: RateLimitInfo | undefined
  }
}

type Args = readonly [Context]

/** Answers a refused request. The header fields are set by `c.header`. */
export type RefusedHandler = (c: Context, refused: Refused) => Response | Promise<Response>

export interface RateLimitOptions<P extends PoliciesInput = PoliciesInput>
  extends RequestOptions<Args, Response, RefusedHandler, P> {}

export type RateLimitMiddleware = MiddlewareHandler & RouteLimit

/** What `@hono/node-server` hands as `c.env`. */
const NODE_ENV = z.object({ incoming: z.object({ socket: z.object({ remoteAddress: z.string() }) }) })

const ADAPTER: RequestAdapter<Args, Response> = {
  place: 'sluice/hono',
  peer: ({ env }) => NODE_ENV.safeParse(env).data?.incoming.socket.remoteAddress,
  forwardedFor: c => c.req.header('x-forwarded-for'),
  statusOf: response => response.status,
  onGone: (listener, c) => onAbort(c.req.raw.signal, listener),
}

/**
 * Limits the requests that pass through it: `app.use(rateLimit('100/m'))` by client address, which on other servers than
 * `@hono/node-server` has to be told: `{ address: c => getConnInfo(c).remote.address }`. A refused request is answered
 * here; `c.get('rateLimit')` has what was decided.
 *
 * @throws OptionError, PolicyError
 */
export function rateLimit<P extends PoliciesInput>(options: RateLimitOptions<P>): RateLimitMiddleware
export function rateLimit<P extends PoliciesInput>(
  rate: RouteRate,
  options?: RateLimitOptions<P>,
): RateLimitMiddleware
export function rateLimit<P extends PoliciesInput>(
  first: RouteRate | RateLimitOptions<P>,
  options?: RateLimitOptions<P>,
): RateLimitMiddleware {
  const limit = createRequestLimit(ADAPTER, first, options)
  const { handler, propertyName } = limit.config

  const middleware: MiddlewareHandler = async (c, next) => {
    const ruling = await limit.decide(c)
    if (ruling === CLIENT_LEFT) return new Response(null, { status: CLIENT_LEFT_STATUS })
    if (ruling === undefined) {
      await next()
      return undefined
    }
    if (ruling.info !== undefined) {
      ruling.info.replaces(c.get(propertyName))
      c.set(propertyName, ruling.info)
    }
    const fields: [string, string][] = []
    ruling.writeFields((name, value) => {
      c.header(name, value)
      fields.push([name, value])
    })
    if (ruling.refused !== undefined) {
      const response =
        handler === undefined ? answer(c, ruling.refused) : told(await handler(c, ruling.refused), fields)
      if (ruling.settles) await ruling.settle(response)
      return response
    }
    await next()
    const response = told(c.res, fields)
    if (response !== c.res) c.res = response
    if (ruling.settles) await ruling.settle(c.res)
    return undefined
  }
  return withLimit(middleware, limit)
}

/** What the context made has the fields that were set on it; a Response of somebody else, such as of `fetch`, has not. */
function told(response: Response, fields: readonly (readonly [string, string])[]): Response {
  const [first] = fields
  return first === undefined || response.headers.has(first[0]) ? response : withFields(response, fields)
}

/** By the context, which knows the header fields that were set. */
const answer = (c: Context, { statusCode, contentType, body }: Refused): Response =>
  c.body(body, statusCode as ContentfulStatusCode, { 'Content-Type': contentType })
