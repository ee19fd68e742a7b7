/**
 * `sluice/rate-limiter-flexible`: limiters with the calls of rate-limiter-flexible 11, so that a program moves over by its
 * import. `docs/http.md` is the guide.
 */
export type {
  ConsumeOptions,
  RateLimiterLike,
  RateLimiterMemoryOptions,
  RateLimiterOptions,
  RateLimiterRedisOptions,
} from './options.js'
export { RateLimiterMemory } from './rate-limiter-memory.js'
export { RateLimiterRedis } from './rate-limiter-redis.js'
export { RateLimiterRes } from './rate-limiter-res.js'
