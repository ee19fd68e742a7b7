/** `sluice/http`: limits for listeners of plain `node:http`, `https` and `http2`'s compatibility API. `docs/http.md` is the guide. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { warnProcess } from '../events.js'
import type { PoliciesInput } from '../policy.js'
import {
  answerRefused,
  forwardedForOf,
  onGone,
  peerOf,
  settleWhenFinished,
  writeFields,
} from './node/node-request.js'
import type { RequestOptions, RouteRate } from './options/request-options.js'
import type { RequestAdapter } from './request/adapter.js'
import { createRequestLimit, type RouteLimit, withLimit } from './request/create.js'
import type { RateLimitInfo } from './request/rate-limit-info.js'
import type { Refused } from './request/refused.js'
import { CLIENT_LEFT } from './request/ruling.js'

export type * from './public-types.js'

declare module 'node:http' {
  interface IncomingMessage {
    /** What `rateLimit` decided of this request. */
    rateLimit?: RateLimitInfo
  }
}

type Args = readonly [IncomingMessage, ServerResponse]

/** A listener of requests; what it throws or rejects with is answered by 500. */
export type Listener = (req: IncomingMessage, res: ServerResponse) => unknown

/** Answers a refused request. */
export type RefusedHandler = (req: IncomingMessage, res: ServerResponse, refused: Refused) => unknown

export interface RateLimitOptions<P extends PoliciesInput = PoliciesInput>
  extends RequestOptions<Args, ServerResponse, RefusedHandler, P> {}

/** Puts a limit before a listener: `createServer(limit(listener))`. */
export interface ListenerLimit extends RouteLimit {
  (listener: Listener): (req: IncomingMessage, res: ServerResponse) => void
}

const ADAPTER: RequestAdapter<Args, ServerResponse> = {
  place: 'sluice/http',
  peer: peerOf,
  forwardedFor: forwardedForOf,
  statusOf: res => res.statusCode,
  onGone: (listener, _req, res) => onGone(res, listener),
}

/**
 * Makes limits for listeners: `createServer(rateLimit('100/m')((req, res) => res.end('Hello')))`.
 *
 * @throws OptionError, PolicyError
 */
export function rateLimit<P extends PoliciesInput>(options: RateLimitOptions<P>): ListenerLimit
export function rateLimit<P extends PoliciesInput>(
  rate: RouteRate,
  options?: RateLimitOptions<P>,
): ListenerLimit
export function rateLimit<P extends PoliciesInput>(
  first: RouteRate | RateLimitOptions<P>,
  options?: RateLimitOptions<P>,
): ListenerLimit {
  const limit = createRequestLimit(ADAPTER, first, options)
  const { handler, propertyName } = limit.config

  const serve = async (listener: Listener, req: IncomingMessage, res: ServerResponse): Promise<void> => {
    const decided = limit.decide(req, res)
    const ruling = decided instanceof Promise ? await decided : decided
    if (ruling === CLIENT_LEFT) return
    if (ruling !== undefined) {
      ruling.attachTo(req, propertyName)
      writeFields(ruling, res)
      settleWhenFinished(ruling, res, res)
      if (ruling.refused !== undefined) {
        if (handler === undefined) answerRefused(ruling.refused, res)
        else await handler(req, res, ruling.refused)
        return
      }
    }
    await listener(req, res)
  }

  const limited = (listener: Listener) => (req: IncomingMessage, res: ServerResponse) => {
    serve(listener, req, res).catch((error: unknown) => fail(res, error))
  }
  return withLimit(limited, limit)
}

/** There is no framework to tell, and a promise that nobody waits for would end the process. */
function fail(res: ServerResponse, error: unknown): void {
  warnProcess('a request failed', error)
  if (res.headersSent) {
    res.destroy()
    return
  }
  res.statusCode = 500
  res.end()
}
