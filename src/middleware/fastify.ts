/** `sluice/fastify`: a hook for Fastify 5. `docs/http.md` is the guide. */
import type { FastifyReply, FastifyRequest, HookHandlerDoneFunction } from 'fastify'
import { OptionError } from '../errors.js'
import type { PoliciesInput } from '../policy.js'
import { fastifyBelieves } from './node/framework-trust.js'
import { forwardedForOf, onGone, peerOf, settleWhenFinished } from './node/node-request.js'
import type { Awaitable, RequestOptions, RouteRate } from './options/request-options.js'
import type { RequestAdapter } from './request/adapter.js'
import { createRequestLimit, type RouteLimit, withLimit } from './request/create.js'
import type { RateLimitInfo } from './request/rate-limit-info.js'
import type { Refused } from './request/refused.js'
import { CLIENT_LEFT, type Ruled } from './request/ruling.js'

export type * from './public-types.js'

declare module 'fastify' {
  interface FastifyRequest {
    /** What `rateLimit` decided of this request. */
    rateLimit?: RateLimitInfo
  }
}

type Args = readonly [FastifyRequest, FastifyReply]

/** Answers a refused request, by `reply.send` or by what it answers. */
export type RefusedHandler = (request: FastifyRequest, reply: FastifyReply, refused: Refused) => unknown

export interface RateLimitOptions<P extends PoliciesInput = PoliciesInput>
  extends RequestOptions<Args, FastifyReply, RefusedHandler, P> {}

/** A hook, for `onRequest`, or for `preHandler` where it needs the body. */
export interface RateLimitHook extends RouteLimit {
  (request: FastifyRequest, reply: FastifyReply, done: HookHandlerDoneFunction): void
}

/** Of a server that was told to `register` a hook: it called it as a plugin. */
const NO_PLUGIN = new OptionError(
  "sluice/fastify: a limit is a hook and no plugin; write app.addHook('onRequest', rateLimit('100/m')), or give it to a route",
)

const ADAPTER: RequestAdapter<Args, FastifyReply> = {
  place: 'sluice/fastify',
  peer: request => peerOf(request.raw),
  forwardedFor: request => forwardedForOf(request.raw),
  framework: {
    of: request => request.ip,
    believesEveryProxy: fastifyBelieves,
    wayOut: "make the server with 'trustProxy' as the number of proxies, or their networks",
  },
  statusOf: reply => reply.statusCode,
  onGone: (listener, _request, reply) => onGone(reply.raw, listener),
}

/**
 * Limits the requests of a server, or of a route: `app.addHook('onRequest', rateLimit('100/m'))`, or
 * `app.post('/login', { preHandler: rateLimit({ limiter, policy: 'login', key: request => request.body.email }) }, …)`. A
 * refused request is answered here.
 *
 * @throws OptionError, PolicyError
 */
export function rateLimit<P extends PoliciesInput>(options: RateLimitOptions<P>): RateLimitHook
export function rateLimit<P extends PoliciesInput>(
  rate: RouteRate,
  options?: RateLimitOptions<P>,
): RateLimitHook
export function rateLimit<P extends PoliciesInput>(
  first: RouteRate | RateLimitOptions<P>,
  options?: RateLimitOptions<P>,
): RateLimitHook {
  const limit = createRequestLimit(ADAPTER, first, options)
  const { handler, propertyName } = limit.config

  /** @returns whether the request goes on */
  const obey = (ruling: Ruled<Args, FastifyReply>, request: FastifyRequest, reply: FastifyReply): boolean => {
    if (ruling === undefined) return true
    if (ruling === CLIENT_LEFT) return false
    ruling.attachTo(request, propertyName)
    settleWhenFinished(ruling, reply.raw, reply)
    if (reply.sent) return ruling.refused === undefined
    ruling.writeFields((name, value) => reply.header(lowerCase(name), value))
    const { refused } = ruling
    if (refused === undefined) return true
    if (handler === undefined) {
      reply.code(refused.statusCode).type(refused.contentType).send(refused.body)
      return false
    }
    Promise.resolve(handler(request, reply, refused)).then(
      payload => {
        if (!reply.sent) reply.send(payload)
      },
      error => reply.send(error),
    )
    return false
  }

  // What `done` sets off is not caught here: it is Fastify's own.
  const proceed = (
    ruling: Ruled<Args, FastifyReply>,
    request: FastifyRequest,
    reply: FastifyReply,
    done: HookHandlerDoneFunction,
  ): void => {
    let goesOn: boolean
    try {
      goesOn = obey(ruling, request, reply)
    } catch (error) {
      done(error as Error)
      return
    }
    if (goesOn) done()
  }

  const hook = (request: FastifyRequest, reply: FastifyReply, done: HookHandlerDoneFunction): void => {
    let decided: Awaitable<Ruled<Args, FastifyReply>>
    try {
      decided = limit.decide(request, reply)
    } catch (error) {
      done('addHook' in request ? NO_PLUGIN : (error as Error))
      return
    }
    if (decided instanceof Promise) decided.then(ruling => proceed(ruling, request, reply, done), done)
    else proceed(decided, request, reply, done)
  }
  return withLimit(hook, limit)
}

/** Fastify keeps names in lower case: making it of the same few for each response takes as long as a check. */
const lowered = new Map<string, string>()

function lowerCase(name: string): string {
  let lower = lowered.get(name)
  if (lower === undefined) {
    lower = name.toLowerCase()
    lowered.set(name, lower)
  }
  return lower
}
