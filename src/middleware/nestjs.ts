/** `sluice/nestjs`: a guard for NestJS, on Express or Fastify. `docs/http.md` is the guide. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type CanActivate, type ExecutionContext, HttpException, SetMetadata } from '@nestjs/common'
import { OptionError } from '../errors.js'
import type { PoliciesInput } from '../policy.js'
import { expressBelieves, fastifyBelieves } from './node/framework-trust.js'
import { forwardedForOf, onGone, peerOf, settleWhenFinished } from './node/node-request.js'
import type { RequestOptions, RouteRate } from './options/request-options.js'
import type { RequestAdapter } from './request/adapter.js'
import { createRequestLimit, type RouteLimit, withLimit } from './request/create.js'
import type { Refused } from './request/refused.js'
import { CLIENT_LEFT, CLIENT_LEFT_STATUS } from './request/ruling.js'

export type * from './public-types.js'

type Args = readonly [ExecutionContext]

/** A request of either platform: of Express the message itself, of Fastify with the message beneath. */
type PlatformRequest = ExpressLike | FastifyLike

interface ExpressLike extends IncomingMessage {
  readonly ip?: string
  readonly app?: { get(setting: string): unknown }
}

interface FastifyLike {
  readonly ip: string
  readonly raw: IncomingMessage
  readonly server: object
}

/** A response of either platform. */
interface PlatformResponse {
  readonly statusCode: number
  readonly raw?: ServerResponse
  header(name: string, value: string): unknown
}

/** Answers a refused request by what it throws; where it throws nothing, the request is refused all the same. */
export type RefusedHandler = (context: ExecutionContext, refused: Refused) => unknown

export interface RateLimitOptions<P extends PoliciesInput = PoliciesInput>
  extends RequestOptions<Args, { readonly statusCode: number }, RefusedHandler, P> {}

/** `@UseGuards(rateLimitGuard('100/m'))`, or `{ provide: APP_GUARD, useValue: rateLimitGuard('100/m') }`. */
export interface RateLimitGuard extends CanActivate, RouteLimit {
  canActivate(context: ExecutionContext): Promise<boolean>
}

function requestOf(context: ExecutionContext): PlatformRequest {
  const type = context.getType<string>()
  if (type === 'http') return context.switchToHttp().getRequest<PlatformRequest>()
  throw new OptionError(
    `sluice/nestjs guards requests of HTTP, and this is one of '${type}': let it pass with ` +
      `skip: context => context.getType() !== 'http'`,
  )
}

const messageOf = (request: PlatformRequest): IncomingMessage => ('raw' in request ? request.raw : request)

const believesEveryProxy = (request: PlatformRequest): boolean =>
  'raw' in request ? fastifyBelieves(request) : expressBelieves(request)

const responseOf = (context: ExecutionContext): PlatformResponse =>
  context.switchToHttp().getResponse<PlatformResponse>()

/** Of Express the response is that of Node itself. */
const rawOf = (response: PlatformResponse): ServerResponse =>
  response.raw ?? (response as unknown as ServerResponse)

const ADAPTER: RequestAdapter<Args, { readonly statusCode: number }> = {
  place: 'sluice/nestjs',
  peer: context => peerOf(messageOf(requestOf(context))),
  forwardedFor: context => forwardedForOf(messageOf(requestOf(context))),
  framework: {
    of: context => requestOf(context).ip,
    believesEveryProxy: context => believesEveryProxy(requestOf(context)),
    wayOut:
      "set 'trust proxy' (Express) or 'trustProxy' (Fastify) to how many proxies there are, or to their networks",
  },
  statusOf: ({ statusCode }) => statusCode,
  onGone: (listener, context) => onGone(rawOf(responseOf(context)), listener),
}

const SKIP = 'sluice:skip'

/** Leaves a controller or a handler to no guard of `rateLimitGuard`. */
export const SkipRateLimit = (): ClassDecorator & MethodDecorator => SetMetadata(SKIP, true)

/** The handler's own mark before that of its class. */
const isSkipped = (context: ExecutionContext): boolean =>
  [context.getHandler(), context.getClass()].some(target => Reflect.getMetadata(SKIP, target) === true)

/**
 * Makes a guard, by client address or by what `key` answers of the `ExecutionContext`. A refused request ends with an
 * `HttpException` (429, or 503 while the store cannot be asked), so that filters of the application see it.
 *
 * @throws OptionError, PolicyError
 */
export function rateLimitGuard<P extends PoliciesInput>(options: RateLimitOptions<P>): RateLimitGuard
export function rateLimitGuard<P extends PoliciesInput>(
  rate: RouteRate,
  options?: RateLimitOptions<P>,
): RateLimitGuard
export function rateLimitGuard<P extends PoliciesInput>(
  first: RouteRate | RateLimitOptions<P>,
  options?: RateLimitOptions<P>,
): RateLimitGuard {
  const limit = createRequestLimit(ADAPTER, first, options)
  const { handler, propertyName } = limit.config

  const canActivate = async (context: ExecutionContext): Promise<boolean> => {
    if (isSkipped(context)) return true
    const ruling = await limit.decide(context)
    if (ruling === CLIENT_LEFT) throw new HttpException('the client left', CLIENT_LEFT_STATUS)
    if (ruling === undefined) return true
    const response = responseOf(context)
    ruling.attachTo(requestOf(context), propertyName)
    if (!rawOf(response).headersSent) ruling.writeFields((name, value) => response.header(name, value))
    settleWhenFinished(ruling, rawOf(response), response)
    const { refused } = ruling
    if (refused === undefined) return true
    if (handler !== undefined) await handler(context, refused)
    response.header('Content-Type', refused.contentType)
    throw new HttpException(payloadOf(refused), refused.statusCode)
  }
  return withLimit({ canActivate }, limit)
}

/** As data, which Nest writes as JSON, or as the text that it is. */
const payloadOf = ({ contentType, body }: Refused): string | Record<string, unknown> =>
  contentType.startsWith('text/') ? body : (JSON.parse(body) as Record<string, unknown>)
