import fc from 'fast-check'
import { Redis } from 'ioredis'
import { RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { createDialectEngine, type RateLimiterFlexibleOptions } from '../../src/compat/index.js'
import { createLimiter } from '../../src/limiter.js'
import { endsAfter, type Settled, settleEnds } from '../support/key-ends.js'

/** Longer than a test may take, so that no window ends in between. */
const HOUR_S = 3600

let redis: Redis
const closers: (() => Promise<unknown>)[] = []
let prefixes = 0

beforeAll(() => {
  redis = new Redis(inject('redisUrl'))
})

afterAll(async () => {
  for (const close of closers) await close()
  await redis.quit()
})

/** Both systems on the same keys, as two replicas of one fleet. */
function pair(options: Omit<RateLimiterFlexibleOptions, 'keyPrefix'>) {
  const keyPrefix = `flexible-${++prefixes}`
  const theirs = new RateLimiterRedis({ storeClient: redis, keyPrefix, ...options })
  const engine = createDialectEngine({
    dialect: 'rate-limiter-flexible',
    store: inject('redisUrl'),
    limiters: { login: { keyPrefix, ...options } },
  })
  const ours = createLimiter({ store: engine, policies: engine.policies, deadline: '10s' })
  closers.push(() => ours.close())
  return { theirs, ours, keyPrefix }
}

/** Their answer in our words. They reject with the answer where they refuse. */
async function consumeTheirs(limiter: RateLimiterRedis, key: string, points: number) {
  try {
    const { remainingPoints } = await limiter.consume(key, points)
    return { allowed: true, remaining: remainingPoints }
  } catch (answer) {
    if (!(answer instanceof RateLimiterRes)) throw answer
    return { allowed: false, remaining: answer.remainingPoints }
  }
}

describe('a replica on rate-limiter-flexible and one on Sluice', () => {
  test('keep one count, whoever is asked: each answer is the one that theirs alone would give', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 8 }),
        fc.constantFrom(0, 2 * HOUR_S),
        fc.array(
          fc.record({
            isOurs: fc.boolean(),
            points: fc.integer({ min: 1, max: 3 }),
            ends: fc.constantFrom<Settled>('half an hour left', 'half an hour left', 'no end'),
          }),
          { maxLength: 12 },
        ),
        async (most, blockDuration, hits) => {
          const points = Math.max(3, most)
          const { theirs, ours, keyPrefix } = pair({ points, duration: HOUR_S, blockDuration })
          const keys = [`${keyPrefix}:alone`, `${keyPrefix}:mixed`]
          const livesMs = [HOUR_S * 1000, 2 * HOUR_S * 1000]
          for (const hit of hits) {
            const [aloneEnd, mixedEnd] = await endsAfter(redis, keys, livesMs, async () => {
              const alone = await consumeTheirs(theirs, 'alone', hit.points)
              const { allowed, remaining } = hit.isOurs
                ? await ours.check('login', 'mixed', { cost: hit.points })
                : await consumeTheirs(theirs, 'mixed', hit.points)
              expect({ allowed, remaining }).toEqual(alone)
            })
            expect(mixedEnd).toBe(aloneEnd)
            const [alone, mixed] = await redis.mget(keys)
            expect(mixed).toBe(alone)
            await settleEnds(redis, keys, hit.ends)
          }
        },
      ),
      { numRuns: 40 },
    )
  })

  test('count what either of them refuses', async () => {
    const { theirs, ours } = pair({ points: 1, duration: HOUR_S })
    await theirs.consume('u')
    for (let refused = 1; refused <= 3; refused++) {
      expect(await ours.check('login', 'u')).toMatchObject({ allowed: false, source: 'redis' })
      expect((await theirs.get('u'))?.consumedPoints).toBe(1 + refused)
    }
  })

  test('tell the same wait', async () => {
    const { theirs, ours } = pair({ points: 1, duration: HOUR_S })
    await theirs.consume('u')
    const refused = await ours.check('login', 'u')
    const answer = await theirs.get('u')
    expect(refused).toMatchObject({ allowed: false, reason: 'limit', source: 'redis' })
    expect(refused.retryAfterMs).toBeGreaterThanOrEqual(answer?.msBeforeNext ?? Number.NaN)
    expect(refused.retryAfterMs).toBeLessThanOrEqual(3_600_000)
  })

  test('block for the block duration, whoever sees the point too many', async () => {
    const { theirs, ours } = pair({ points: 2, duration: HOUR_S, blockDuration: 2 * HOUR_S })
    await theirs.consume('u', 2)
    expect((await ours.check('login', 'u')).retryAfterMs).toBe(7_200_000)
    expect((await theirs.get('u'))?.msBeforeNext).toBeGreaterThan(5_400_000)

    await ours.check('login', 'v', { cost: 2 })
    expect(await consumeTheirs(theirs, 'v', 1)).toMatchObject({ allowed: false })
    expect((await ours.check('login', 'v')).retryAfterMs).toBeGreaterThan(5_400_000)
  })

  test('begin a block only at the count that blockOnConsumed names', async () => {
    const { theirs, ours } = pair({
      points: 1,
      duration: HOUR_S,
      blockDuration: 2 * HOUR_S,
      blockOnConsumed: 3,
    })
    await theirs.consume('u')
    expect((await ours.check('login', 'u')).retryAfterMs).toBeLessThanOrEqual(3_600_000)
    expect((await ours.check('login', 'u')).retryAfterMs).toBe(7_200_000)
    expect((await theirs.get('u'))?.msBeforeNext).toBeGreaterThan(5_400_000)
  })

  test('see what the other gave back, added, forgot and blocked', async () => {
    const { theirs, ours } = pair({ points: 10, duration: HOUR_S })
    const { receipt } = await ours.check('login', 'u', { cost: 4 })
    await theirs.penalty('u', 2)
    expect(await ours.peek('login', 'u')).toMatchObject({ remaining: 4 })
    await ours.debit('login', 'u', { cost: 3 })
    expect((await theirs.get('u'))?.consumedPoints).toBe(9)
    await theirs.reward('u', 1)
    await ours.refund(receipt as NonNullable<typeof receipt>)
    expect((await theirs.get('u'))?.consumedPoints).toBe(4)
    await ours.reset('login', 'u')
    expect(await theirs.get('u')).toBeNull()
    await ours.block('login', 'u', { for: '1h' })
    expect(await consumeTheirs(theirs, 'u', 1)).toMatchObject({ allowed: false })
    await theirs.delete('u')
    await theirs.block('u', 3600)
    expect(await ours.check('login', 'u')).toMatchObject({ allowed: false, remaining: 0 })
  })

  test('a charge of a window that is over gives nothing back to the next one', async () => {
    const { ours, theirs, keyPrefix } = pair({ points: 10, duration: HOUR_S })
    const { receipt } = await ours.check('login', 'u', { cost: 4 })
    // The window ends, and another begins: their expiry knows milliseconds.
    await new Promise(resolve => setTimeout(resolve, 2))
    await redis.del(`${keyPrefix}:u`)
    await theirs.consume('u', 4)
    await ours.refund(receipt as NonNullable<typeof receipt>)
    expect((await theirs.get('u'))?.consumedPoints).toBe(4)
  })

  test('a client of theirs that writes a prefix of its own is understood', async () => {
    const client = new Redis(inject('redisUrl'), { keyPrefix: `app-${++prefixes}:` })
    const theirs = new RateLimiterRedis({ storeClient: client, points: 10, duration: HOUR_S })
    const limiters = { login: { points: 10, duration: HOUR_S } }
    const engine = createDialectEngine({ dialect: 'rate-limiter-flexible', store: client, limiters })
    const ours = createLimiter({ store: engine, policies: engine.policies, deadline: '10s' })
    await theirs.consume('u', 4)
    expect(await ours.check('login', 'u')).toMatchObject({ remaining: 5 })
    await ours.close()
    await client.quit()
  })

  test('a key that has lost its expiry gets one with the next hit', async () => {
    const { ours, keyPrefix } = pair({ points: 10, duration: HOUR_S })
    await redis.set(`${keyPrefix}:u`, 3)
    expect(await ours.check('login', 'u')).toMatchObject({ remaining: 6, resetAfterMs: 3_600_000 })
    expect(await redis.pttl(`${keyPrefix}:u`)).toBeGreaterThan(0)
  })
})

