/**
 * `sluice/compat`: the keys of other rate limiters. A fleet moves over one replica at a time while both systems count
 * on the same keys; `docs/migration.md` is the guide.
 */
export {
  createDialectEngine,
  type DialectEngine,
  type DialectOptions,
  type McpGatewayDialect,
  type RateLimiterFlexibleDialect,
  type RateLimitRedisDialect,
} from './dialects/dialect-engine.js'
export type { DialectStore } from './dialects/dialect-store.js'
export type { GatewayAnswer, GatewayDimensionAnswer } from './mcp-gateway/batch-answer.js'
export type { GatewayAlgorithm, GatewayConfig, GatewayGeneration } from './mcp-gateway/config.js'
export type { GatewayCall } from './mcp-gateway/dimensions.js'
export type { GatewayEngine, GatewayPolicy } from './mcp-gateway/gateway-engine.js'
export {
  type MigrateOptions,
  type MigrationCounts,
  type MigrationOutcome,
  type MigrationPlace,
  type MigrationReport,
  migrate,
} from './migrate/migrate.js'
export type { LiveKey } from './migrate/quiet.js'
export type { MigrationSide, SluiceSide } from './migrate/sides.js'
export type { RateLimitRedisOptions } from './rate-limit-redis.js'
export type { RateLimiterFlexibleOptions } from './rate-limiter-flexible.js'
