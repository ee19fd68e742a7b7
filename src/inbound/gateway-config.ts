import type { LimiterOptions } from '../limiter/options.js'
import type { Limiter } from '../limiter/types.js'
import type { TrustProxy } from '../middleware/address/proxy-trust.js'
import type { HeaderFormat } from '../middleware/headers/header-writer.js'
import type { PoliciesInput } from '../policy.js'
import type { ScopeName } from '../scope.js'
import type { FallbackListener, MissingUserWord } from './dimensions.js'
import type { GatewayCall } from './identity.js'
import type { GatewayLimit, RateAlgorithm } from './read-limits.js'
import type { Backpressure } from './read-signal.js'
import type { ShadowListener } from './shadow.js'

/** What requests are counted by; each is left out, `null`, or a limit. At least one is given. */
export interface GatewayDimensions {
  /** Of each user, whatever the tool or server; within a tenant where there is one. */
  readonly by_user?: GatewayLimit | null | undefined
  /** Of each user at each server. A request without a server is an error. */
  readonly by_user_per_server?: GatewayLimit | null | undefined
  /** Of all users of a tenant. A request without a tenant is not counted. */
  readonly by_tenant?: GatewayLimit | null | undefined
  /**
   * Of each tool or prompt, by its name or by patterns in which `*` stands for any characters. One of them counts: the name
   * itself, else the pattern with the most characters besides `*`. Within a tenant where there is one.
   */
  readonly by_tool?: Readonly<Record<string, GatewayLimit>> | null | undefined
  /** Of each server; requests without one share the place `default`, and so do those below. */
  readonly by_server?: GatewayLimit | null | undefined
  readonly by_method?: GatewayLimit | null | undefined
  /** Of each method and URL. */
  readonly by_endpoint?: GatewayLimit | null | undefined
  readonly by_session?: GatewayLimit | null | undefined
  /** Of each address of a client. */
  readonly by_address?: GatewayLimit | null | undefined
  /** Limits of your own, by scopes. */
  readonly custom?: readonly CustomLimit[] | null | undefined
}

export interface CustomLimit {
  /** As it is called in decisions and keys. */
  readonly name: string
  /** `Global`, `PerServer`, `PerMethod`, `PerEndpoint`, `PerSession`, `PerTool`, or a function of the request. */
  readonly scope: ScopeName | ((request: GatewayCall) => string)
  readonly limit: GatewayLimit
}

/** Options of `createGatewayLimits`: what is limited, and by which limiter. */
export interface GatewayConfig<P extends PoliciesInput = PoliciesInput>
  extends GatewayDimensions,
    Omit<LimiterOptions, 'policies'> {
  /** What decides limits that are written as rates. Default: `gcra`. */
  readonly algorithm?: RateAlgorithm | undefined
  /**
   * A request without a user: `anonymous` counts all of them as one user, whom no real one can be; `skip` leaves out the
   * limits by user; `refuse` is a SubjectError; `{ limit }` counts them by a limit of their own, instead of those by user.
   * Default: `anonymous`.
   */
  readonly missing_user?: MissingUserWord | { readonly limit: GatewayLimit } | undefined
  /** Proxies whose `forwardedFor` is believed: how many, or their networks (`docs/http.md`). Default: none. */
  readonly trustProxy?: TrustProxy | undefined
  /** Bits of an IPv6 address that are one client of `by_address`, 1 to 128; `false`: all. Default: 56. */
  readonly ipv6Subnet?: number | false | undefined
  /** What `headersOf` writes: `'x'`, `'draft-6'`, `'draft-7'`, `'draft-11'`, several, or `'none'`. Default: `'x'`. */
  readonly headers?: HeaderFormat | readonly HeaderFormat[] | undefined
  /** Waiting instead of refusing, and what clients are told of it. Default: refused at once. */
  readonly backpressure?: Backpressure | undefined
  /**
   * Dimensions that only watch, such as `['by_tool']`: decided by themselves and counted in `shadow` of the limits, while
   * requests go on. Default: none.
   */
  readonly shadow?: readonly string[] | undefined
  /** Told of every decision of `shadow`. */
  readonly onShadow?: ShadowListener | undefined
  /** Decides, instead of a limiter that is made here with the options of `createLimiter` that are given. */
  readonly limiter?: Limiter<P> | undefined
  /** Stands before the names of the policies, for several on one `limiter`: `<name>.by_user`. Default: nothing. */
  readonly name?: string | undefined
  /** Told when the function of a scope threw, or answered no text, and the request counts as `default`. */
  readonly onFallback?: FallbackListener | undefined
}