describe('what the keys of rate-limiter-flexible cannot do', () => {
  const { ours, keyPrefix } = (() => {
    const engine = createDialectEngine({
      dialect: 'rate-limiter-flexible',
      store: inject('redisUrl'),
      limiters: { login: { points: 5, duration: HOUR_S, keyPrefix: 'flexible-refusals' } },
    })
    const policies = {
      ...engine.policies,
      smooth: '5/m',
      several: ['5/m', '50/h'],
      parts: { limit: 5, window: '1m', by: ['tenant', 'user'] },
    }
    const limiter = createLimiter({ store: engine, policies, deadline: '10s' })
    closers.push(() => limiter.close())
    return { ours: limiter, keyPrefix: 'flexible-refusals' }
  })()

  test.each<[string, () => Promise<unknown>, RegExp]>([
    [
      'a policy that is none of its limiters',
      () => ours.check('smooth', 'u'),
      /no limiter 'smooth'; limiters are login/,
    ],
    [
      'several limits at once',
      () => ours.check('several', 'u'),
      /one limit at a time, and this request has 2/,
    ],
    ['a subject of named parts', () => ours.check('login', { user: 'u' }), /plain texts for subjects/],
    ['lifting a block', () => ours.unblock('login', 'u'), /reset forgets both/],
    [
      'several checks as one',
      () =>
        ours.checkAll([
          { policy: 'login', subject: 'u' },
          { policy: 'login', subject: 'v' },
        ]),
      /one limit at a time/,
    ],
  ])('%s', async (_, call, message) => {
    await expect(call()).rejects.toMatchObject({
      code: 'ERR_SLUICE_DIALECT',
      message: expect.stringMatching(message),
    })
  })

  test('a subject too long to be kept as it is', async () => {
    await expect(ours.check('login', 'u'.repeat(300))).rejects.toThrow(
      /more than 256 bytes is kept as its hash/,
    )
  })

  test('a cost above the points', async () => {
    await expect(ours.check('login', 'u', { cost: 6 })).rejects.toThrow(/can never admit a cost of 6/)
  })

  test('a key of another type or with another value, which stay as they are', async () => {
    await redis.rpush(`${keyPrefix}:list`, 'x')
    await redis.set(`${keyPrefix}:text`, '1.5')
    await expect(ours.check('login', 'list')).rejects.toMatchObject({ code: 'ERR_SLUICE_WRONG_TYPE' })
    await expect(ours.check('login', 'text')).rejects.toMatchObject({ code: 'ERR_SLUICE_FOREIGN_VALUE' })
    expect(await redis.get(`${keyPrefix}:text`)).toBe('1.5')
    await redis.del(`${keyPrefix}:list`, `${keyPrefix}:text`)
  })
})
