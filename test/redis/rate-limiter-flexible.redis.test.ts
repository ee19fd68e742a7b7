import { Redis } from 'ioredis'
import * as theirs from 'rate-limiter-flexible'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import * as ours from '../../src/compat/flexible/index.js'
import { startRedis } from '../support/redis-server.js'

let redis: Redis
beforeAll(() => {
  redis = new Redis(inject('redisUrl'))
})
afterAll(() => redis.quit())

interface Options {
  readonly points: number
  readonly duration: number
  readonly keyPrefix: string
  readonly blockDuration?: number
}

type Limiter = ours.RateLimiterLike & { getKey(key: string): string | number }

/** Both kinds of limiter of both packages. */
const KINDS: Readonly<Record<string, (options: Options) => readonly [Limiter, Limiter]>> = {
  RateLimiterMemory: options => [
    new theirs.RateLimiterMemory(options) as unknown as Limiter,
    new ours.RateLimiterMemory(options),
  ],
  RateLimiterRedis: options => [
    new theirs.RateLimiterRedis({
      ...options,
      keyPrefix: `${options.keyPrefix}-theirs`,
      storeClient: redis,
    }) as unknown as Limiter,
    new ours.RateLimiterRedis({ ...options, keyPrefix: `${options.keyPrefix}-ours`, storeClient: redis }),
  ],
}

const pair = (kind: string, options: Options) => (KINDS[kind] as (typeof KINDS)[string])(options)

/** What a call comes to, without what depends on the instant: time left in tens of seconds. */
async function outcome(call: Promise<unknown>): Promise<unknown> {
  const settled = await call.then(
    value => ({ value, passed: true }),
    value => ({ value, passed: false }),
  )
  if (settled.value === null || typeof settled.value !== 'object') return settled
  if (settled.value instanceof Error) return { error: true }
  const { remainingPoints, consumedPoints, isFirstInDuration, msBeforeNext } =
    settled.value as ours.RateLimiterRes
  const tensLeft = Math.round(msBeforeNext / 10_000)
  const { passed } = settled
  // Of a refused call theirs say different things of the first.
  return { passed, remainingPoints, consumedPoints, first: passed && isFirstInDuration, tensLeft }
}

type Story = (limiter: Limiter) => readonly Promise<unknown>[] | Promise<readonly unknown[]>

const inOrder = async (...calls: readonly (() => Promise<unknown>)[]) => {
  const seen: unknown[] = []
  for (const call of calls) seen.push(await outcome(call()))
  return seen
}

const STORIES: Readonly<Record<string, Story>> = {
  'consumes to its points and counts what it refuses': limiter =>
    inOrder(
      () => limiter.consume('a'),
      () => limiter.consume('a', 2),
      () => limiter.consume('a'),
      () => limiter.consume('a', 3),
      () => limiter.get('a'),
    ),
  'adds penalties and takes rewards away': limiter =>
    inOrder(
      () => limiter.penalty('b', 2),
      () => limiter.reward('b'),
      () => limiter.get('b'),
      () => limiter.penalty('b', 5),
      () => limiter.consume('b'),
    ),
  'knows no key that was never there, or was deleted': limiter =>
    inOrder(
      () => limiter.get('c'),
      () => limiter.delete('c'),
      () => limiter.consume('c'),
      () => limiter.delete('c'),
      () => limiter.get('c'),
    ),
  'sets points for a time of their own': limiter =>
    inOrder(
      () => limiter.set('d', 2, 300),
      () => limiter.consume('d'),
      () => limiter.consume('d'),
      () => limiter.set('d', 1, 30),
      () => limiter.get('d'),
    ),
  'blocks a key, whatever it had': limiter =>
    inOrder(
      () => limiter.consume('e'),
      () => limiter.block('e', 500),
      () => limiter.get('e'),
      () => limiter.consume('e'),
      () => limiter.delete('e'),
      () => limiter.consume('e'),
    ),
  'begins a duration of its own where the key is new, and only there': limiter =>
    inOrder(
      () => limiter.consume('f', 1, { customDuration: 600 }),
      () => limiter.consume('f'),
      () => limiter.consume('f', 1, { customDuration: 20 }),
    ),
  'takes numbers for keys': limiter =>
    inOrder(
      () => limiter.consume(7),
      () => limiter.consume('7'),
    ),
}

