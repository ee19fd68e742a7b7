/** `sluice/koa`: a middleware for Koa. `docs/http.md` is the guide. */
import type { Context, DefaultState, Middleware, Next } from 'koa'
import type { PoliciesInput } from '../policy.js'
import { forwardedForOf, onGone, peerOf, settleWhenFinished, writeFields } from './node/node-request.js'
import type { RequestOptions, RouteRate } from './options/request-options.js'
import type { RequestAdapter } from './request/adapter.js'
import { createRequestLimit, type RouteLimit, withLimit } from './request/create.js'
import type { Refused } from './request/refused.js'
import { CLIENT_LEFT, type Ruling } from './request/ruling.js'

export type * from './public-types.js'

type Args = readonly [Context]

/** Answers a refused request. */
export type RefusedHandler = (ctx: Context, refused: Refused) => unknown

export interface RateLimitOptions<P extends PoliciesInput = PoliciesInput>
  extends RequestOptions<Args, Context, RefusedHandler, P> {}

export type RateLimitMiddleware = Middleware<DefaultState, Context> & RouteLimit

const ADAPTER: RequestAdapter<Args, Context> = {
  place: 'sluice/koa',
  peer: ctx => peerOf(ctx.req),
  forwardedFor: ctx => forwardedForOf(ctx.req),
  framework: {
    of: ctx => (ctx.ip === '' ? undefined : ctx.ip),
    believesEveryProxy: ({ app }) => app.proxy && app.maxIpsCount === 0,
    wayOut: "give the app 'maxIpsCount', how many proxies there are",
  },
  statusOf: ctx => ctx.status,
  onGone: (listener, ctx) => onGone(ctx.res, listener),
}

/**
 * Limits the requests that pass through it: `app.use(rateLimit('100/m'))` by client address. A refused request is answered
 * here; `ctx.state.rateLimit` has what was decided.
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
  const { handler: refuse = answer, propertyName } = limit.config

  const middleware = async (ctx: Context, next: Next): Promise<void> => {
    const ruling = await limit.decide(ctx)
    if (ruling === CLIENT_LEFT) return
    if (ruling === undefined) return next()
    ruling.attachTo(ctx.state, propertyName)
    writeFields(ruling, ctx.res)
    settleWhenFinished(ruling, ctx.res, ctx)
    try {
      if (ruling.refused !== undefined) {
        await refuse(ctx, ruling.refused)
        return
      }
      await next()
    } catch (error) {
      keepFields(ruling, error)
      throw error
    }
  }
  return withLimit(middleware, limit)
}

/** For an error Koa takes away all header fields that were set, but for those that the error has itself. */
function keepFields(ruling: Pick<Ruling<Args, Context>, 'writeFields'>, error: unknown): void {
  if (!(error instanceof Error)) return
  const fields: Record<string, string> = {}
  ruling.writeFields((name, value) => {
    fields[name] = value
  })
  Reflect.set(error, 'headers', { ...fields, ...(Reflect.get(error, 'headers') as object | undefined) })
}

function answer(ctx: Context, { statusCode, contentType, body }: Refused): void {
  ctx.status = statusCode
  ctx.type = contentType
  ctx.body = body
}
