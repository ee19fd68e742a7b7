import { describe, expect, test } from 'vitest'
import { setUp } from './support/set-up.js'

describe('strategies by their names', () => {
  test('A2: FixedWindow admits its requests of each window, and says when the next begins', async () => {
    const { limits, clock } = setUp({
      by_user: { strategy: 'FixedWindow', max_requests: 100, window: '60s' },
    })
    for (let i = 0; i < 100; i++) expect((await limits.check({ user: 'ada' })).allowed).toBe(true)
    expect(await limits.check({ user: 'ada' })).toMatchObject({ allowed: false, retryAfterMs: 60_000 })
    await clock.advance('60s')
    expect((await limits.check({ user: 'ada' })).allowed).toBe(true)
  })

  test('A3: SlidingWindow admits no more in any interval of one window', async () => {
    const { limits, clock } = setUp({
      by_user: { strategy: 'SlidingWindow', max_requests: 2, window: '10s' },
    })
    const at = async (advance: '1s' | '8s') => {
      await clock.advance(advance)
      return (await limits.check({ user: 'ada' })).allowed
    }
    expect([await at('1s'), await at('8s'), await at('1s'), await at('1s'), await at('1s')]).toEqual([
      ...[true, true, false, true, false],
    ])
  })

  test('A4: TokenBucket admits its capacity at once, then its rate, which may be slower than one a second', async () => {
    const { passes, clock } = setUp({
      by_user: { strategy: 'TokenBucket', capacity: 100, refill_rate: 10 },
      by_tool: { slow: { strategy: 'TokenBucket', capacity: 1, refill_rate: '1 per 259.2 s' } },
    })
    for (let i = 0; i < 100; i++) expect(await passes({ user: 'ada' })).toBe(true)
    expect(await passes({ user: 'ada' })).toBe(false)
    await clock.advance('100ms')
    expect(await passes({ user: 'ada' })).toBe(true)
    expect([
      await passes({ user: 'bob', tool: 'slow' }),
      await passes({ user: 'bob', tool: 'slow' }),
    ]).toEqual([true, false])
    await clock.advance('259200ms')
    expect(await passes({ user: 'bob', tool: 'slow' })).toBe(true)
  })

  test('A5: LeakyBucket meters by default, and spaces what it admits where it shapes', async () => {
    const bucket = { strategy: 'LeakyBucket', capacity: 3, leak_rate: 10 } as const
    const { limits } = setUp({
      by_user: bucket,
      custom: [{ name: 'queue', scope: 'Global', limit: { ...bucket, mode: 'shape' } }],
    })
    const delays: number[] = []
    for (let i = 0; i < 3; i++)
      delays.push((await limits.check({ user: 'ada' })).dimensions[1]?.delayMs ?? -1)
    expect(delays).toEqual([0, 100, 200])
    expect((await limits.check({ user: 'ada' })).violated[0]).toMatchObject({
      dimension: 'by_user',
      retryAfterMs: 100,
    })
  })

  test('strategies stand in lists, beside rates, and with options of a policy', async () => {
    const strategy = { strategy: 'TokenBucket', capacity: 2, refill_rate: '2/m' } as const
    const { limits } = setUp({
      by_user: [strategy, '100/h'],
      by_tenant: { limits: [strategy], deadline: '50ms' },
    })
    const { dimensions } = await limits.check({ user: 'ada', tenant: 'acme' })
    expect(dimensions.map(({ dimension, algorithm }) => [dimension, algorithm])).toEqual([
      ['by_user', 'token_bucket'],
      ['by_user', 'gcra'],
      ['by_tenant', 'token_bucket'],
    ])
  })
})
