import { Redis } from 'ioredis'
import { RateLimiterRedis } from 'rate-limiter-flexible'
import { type MigrateOptions, type MigrationSide, migrate } from '../../src/compat/index.js'
import { createLimiter } from '../../src/limiter.js'
import type { PoliciesInput } from '../../src/policy.js'
import { startRedis } from './redis-server.js'

export const HOUR_MS = 3_600_000

/** What the fleet before had: ten logins an hour. */
const LOGIN = { points: 10, duration: 3600, keyPrefix: 'login' }

/** The same limit of the fleet to come. */
export const hourly = (algorithm: string, limit = 10) =>
  ({ login: { algorithm, limit, window: '1h' } }) as PoliciesInput

export type Move = Awaited<ReturnType<typeof startMove>>

/** A server of its own with both fleets on it: rate-limiter-flexible before, Sluice afterwards. */
export async function startMove() {
  const server = await startRedis()
  const redis = new Redis(server.url)
  const closers: (() => Promise<unknown>)[] = []
  const before = new RateLimiterRedis({ storeClient: redis, ...LOGIN })

  /** Every key with what it holds and its end. */
  async function everything(): Promise<Record<string, unknown>> {
    const keys = (await redis.keys('*')).filter(key => !key.endsWith('sl1:meta')).sort()
    const read = async (key: string) => [
      key,
      (await redis.dump(key))?.toString(),
      await redis.pexpiretime(key),
    ]
    return Object.fromEntries((await Promise.all(keys.map(read))).map(([key, ...state]) => [key, state]))
  }

  return {
    url: server.url,
    redis,
    /** The limiter of the fleet before. */
    before,
    everything,
    flexible: (): MigrationSide => ({
      dialect: 'rate-limiter-flexible',
      store: server.url,
      limiters: { login: LOGIN },
    }),
    sluice: (policies: PoliciesInput): MigrationSide => ({ dialect: 'sluice', store: server.url, policies }),
    /** Carries at once: nobody but the test uses the server. */
    run: (options: Omit<MigrateOptions, 'settleMs'>) => migrate({ settleMs: 0, apply: true, ...options }),
    /** A limiter of the fleet to come, closed with the server. */
    limiterOf(policies: PoliciesInput, prefix?: string) {
      const limiter = createLimiter({ store: server.url, policies, prefix, deadline: '10s' })
      closers.push(() => limiter.close())
      return limiter
    },
    /** Closes something before the server stops. */
    closeLater: (close: () => Promise<unknown>): void => void closers.push(close),
    async stop(): Promise<void> {
      for (const close of closers) await close()
      await redis.quit()
      await server.stop()
    },
  }
}
