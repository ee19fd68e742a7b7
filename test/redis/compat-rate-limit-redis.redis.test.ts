import fc from 'fast-check'
import { Redis } from 'ioredis'
import { RedisStore } from 'rate-limit-redis'
import { RedisStore as RedisStore5 } from 'rate-limit-redis-5'
import { createClient } from 'redis'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { createDialectEngine } from '../../src/compat/index.js'
import { Op, Status } from '../../src/core/step.js'
import { createLimiter } from '../../src/limiter.js'
import { consume, hourly } from '../support/checks.js'
import { endsAfter, type Settled, settleEnds } from '../support/key-ends.js'

/** Longer than a test may take, so that none of them ends in between. */
const WINDOW_MS = 3_600_000

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

const sendCommand = async (...command: string[]) =>
  (await redis.call(command[0] as string, ...command.slice(1))) as string | number

interface Store {
  increment(key: string): Promise<{ totalHits: number }>
  decrement(key: string): Promise<void>
}

/** Both systems on the same keys, as two replicas of one fleet. */
async function pair({ limit = 5, resetExpiryOnChange = false } = {}) {
  const prefix = `hits-${++prefixes}:`
  const theirs = resetExpiryOnChange
    ? new RedisStore5({ sendCommand, prefix, resetExpiryOnChange })
    : new RedisStore({ sendCommand, prefix })
  await theirs.init({ windowMs: WINDOW_MS } as Parameters<RedisStore['init']>[0])
  const engine = createDialectEngine({
    dialect: 'rate-limit-redis',
    store: inject('redisUrl'),
    limiters: { api: { limit, windowMs: WINDOW_MS, prefix, resetExpiryOnChange } },
  })
  const ours = createLimiter({ store: engine, policies: engine.policies, deadline: '10s' })
  closers.push(() => ours.close())
  return { theirs, ours, prefix, limit }
}

/** As express-rate-limit reads the count of its store. */
async function hitTheirs(store: Store, key: string, limit: number) {
  const { totalHits } = await store.increment(key)
  return { allowed: totalHits <= limit, remaining: Math.max(limit - totalHits, 0) }
}

describe('a replica on rate-limit-redis and one on Sluice', () => {
  test.each([
    ['version 6', false],
    ['version 5, where every hit starts the window anew', true],
  ])('keep one count, whoever is asked: %s', async (_, resetExpiryOnChange) => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 6 }),
        fc.array(
          fc.record({
            isOurs: fc.boolean(),
            ends: fc.constantFrom<Settled>('half an hour left', 'half an hour left', 'no end'),
          }),
          { maxLength: 10 },
        ),
        async (limit, hits) => {
          const { theirs, ours, prefix } = await pair({ limit, resetExpiryOnChange })
          const keys = [`${prefix}alone`, `${prefix}mixed`]
          for (const { isOurs, ends } of hits) {
            const [aloneEnd, mixedEnd] = await endsAfter(redis, keys, [WINDOW_MS], async () => {
              const alone = await hitTheirs(theirs, 'alone', limit)
              const { allowed, remaining } = isOurs
                ? await ours.check('api', 'mixed')
                : await hitTheirs(theirs, 'mixed', limit)
              expect({ allowed, remaining }).toEqual(alone)
            })
            expect(mixedEnd).toBe(aloneEnd)
            const [alone, mixed] = await redis.mget(keys)
            expect(mixed).toBe(alone)
            await settleEnds(redis, keys, ends)
          }
        },
      ),
      { numRuns: 25 },
    )
  })

  test('count what either of them refuses', async () => {
    const { theirs, ours, prefix } = await pair({ limit: 1 })
    await theirs.increment('u')
    for (let refused = 1; refused <= 3; refused++) {
      expect(await ours.check('api', 'u')).toMatchObject({ allowed: false, source: 'redis' })
      expect(await redis.get(`${prefix}u`)).toBe(String(1 + refused))
    }
  })

  test('tell the same wait and the same count', async () => {
    const { theirs, ours } = await pair({ limit: 1 })
    await theirs.increment('u')
    const refused = await ours.check('api', 'u')
    expect(refused).toMatchObject({ allowed: false, remaining: 0 })
    expect(refused.retryAfterMs).toBeGreaterThan(WINDOW_MS / 2)
    expect(refused.retryAfterMs).toBeLessThanOrEqual(WINDOW_MS)
    expect((await (theirs as RedisStore).get('u'))?.totalHits).toBe(2)
  })

  test('a limit for one call, as where theirs is a function', async () => {
    const { theirs, ours } = await pair({ limit: 5 })
    await theirs.increment('u')
    expect(await ours.check('api', 'u', { limit: 2 })).toMatchObject({
      allowed: true,
      limit: 2,
      remaining: 0,
    })
    expect(await ours.check('api', 'u', { limit: 2 })).toMatchObject({ allowed: false })
    expect(await ours.check('api', 'u')).toMatchObject({ allowed: true, remaining: 1 })
    // @ts-expect-error the names of the limiters are those of the policies
    await expect(ours.check('apy', 'u')).rejects.toMatchObject({ code: 'ERR_SLUICE_UNKNOWN_POLICY' })
  })

  test('share by a client of node-redis as well, which stays open', async () => {
    const client = await createClient({ url: inject('redisUrl') }).connect()
    const prefix = `hits-${++prefixes}:`
    const theirs = new RedisStore({ sendCommand: (...command) => client.sendCommand(command), prefix })
    await theirs.init({ windowMs: WINDOW_MS } as Parameters<RedisStore['init']>[0])
    const limiters = { api: { limit: 5, windowMs: WINDOW_MS, prefix } }
    const engine = createDialectEngine({ dialect: 'rate-limit-redis', store: client, limiters })
    const ours = createLimiter({ store: engine, policies: engine.policies, deadline: '10s' })
    await theirs.increment('u')
    expect(await ours.check('api', 'u')).toMatchObject({ remaining: 3 })
    await ours.close()
    expect((await theirs.increment('u')).totalHits).toBe(3)
    client.destroy()
  })

  test('see what the other gave back and forgot', async () => {
    const { theirs, ours } = await pair({ limit: 5 })
    const { receipt } = await ours.check('api', 'u', { cost: 3 })
    await theirs.decrement('u')
    expect(await ours.peek('api', 'u')).toMatchObject({ remaining: 3 })
    await ours.refund(receipt as NonNullable<typeof receipt>)
    expect(await hitTheirs(theirs, 'u', 5)).toEqual({ allowed: true, remaining: 4 })
    await ours.reset('api', 'u')
    expect(await hitTheirs(theirs, 'u', 5)).toEqual({ allowed: true, remaining: 4 })
    await theirs.resetKey('u')
    expect(await ours.peek('api', 'u')).toMatchObject({ remaining: 5, resetAfterMs: 0 })
  })

  test('a key without an expiry, as their decrement leaves one behind, begins anew at the next hit', async () => {
    const { theirs, ours, prefix } = await pair({ limit: 5 })
    await theirs.decrement('u')
    expect(await redis.pttl(`${prefix}u`)).toBe(-1)
    expect(await ours.check('api', 'u')).toMatchObject({ remaining: 4, resetAfterMs: WINDOW_MS })
    expect(await redis.pttl(`${prefix}u`)).toBeGreaterThan(0)
  })

  test('a debit goes over the limit, and both refuse', async () => {
    const { theirs, ours } = await pair({ limit: 5 })
    await theirs.increment('u')
    await ours.debit('api', 'u', { cost: 100 })
    expect(await ours.peek('api', 'u')).toMatchObject({ allowed: false, remaining: 0 })
    expect((await (theirs as RedisStore).get('u'))?.totalHits).toBe(10)
    expect(await hitTheirs(theirs, 'u', 5)).toMatchObject({ allowed: false })
  })

  test('a grant takes what is left, and no more', async () => {
    const { theirs, ours, prefix } = await pair({ limit: 5 })
    await theirs.increment('u')
    const engine = createDialectEngine({
      dialect: 'rate-limit-redis',
      store: inject('redisUrl'),
      limiters: { hourly: { limit: 5, windowMs: 3_600_000, prefix } },
    })
    closers.push(() => engine.close())
    const grant = { ...consume(hourly(5), 'u', 10), op: Op.grant }
    const took = async () => (await engine.decide([grant])).checks[0]
    expect(await took()).toMatchObject({ status: Status.allowed, granted: 4, remaining: 0 })
    expect(await took()).toMatchObject({ status: Status.denied, granted: 0 })
    expect(await ours.peek('api', 'u')).toMatchObject({ allowed: false })
  })
})

