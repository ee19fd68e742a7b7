/** `sluice/express`: a middleware for Express 4 and 5. `docs/http.md` is the guide. */
import type { NextFunction, Request, RequestHandler, Response } from 'express'
import type { PoliciesInput } from '../policy.js'
import { expressBelieves } from './node/framework-trust.js'
import {
  answerRefused,
  forwardedForOf,
  onGone,
  peerOf,
  settleWhenFinished,
  writeFields,
} from './node/node-request.js'
import type { Awaitable, RequestOptions, RouteRate } from './options/request-options.js'
import type { RequestAdapter } from './request/adapter.js'
import { createRequestLimit, type RouteLimit, withLimit } from './request/create.js'
import type { RateLimitInfo } from './request/rate-limit-info.js'
import type { Refused } from './request/refused.js'
import { CLIENT_LEFT, type Ruled } from './request/ruling.js'

export type * from './public-types.js'

declare global {
  namespace Express {
    interface Request {
      /** What `rateLimit` decided of this request. */
      rateLimit?: RateLimitInfo
    }
  }
}

type Args = readonly [Request, Response]

/** Answers a refused request, or passes it on by `next`. */
export type RefusedHandler = (req: Request, res: Response, next: NextFunction, refused: Refused) => unknown

export interface RateLimitOptions<P extends PoliciesInput = PoliciesInput>
  extends RequestOptions<Args, Response, RefusedHandler, P> {}

export interface RateLimitMiddleware extends RequestHandler, RouteLimit {}

const ADAPTER: RequestAdapter<Args, Response> = {
  place: 'sluice/express',
  peer: peerOf,
  forwardedFor: forwardedForOf,
  framework: {
    of: req => req.ip,
    believesEveryProxy: expressBelieves,
    wayOut: "set 'trust proxy' to how many proxies there are, or to their networks",
  },
  statusOf: res => res.statusCode,
  onGone: (listener, _req, res) => onGone(res, listener),
}

/**
 * Limits the requests that pass through it: `app.use(rateLimit('100/m'))` by client address, or
 * `rateLimit({ limiter, policy: 'login', key: req => req.body.email })`. A refused request is answered here (429, or 503
 * while the store cannot be asked); an error goes to `next`.
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

  /** @returns whether the request goes on */
  const obey = (ruling: Ruled<Args, Response>, req: Request, res: Response, next: NextFunction): boolean => {
    if (ruling === undefined) return true
    if (ruling === CLIENT_LEFT) return false
    ruling.attachTo(req, propertyName)
    writeFields(ruling, res)
    settleWhenFinished(ruling, res, res)
    if (ruling.refused === undefined) return true
    if (handler === undefined) answerRefused(ruling.refused, res)
    else Promise.resolve(handler(req, res, next, ruling.refused)).catch(next)
    return false
  }

  // What the handlers behind `next` throw is not caught here: it is Express' own.
  const proceed = (ruling: Ruled<Args, Response>, req: Request, res: Response, next: NextFunction): void => {
    let goesOn: boolean
    try {
      goesOn = obey(ruling, req, res, next)
    } catch (error) {
      next(error)
      return
    }
    if (goesOn) next()
  }

  const middleware: RequestHandler = (req, res, next) => {
    let decided: Awaitable<Ruled<Args, Response>>
    try {
      decided = limit.decide(req, res)
    } catch (error) {
      next(error)
      return
    }
    if (decided instanceof Promise) decided.then(ruling => proceed(ruling, req, res, next), next)
    else proceed(decided, req, res, next)
  }
  return withLimit(middleware, limit)
}
