/**
 * `sluice/compat`: the keys of other rate limiters. A fleet moves over one replica at a time while both systems count
 * on the same keys; `docs/migration.md` is the guide.
 */
export {
  createDialectEngine,
  type DialectEngine,
  type DialectOptions,
  type RateLimiterFlexibleDialect,
  type RateLimitRedisDialect,
} from './dialects/dialect-engine.js'
export type { DialectStore } from './dialects/dialect-store.js'
export type { RateLimitRedisOptions } from './rate-limit-redis.js'
export type { RateLimiterFlexibleOptions } from './rate-limiter-flexible.js'
