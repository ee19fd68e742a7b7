import { describe, expect, test } from 'vitest'
import { createLimiter } from '../../../src/limiter.js'
import { FakeClock } from '../../../src/testing/fake-clock.js'

function setUp(trackUsage = 3) {
  const clock = new FakeClock()
  const limiter = createLimiter({
    clock,
    trackUsage,
    policies: {
      perUser: { algorithm: 'fixed_window', limit: 5, window: '1m' },
      slow: { algorithm: 'token_bucket', limit: 1, window: '259.2s', burst: 10 },
      api: { limits: ['5/m', '50/h'], by: ['tenant', 'user'], group: 'tenant' },
    },
  })
  const usage = () => limiter.metrics().currentUsage
  return { clock, limiter, usage }
}

describe('A11: the map of current usage', () => {
  test('tells used, limit and when all is back, of every limit of a policy', async () => {
    const { limiter, usage, clock } = setUp()
    const nowMs = clock.nowUs() / 1000
    await limiter.check('perUser', 'ada', { cost: 2 })
    await limiter.check('api', { tenant: 'acme', user: 'a:b' }, { cost: 3 })
    expect(usage()).toEqual({
      'perUser ada': { policy: 'perUser', subject: 'ada', used: 2, limit: 5, resetAtMs: nowMs + 60_000 },
      'api acme:a%3Ab': expect.objectContaining({ used: 3, limit: 5 }),
      'api~1 acme:a%3Ab': expect.objectContaining({ policy: 'api~1', used: 3, limit: 50 }),
    })
  })

  test('rounds up what buckets have in use, and forgets what has come back', async () => {
    const { limiter, usage, clock } = setUp()
    await limiter.check('slow', 'ada')
    await limiter.check('perUser', 'ada')
    await clock.advance('90s')
    expect(Object.keys(usage())).toEqual(['slow ada'])
    await limiter.peek('slow', 'ada')
    expect(usage()['slow ada']).toMatchObject({ used: 1, limit: 10 })
    await clock.advance('300s')
    expect(usage()).toEqual({})
  })

  test('follows refunds, debits and resets', async () => {
    const { limiter, usage } = setUp()
    const { receipt } = await limiter.check('api', { tenant: 'acme', user: 'ada' }, { cost: 4 })
    if (receipt !== undefined) await limiter.refund(receipt, { units: 1 })
    expect(usage()['api acme:ada']).toMatchObject({ used: 3 })
    await limiter.debit('api', { tenant: 'acme', user: 'ada' }, { cost: 1 })
    expect(usage()['api acme:ada']).toMatchObject({ used: 4 })
    await limiter.reset('api', { tenant: 'acme', user: 'ada' })
    expect(usage()).toEqual({})
  })

  test('is bounded: those that asked last are in it', async () => {
    const { limiter, usage } = setUp()
    for (let i = 0; i < 1_000; i++) await limiter.check('perUser', `user-${i}`)
    await limiter.check('perUser', 'user-997')
    expect(Object.keys(usage())).toEqual(['perUser user-998', 'perUser user-999', 'perUser user-997'])
  })

  test('is the same as what peeks tell, whoever called at once', async () => {
    const { limiter, usage } = setUp(64)
    const calls = Array.from({ length: 64 }, (_, i) => limiter.check('perUser', `user-${i % 8}`))
    await Promise.all(calls)
    const told = usage()
    for (let i = 0; i < 8; i++) {
      const { limit, remaining } = await limiter.peek('perUser', `user-${i}`)
      expect(told[`perUser user-${i}`]?.used).toBe(limit - remaining)
    }
  })

  test('is empty where nobody asked for it', async () => {
    const limiter = createLimiter({ policies: { perUser: '5/m' } })
    await limiter.check('perUser', 'ada')
    expect(limiter.metrics().currentUsage).toEqual({})
    await limiter.close()
    expect(() => createLimiter({ policies: { perUser: '5/m' }, trackUsage: 0 })).toThrow(/trackUsage/)
  })
})
