import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { HOUR_MS, hourly, type Move, startMove } from '../support/migration.js'

let move: Move

beforeAll(async () => {
  move = await startMove()
})

afterAll(() => move.stop())

beforeEach(() => move.redis.flushall())

describe('what rate-limiter-flexible has counted', () => {
  test.each(['fixed_window', 'sliding_window', 'sliding_counter', 'token_bucket', 'leaky_bucket', 'gcra'])(
    'is used up in a %s too, and its own keys stay as they are',
    async algorithm => {
      await move.before.consume('ann', 7)
      await move.before.consume('bob', 10)
      const before = await move.redis.mget('login:ann', 'login:bob')
      const report = await move.run({ from: move.flexible(), to: move.sluice(hourly(algorithm)) })
      expect(report).toMatchObject({ applied: true, scanned: 2, counts: { carried: 2 }, live: undefined })

      const limiter = move.limiterOf(hourly(algorithm))
      expect(await limiter.peek('login', 'ann')).toMatchObject({ allowed: true, remaining: 3 })
      expect(await limiter.check('login', 'bob', { cost: 10 })).toMatchObject({ allowed: false })
      expect(await move.redis.mget('login:ann', 'login:bob')).toEqual(before)
    },
  )

  test.each(['fixed_window', 'sliding_window'])(
    'comes back in a %s when it would have come back there',
    async algorithm => {
      await move.redis.set('login:ann', '10', 'PX', 600_000)
      await move.run({ from: move.flexible(), to: move.sluice(hourly(algorithm)) })
      const refused = await move.limiterOf(hourly(algorithm)).check('login', 'ann')
      expect(refused.allowed).toBe(false)
      expect(refused.retryAfterMs).toBeLessThanOrEqual(600_001)
      expect(refused.retryAfterMs).toBeGreaterThan(HOUR_MS / 10)
    },
  )

  test('with refused hits above its points takes no more than the limit', async () => {
    await move.redis.set('login:ann', '500', 'PX', 600_000)
    await move.run({ from: move.flexible(), to: move.sluice(hourly('sliding_window')) })
    expect(await move.limiterOf(hourly('sliding_window')).peek('login', 'ann')).toMatchObject({
      remaining: 0,
    })
  })
})

describe('a second run', () => {
  test.each(['fixed_window', 'sliding_window', 'sliding_counter', 'gcra', 'token_bucket'])(
    'changes nothing: %s',
    async algorithm => {
      for (let user = 0; user < 20; user++) await move.before.consume(`u${user}`, 1 + (user % 10))
      const options = { from: move.flexible(), to: move.sluice(hourly(algorithm)) }
      expect((await move.run(options)).counts).toMatchObject({ carried: 20, stricter: 0 })
      const after = await move.everything()
      expect((await move.run(options)).counts).toMatchObject({ carried: 0, stricter: 20 })
      expect(await move.everything()).toEqual(after)
    },
  )

  test('never makes a stricter state laxer, nor shortens it', async () => {
    const limiter = move.limiterOf(hourly('fixed_window'))
    await limiter.check('login', 'ann', { cost: 9 })
    await move.redis.set('login:ann', '4', 'PX', 600_000)
    await move.redis.set('login:bob', '9', 'PX', HOUR_MS)
    await limiter.check('login', 'bob', { cost: 2 })
    await move.run({ from: move.flexible(), to: move.sluice(hourly('fixed_window')) })
    expect(await limiter.peek('login', 'ann')).toMatchObject({ remaining: 1 })
    expect((await limiter.peek('login', 'ann')).resetAfterMs).toBeGreaterThan(600_001)
    expect(await limiter.peek('login', 'bob')).toMatchObject({ remaining: 1 })
  })

  test('leaves a block of the new limiter in its place', async () => {
    const limiter = move.limiterOf(hourly('fixed_window'))
    await limiter.block('login', 'ann', { for: '10m' })
    await move.before.consume('ann', 4)
    await move.run({ from: move.flexible(), to: move.sluice(hourly('fixed_window')) })
    expect(await limiter.check('login', 'ann')).toMatchObject({ allowed: false, reason: 'blocked' })
    await limiter.unblock('login', 'ann')
    expect(await limiter.peek('login', 'ann')).toMatchObject({ remaining: 6 })
  })
})

describe('the property: old and new together admit no more than the limit in a window', () => {
  test.each(['fixed_window', 'sliding_window'])('%s', async algorithm => {
    const limiter = move.limiterOf(hourly(algorithm))
    for (let used = 0; used <= 12; used++) {
      const user = `u${used}`
      let admitted = 0
      for (let i = 0; i < used; i++) {
        await move.before.consume(user).then(
          () => admitted++,
          () => {},
        )
      }
      await move.run({ from: move.flexible(), to: move.sluice(hourly(algorithm)) })
      for (let i = 0; i < 12; i++) if ((await limiter.check('login', user)).allowed) admitted++
      expect(admitted).toBe(10)
    }
  })
})

test('whatever both sides have counted, the new one is never laxer afterwards, and a second run finds nothing to do', async () => {
  const ALGORITHMS = [
    'fixed_window',
    'sliding_window',
    'sliding_counter',
    'gcra',
    'token_bucket',
    'leaky_bucket',
  ]
  let runs = 0
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...ALGORITHMS),
      fc.array(
        fc.record({
          old: fc.integer({ min: 0, max: 15 }),
          lifeMs: fc.integer({ min: 600_000, max: HOUR_MS }),
          used: fc.integer({ min: 0, max: 10 }),
        }),
        { minLength: 1, maxLength: 12 },
      ),
      async (algorithm, drawn) => {
        const turn = ++runs
        const policies = hourly(algorithm)
        const limiter = move.limiterOf(policies)
        const users = drawn.map((user, i) => ({ ...user, name: `r${turn}-${i}`, before: 0 }))
        await move.redis.flushall()
        for (const user of users) {
          if (user.old > 0) await move.redis.set(`login:${user.name}`, user.old, 'PX', user.lifeMs)
          if (user.used > 0) await limiter.check('login', user.name, { cost: user.used })
          user.before = (await limiter.peek('login', user.name)).remaining
        }
        const options = { from: move.flexible(), to: move.sluice(policies) }
        await move.run(options)
        const after = await move.everything()
        for (const { name, old, lifeMs, before } of users) {
          const { remaining, resetAfterMs } = await limiter.peek('login', name)
          expect(remaining).toBe(Math.min(before, Math.max(0, 10 - old)))
          // What all comes back together does so no sooner than it would have.
          if (algorithm === 'fixed_window' && old > 0) expect(resetAfterMs).toBeGreaterThan(lifeMs - 10_000)
        }
        expect((await move.run(options)).counts).toMatchObject({ carried: 0 })
        expect(await move.everything()).toEqual(after)
      },
    ),
    { numRuns: 25 },
  )
})