describe.each(Object.keys(KINDS))('%s beside that of rate-limiter-flexible', kind => {
  test.each(Object.keys(STORIES))('%s', async story => {
    const options = { points: 3, duration: 60, keyPrefix: `rlf-${story}` }
    const [real, own] = pair(kind, options)
    const expected = await STORIES[story]?.(real)
    expect(await STORIES[story]?.(own)).toEqual(expected)
  })

  test('blocks for longer from the first point above', async () => {
    const options = { points: 2, duration: 60, blockDuration: 300, keyPrefix: 'rlf-block-above' }
    const story: Story = limiter =>
      inOrder(
        () => limiter.consume('a', 2),
        () => limiter.consume('a'),
        () => limiter.consume('a'),
        () => limiter.get('a'),
      )
    const [real, own] = pair(kind, options)
    const expected = await story(real)
    expect(await story(own)).toEqual(expected)
  })

  test('knows a key of which nothing is consumed, as its duration goes on', async () => {
    const [real, own] = pair(kind, { points: 3, duration: 60, keyPrefix: 'rlf-nothing' })
    const story = async (limiter: Limiter) => {
      const seen = await inOrder(
        () => limiter.consume('a'),
        () => limiter.reward('a'),
        () => limiter.get('a'),
        () => limiter.set('a', 0, 300),
        () => limiter.get('a'),
        () => limiter.consume('a'),
      )
      // Theirs do not agree on which call is the first of a duration then.
      return seen.map(one => ({ ...(one as object), first: undefined }))
    }
    const expected = await story(real)
    expect(await story(own)).toEqual(expected)
    expect(await own.delete('a')).toBe(true)
  })

  test('refuses what cannot be counted', async () => {
    const [, own] = pair(kind, { points: 1, duration: 60, keyPrefix: 'rlf-bad' })
    await expect(own.consume('a', 0)).rejects.toThrow('0 is not a whole number of points')
    await expect(own.consume('a', 1.5)).rejects.toThrow('1.5 is not a whole number of points')
    await expect(own.block('a', 0)).rejects.toThrow('would never end')
    for (const points of [-1, 0.5, Number.NaN]) {
      await expect(own.set('a', points, 60)).rejects.toThrow(`${points} is not a whole number of points`)
    }
    expect(await own.get('a')).toBeNull()
  })

  test('goes by settings that change while it is in use', async () => {
    const [real, own] = pair(kind, { points: 1, duration: 60, keyPrefix: 'rlf-live' })
    const story = async (limiter: Limiter) => {
      Object.assign(limiter, { points: 2, duration: 200, blockDuration: 500 })
      const calls = () => limiter.consume('a')
      return inOrder(calls, calls, calls, () => limiter.get('a'))
    }
    const expected = await story(real)
    expect(await story(own)).toEqual(expected)
    expect(() => Object.assign(own, { points: 'many' })).toThrow("points: 'many' is not a whole number")
    expect(own).toMatchObject({ points: 2, duration: 200, blockDuration: 500 })
  })
})

test('results and limiters have the members that those of rate-limiter-flexible have', () => {
  const values = [3, 500, 7, true] as const
  expect(new ours.RateLimiterRes(...values).toJSON()).toEqual(new theirs.RateLimiterRes(...values).toJSON())
  expect(String(new ours.RateLimiterRes(...values))).toBe(String(new theirs.RateLimiterRes(...values)))
  const options = { points: 3, duration: 2.5, blockDuration: 4 }
  for (const limiter of [new ours.RateLimiterMemory(options), new theirs.RateLimiterMemory(options)]) {
    expect(limiter).toMatchObject({ ...options, msDuration: 2500, msBlockDuration: 4000 })
  }
})

