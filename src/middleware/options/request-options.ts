import type { DecisionData } from '../../decision.js'
import type { Strategy } from '../../inbound/index.js'
import type { Limiter } from '../../limiter/types.js'
import type { DurationText, LimitOptions, PoliciesInput, PolicyName, Rate } from '../../policy.js'
import type { Subject } from '../../subject.js'
import type { TrustProxy } from '../address/proxy-trust.js'
import type { HeaderFormat } from '../headers/header-writer.js'

export type Awaitable<T> = T | Promise<T>

/** A value for every request, or a function of the request, called with what the framework hands a handler. */
export type PerRequest<T, A extends readonly unknown[]> = T | ((...args: A) => Awaitable<T>)

/** A rate of its own for this route: `'100/m'`, or several limits, each by its own options or as a strategy by its name. */
export type RouteRate = Rate | readonly (Rate | LimitOptions | Strategy)[]

/**
 * One check of a request.
 *
 * @typeParam A what the framework hands a handler
 * @typeParam R what it has for a response
 * @typeParam P the limiter's policies
 */
export interface CheckOptions<A extends readonly unknown[], R, P extends PoliciesInput = PoliciesInput> {
  /** Name of the policy. */
  readonly policy: PolicyName<P>
  /** The subject. Default: the client's address. */
  readonly key?: (...args: A) => Awaitable<Subject>
  /** Units: an integer >= 1, or 0 for a request that is not to be checked. Default: 1. */
  readonly cost?: PerRequest<number, A>
  /** Another limit for this request, such as what this user has paid for; 0 refuses. Default: the policy's. */
  readonly limit?: PerRequest<number, A>
  /** Leaves this check out where it answers `true`, such as that of a user where nobody is signed in. */
  readonly skip?: (...args: A) => Awaitable<boolean>
  /**
   * Whether a request counts, asked when its response is finished: `res => res.statusCode >= 400` counts failures alone. Units
   * are taken before the handler runs and given back after it, so that no more than the limit can ever be counted,
   * however many requests run at once; whoever disconnects before the response is finished is counted.
   */
  readonly countWhen?: (response: R, ...args: A) => Awaitable<boolean>
  /** Only watches: decided by itself and told to `onShadow` and `shadow`, while the request goes on. Default: false. */
  readonly shadow?: boolean
}

/** What every adapter takes besides the options of a check. */
export interface CommonOptions<A extends readonly unknown[], R, P extends PoliciesInput> {
  /** Whose policies are checked. Default: one of its own in memory, for the rate that is given instead. */
  readonly limiter?: Limiter<P>
  /** Several checks as one decision: all pass and are charged, or none is. Instead of `policy` and its options. */
  readonly checks?: readonly CheckOptions<A, R, P>[]
  /** Requests that are not limited at all. */
  readonly skip?: (...args: A) => Awaitable<boolean>
  /** Client addresses and networks that are not limited. */
  readonly allowList?: readonly string[]
  /** Client addresses and networks that are refused (403). */
  readonly denyList?: readonly string[]
  /** Proxies whose `X-Forwarded-For` is believed. Default: as the framework is set up, else none. */
  readonly trustProxy?: TrustProxy
  /** The client's address, where the framework does not know it. */
  readonly address?: (...args: A) => string | undefined
  /** Bits of an IPv6 address that are one client, 1 to 128; `false`: all. Default: 56. */
  readonly ipv6Subnet?: number | false
  /** How clients are told: `'x'`, `'draft-6'`, `'draft-7'`, `'draft-11'`, several, or `'none'`. Default: `'x'`. */
  readonly headers?: HeaderFormat | readonly HeaderFormat[]
  /**
   * Name of one more header field, of refusals and of requests that were held back: s until the request can pass, or until
   * everything is back; in `X-RateLimit-Reset` s since 1970. Default: none besides `headers`.
   */
  readonly backpressureHeader?: string
  /** `false`: tells clients nothing but the status. Default: true. */
  readonly signalClient?: boolean
  /** Wait so long, such as `'5s'`, instead of being refused: first come, first served. Default: refused at once. */
  readonly maxWait?: DurationText
  /** Status of a refusal by a limit. Default: 429. */
  readonly statusCode?: number
  /** Body of a refusal by a limit: text, or what JSON makes of it. Default: a problem document (RFC 9457). */
  readonly message?: PerRequest<unknown, A>
  /** Name under which the request carries what was decided. Default: `rateLimit`. */
  readonly requestPropertyName?: string
  /** Told of every decision of a check with `shadow`. */
  readonly onShadow?: (decision: DecisionData, ...args: A) => void
  /**
   * `false`: goes by the framework's client address also where it believes every proxy, and does not warn where it counts a
   * request twice. Default: true.
   */
  readonly validate?: boolean
}

/** Names that express-rate-limit has for the same. */
export interface FamiliarOptions<A extends readonly unknown[]> {
  /** Without `limiter`: ms of a fixed window, with `limit`. Default: 60,000. */
  readonly windowMs?: number
  /** `key`, for those who come from express-rate-limit. */
  readonly keyGenerator?: (...args: A) => Awaitable<Subject>
  /** `headers: 'x'`. */
  readonly legacyHeaders?: boolean
  /** `headers`: `true` is `'draft-6'`, and `'draft-8'` is `'draft-11'`, which has its syntax. */
  readonly standardHeaders?: boolean | 'draft-6' | 'draft-7' | 'draft-8'
  /** `countWhen` the request was successful. */
  readonly skipFailedRequests?: boolean
  /** `countWhen` the request was not successful. */
  readonly skipSuccessfulRequests?: boolean
  /** For the two above. Default: a status below 400. */
  readonly requestWasSuccessful?: (...args: A) => Awaitable<boolean>
}

/**
 * Options of an adapter.
 *
 * @typeParam A what the framework hands a handler
 * @typeParam R what it has for a response
 * @typeParam H how a refusal is answered
 * @typeParam P the limiter's policies
 */
export interface RequestOptions<A extends readonly unknown[], R, H, P extends PoliciesInput = PoliciesInput>
  extends CommonOptions<A, R, P>,
    Partial<Omit<CheckOptions<A, R, P>, 'skip'>>,
    FamiliarOptions<A> {
  /** Answers a refused request in place of the adapter. The header fields are set. */
  readonly handler?: H
}