describe('what is wrong with a dialect', () => {
  const open = (options: unknown) => () =>
    createDialectEngine(options as Parameters<typeof createDialectEngine>[0])

  test('is told before anything is connected', () => {
    expect(open({ dialect: 'rate-limit-reddis', store: 'redis://localhost' })).toThrow(
      /'rate-limit-reddis' is not a dialect; .*did you mean 'rate-limit-redis'/,
    )
    expect(open({ dialect: 'rate-limit-redis', store: 'redis://localhost', limiters: {} })).toThrow(
      /limiters: is empty/,
    )
  })

  test.each<[unknown, RegExp]>([
    [undefined, /undefined is not an object of options/],
    [{ dialect: 'rate-limit-redis', limiters: { a: { limit: 1 } } }, /store: is missing/],
    [
      { dialect: 'rate-limit-redis', store: 'redis://localhost', limiter: {} },
      /'limiter' is not an option of the dialect 'rate-limit-redis'; .*did you mean 'limiters'/,
    ],
    [
      { dialect: 'rate-limit-redis', store: 'http://localhost', limiters: { a: { limit: 1 } } },
      /'http:\/\/localhost'/,
    ],
  ])('as a whole: %j', (options, message) => {
    expect(open(options)).toThrow(message)
  })

  test('all at once, with what stands in the place of an option of theirs', () => {
    const limiters = { api: { limit: 0, windowMs: 'x', sendCommand, prefx: '' }, b: { limit: 1, max: 3 } }
    expect(open({ dialect: 'rate-limit-redis', store: 'redis://localhost', limiters })).toThrow(
      new RegExp(
        [
          /limiters\.api\.limit: 0 is not a whole number of hits/,
          /limiters\.api\.windowMs: 'x' is not a whole number of milliseconds/,
          /limiters\.api\.sendCommand: is 'store' of the dialect/,
          /limiters\.api\.prefx: is not an option; options are .*did you mean 'prefix'/,
          /limiters\.b\.max: is 'limit' by now/,
        ]
          .map(({ source }) => source)
          .join('[^]*'),
      ),
    )
  })

  test('two limiters on the same keys', () => {
    const limiters = { a: { limit: 1 }, b: { limit: 2 } }
    expect(open({ dialect: 'rate-limit-redis', store: 'redis://localhost', limiters })).toThrow(
      /limiters 'a' and 'b' both have keys that begin with 'rl:'/,
    )
  })

  test('blocks, which its keys cannot hold', async () => {
    const { ours } = await pair()
    await expect(ours.block('api', 'u', { for: '1h' })).rejects.toMatchObject({ code: 'ERR_SLUICE_DIALECT' })
  })
})
