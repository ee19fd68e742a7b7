import type { Clock } from '../../core/time.js'
import type { Engine } from '../../engine/engine.js'
import { OptionError } from '../../errors.js'
import { didYouMean, list, show } from '../../policy/refusal.js'
import type { FixedWindowOptions, PoliciesInput } from '../../policy.js'
import { type GatewayConfig, type GatewayGeneration, readGatewayConfig } from '../mcp-gateway/config.js'
import { GatewayEngine } from '../mcp-gateway/gateway-engine.js'
import { type RateLimitRedisOptions, rateLimitRedis } from '../rate-limit-redis.js'
import { type RateLimiterFlexibleOptions, rateLimiterFlexible } from '../rate-limiter-flexible.js'
import { CounterEngine } from './counter-engine.js'
import { DialectConnection, type DialectStore } from './dialect-store.js'

/** An engine on the keys of another system, for `createLimiter({ store: engine, policies: engine.policies })`. */
export interface DialectEngine<P extends PoliciesInput = PoliciesInput> extends Engine {
  /** The limiters of that system as policies of the same names. */
  readonly policies: P
}

export interface RateLimiterFlexibleDialect<N extends string = string> {
  readonly dialect: 'rate-limiter-flexible'
  readonly store: DialectStore
  /** The options of each limiter of the fleet, by the name its policy is to have. */
  readonly limiters: Readonly<Record<N, RateLimiterFlexibleOptions>>
}

export interface RateLimitRedisDialect<N extends string = string> {
  readonly dialect: 'rate-limit-redis'
  readonly store: DialectStore
  /** The options of each limiter of the fleet, by the name its policy is to have. */
  readonly limiters: Readonly<Record<N, RateLimitRedisOptions>>
}

export interface McpGatewayDialect {
  readonly dialect: 'mcp-gateway'
  readonly store: DialectStore
  /** The limiter's part of the gateway's configuration. */
  readonly config: GatewayConfig
  /** Which release wrote the keys. Default: `0.1.12`. */
  readonly generation?: GatewayGeneration
  /** Decides by this clock instead of the server's, as its replicas do by theirs: for replays and tests. */
  readonly clock?: Clock
}

export type DialectOptions = RateLimiterFlexibleDialect | RateLimitRedisDialect | McpGatewayDialect

/** Options by dialect. */
const OPTIONS: Readonly<Record<DialectOptions['dialect'], readonly string[]>> = {
  'mcp-gateway': ['dialect', 'store', 'config', 'generation', 'clock'],
  'rate-limiter-flexible': ['dialect', 'store', 'limiters'],
  'rate-limit-redis': ['dialect', 'store', 'limiters'],
}
const DIALECTS = Object.keys(OPTIONS)

/**
 * Makes an engine that reads and writes the keys of another system by that system's own arithmetic, so that replicas of
 * both share their counters while a fleet moves over. `docs/migration.md` tells what is kept of each.
 *
 * ```ts
 * const engine = createDialectEngine({
 *   dialect: 'rate-limiter-flexible', store: 'redis://…',
 *   limiters: { login: { points: 5, duration: 900, keyPrefix: 'login_fail' } },
 * })
 * const limiter = createLimiter({ store: engine, policies: engine.policies })
 * ```
 *
 * @throws OptionError listing everything that is wrong with the options
 */
export function createDialectEngine<const N extends string>(
  options: RateLimiterFlexibleDialect<N>,
): DialectEngine<Readonly<Record<N, FixedWindowOptions>>>
export function createDialectEngine<const N extends string>(
  options: RateLimitRedisDialect<N>,
): DialectEngine<Readonly<Record<N, FixedWindowOptions>>>
export function createDialectEngine(options: McpGatewayDialect): GatewayEngine
export function createDialectEngine(options: DialectOptions): DialectEngine {
  assertOptions(options)
  // Connects last, when everything else about the options is known to be right.
  const connect = () => new DialectConnection(options.store)
  switch (options.dialect) {
    case 'rate-limiter-flexible':
      return new CounterEngine(rateLimiterFlexible(options.limiters), connect())
    case 'rate-limit-redis':
      return new CounterEngine(rateLimitRedis(options.limiters), connect())
    case 'mcp-gateway': {
      const setup = readGatewayConfig(options.config, options.generation)
      return new GatewayEngine(setup, connect(), options.clock)
    }
  }
}

/** What the dialects' own readers do not see. @throws OptionError */
function assertOptions(options: unknown): void {
  if (typeof options !== 'object' || options === null) {
    throw new OptionError(
      `${show(options)} is not an object of options, such as { dialect: 'rate-limit-redis', store, limiters }`,
    )
  }
  const { dialect, store } = options as { readonly dialect?: unknown; readonly store?: unknown }
  const names = Object.entries(OPTIONS).find(([name]) => name === dialect)?.[1]
  if (names === undefined) {
    throw new OptionError(
      `${show(dialect)} is not a dialect; dialects are ${list(DIALECTS)}${didYouMean(String(dialect), DIALECTS)}`,
    )
  }
  const unknown = Object.keys(options).find(name => !names.includes(name))
  if (unknown !== undefined) {
    throw new OptionError(
      `${show(unknown)} is not an option of the dialect '${dialect}'; options are ${list(names)}${didYouMean(unknown, names)}`,
    )
  }
  if (store === undefined) throw new OptionError("store: is missing; give 'redis://host:6379', or a client")
}