describe('RateLimiterRedis', () => {
  test('counts on the same keys as its namesake', async () => {
    const options = { points: 3, duration: 60, keyPrefix: 'rlf-shared', storeClient: redis }
    const [real, own] = [new theirs.RateLimiterRedis(options), new ours.RateLimiterRedis(options)]
    await real.consume('a')
    expect(await own.consume('a')).toMatchObject({ consumedPoints: 2, isFirstInDuration: false })
    expect(await real.consume('a')).toMatchObject({ consumedPoints: 3 })
    await expect(own.consume('a')).rejects.toMatchObject({ consumedPoints: 4, remainingPoints: 0 })
    await own.block('a', 100)
    await expect(real.consume('a')).rejects.toMatchObject({ consumedPoints: 5 })
    await own.close()
  })

  test('refuses here what it knows to be used up', async () => {
    const options = { points: 1, duration: 60, keyPrefix: 'rlf-here', inMemoryBlockOnConsumed: 2 }
    const limiter = new ours.RateLimiterRedis({ ...options, storeClient: redis })
    await limiter.consume('a')
    await expect(limiter.consume('a')).rejects.toMatchObject({ consumedPoints: 2 })
    await expect(limiter.consume('a')).rejects.toMatchObject({ consumedPoints: 0 })
    expect(await redis.get('rlf-here:a')).toBe('2')
    await limiter.delete('a')
    expect(await limiter.consume('a')).toMatchObject({ consumedPoints: 1 })
    await limiter.close()
  })

  test('asks its insurance while the store is away, and rejects with an Error where there is none', async () => {
    const server = await startRedis()
    const options = { points: 1, duration: 60, storeClient: server.url }
    const insuranceLimiter = new ours.RateLimiterMemory({ points: 1, duration: 60 })
    const insured = new ours.RateLimiterRedis({ ...options, insuranceLimiter })
    const bare = new ours.RateLimiterRedis(options)
    await insured.consume('a')
    await server.stop()
    expect(await insured.consume('a')).toMatchObject({ consumedPoints: 1 })
    await expect(insured.consume('a')).rejects.toBeInstanceOf(ours.RateLimiterRes)
    await expect(bare.consume('a')).rejects.toBeInstanceOf(Error)
    await Promise.all([insured.close(), bare.close()])
  })

  test.each([
    ['of its own', new ours.RateLimiterMemory({ points: 1, duration: 60 })],
    ['of rate-limiter-flexible', new theirs.RateLimiterMemory({ points: 1, duration: 60 })],
  ])(
    'an insurance %s blocks for as long as what it insures, and refuses with the same class',
    async (_of, insuranceLimiter) => {
      const server = await startRedis()
      const limiter = new ours.RateLimiterRedis({
        points: 1,
        duration: 60,
        blockDuration: 600,
        storeClient: server.url,
        insuranceLimiter: insuranceLimiter as ours.RateLimiterLike,
      })
      await server.stop()
      await limiter.consume('a')
      const refusal: unknown = await limiter.consume('a').catch((error: unknown) => error)
      expect(refusal).toBeInstanceOf(ours.RateLimiterRes)
      expect((refusal as ours.RateLimiterRes).msBeforeNext).toBeGreaterThan(500_000)
      await limiter.close()
    },
  )

  test('takes the options of its namesake that say nothing new', async () => {
    const options = { points: 1, duration: 60, keyPrefix: 'rlf-needless', storeClient: redis }
    const limiter = new ours.RateLimiterRedis({
      ...options,
      useRedisPackage: true,
      rejectIfRedisNotReady: true,
    })
    expect(await limiter.consume('a')).toMatchObject({ consumedPoints: 1 })
    await limiter.close()
  })

  test('names what it cannot take', () => {
    const make = (options: object) => () => new ours.RateLimiterRedis(options as ours.RateLimiterRedisOptions)
    const options = { points: 1, duration: 60, storeClient: redis }
    expect(make({ ...options, duration: 0 })).toThrow('duration: 0 is not a number of seconds above 0')
    expect(make({ ...options, useRedis3AndLowerPackage: true })).toThrow('take node-redis 5 or later')
    expect(make({ ...options, constructor: true })).toThrow('constructor: is not an option')
    expect(make({ ...options, points: 3, inMemoryBlockOnConsumed: 2 })).toThrow('2 is less than points')
    expect(make({ ...options, point: 1 })).toThrow("did you mean 'points'?")
  })
})
