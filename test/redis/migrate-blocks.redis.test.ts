import { RateLimiterRedis } from 'rate-limiter-flexible'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { MigrationSide } from '../../src/compat/index.js'
import { HOUR_MS, hourly, type Move, startMove } from '../support/migration.js'

const ALGORITHMS = [
  'fixed_window',
  'sliding_window',
  'sliding_counter',
  'gcra',
  'token_bucket',
  'leaky_bucket',
]

let move: Move

beforeAll(async () => {
  move = await startMove()
})

afterAll(() => move.stop())

beforeEach(() => move.redis.flushall())

/** Ten logins an hour; the eleventh blocks for three hours. */
const STRICT = { points: 10, duration: 3600, keyPrefix: 'login', blockDuration: 3 * 3600 }
const strict = (): MigrationSide => ({
  dialect: 'rate-limiter-flexible',
  store: move.url,
  limiters: { login: STRICT },
})

describe('a block of rate-limiter-flexible', () => {
  test.each(ALGORITHMS)(
    'stays one, to the same instant, however the new policy counts: %s',
    async algorithm => {
      const before = new RateLimiterRedis({ storeClient: move.redis, ...STRICT })
      await before.consume('ann', 11).catch(() => {})
      await before.consume('bob', 10)
      const options = { from: strict(), to: move.sluice(hourly(algorithm)) }
      expect((await move.run(options)).counts).toMatchObject({ carried: 2, stricter: 0 })

      const limiter = move.limiterOf(hourly(algorithm))
      const refused = await limiter.check('login', 'ann')
      expect(refused).toMatchObject({ allowed: false, reason: 'blocked' })
      expect(refused.retryAfterMs).toBeGreaterThan(2 * HOUR_MS)
      expect(refused.retryAfterMs).toBeLessThanOrEqual(3 * HOUR_MS + 1)
      expect(await limiter.check('login', 'bob')).toMatchObject({ allowed: false, reason: 'limit' })

      const after = await move.everything()
      expect((await move.run(options)).counts).toMatchObject({ carried: 0, stricter: 2 })
      expect(await move.everything()).toEqual(after)
    },
  )

  test('by hand is one as well, where nothing is configured to block', async () => {
    await move.before.block('ann', 7200)
    await move.run({ from: move.flexible(), to: move.sluice(hourly('gcra')) })
    expect(await move.limiterOf(hourly('gcra')).check('login', 'ann')).toMatchObject({ reason: 'blocked' })
  })

  test('that is nearly over is known by its count', async () => {
    await move.redis.set('login:ann', '11', 'PX', 600_000)
    await move.run({ from: strict(), to: move.sluice(hourly('gcra')) })
    const refused = await move.limiterOf(hourly('gcra')).check('login', 'ann')
    expect(refused.reason).toBe('blocked')
    expect(refused.retryAfterMs).toBeLessThanOrEqual(600_001)
  })

  test('is not shortened, nor one of the new limiter that is longer', async () => {
    const limiter = move.limiterOf(hourly('gcra'))
    await limiter.block('login', 'ann', { for: '1d' })
    await limiter.block('login', 'bob', { for: '1m' })
    await move.before.block('ann', 7200)
    await move.before.block('bob', 7200)
    await move.run({ from: move.flexible(), to: move.sluice(hourly('gcra')) })
    expect((await limiter.check('login', 'ann')).retryAfterMs).toBeGreaterThan(2 * HOUR_MS)
    expect((await limiter.check('login', 'bob')).retryAfterMs).toBeGreaterThan(HOUR_MS)
  })

  test('in a dry run is told, and not written', async () => {
    await move.before.block('ann', 7200)
    const before = await move.everything()
    const options = { from: move.flexible(), to: move.sluice(hourly('gcra')), apply: false }
    expect((await move.run(options)).counts).toMatchObject({ carried: 1 })
    expect(await move.everything()).toEqual(before)
  })
})

describe('a block of Sluice', () => {
  test.each(ALGORITHMS)('goes to another prefix with everything used: %s', async algorithm => {
    const policies = hourly(algorithm)
    const old = move.limiterOf(policies)
    await old.check('login', 'ann', { cost: 4 })
    await old.block('login', 'ann', { for: '2h' })
    const to = { ...move.sluice(policies), prefix: 'new' } as MigrationSide
    const options = { from: move.sluice(policies), to }
    expect((await move.run(options)).counts).toMatchObject({ carried: 1 })
    const after = await move.everything()
    expect((await move.run(options)).counts).toMatchObject({ carried: 0, stricter: 1 })
    expect(await move.everything()).toEqual(after)

    const limiter = move.limiterOf(policies, 'new')
    expect(await limiter.check('login', 'ann')).toMatchObject({ reason: 'blocked' })
    await limiter.unblock('login', 'ann')
    expect(await limiter.peek('login', 'ann')).toMatchObject({ remaining: 0 })
  })

  test('goes back to rate-limiter-flexible as one of its own', async () => {
    const limiter = move.limiterOf(hourly('gcra'))
    await limiter.block('login', 'ann', { for: '2h' })
    await move.run({ from: move.sluice(hourly('gcra')), to: move.flexible() })
    const answer = await move.before.get('ann')
    expect(answer?.consumedPoints).toBe(11)
    expect(answer?.msBeforeNext).toBeGreaterThan(HOUR_MS)
  })
})
