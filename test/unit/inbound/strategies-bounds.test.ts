import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import type { Strategy } from '../../../src/inbound/index.js'
import { setUp } from './support/set-up.js'

/** Times that repeat, 0 to 1: the same in every run. */
function* chances(seed: number): Generator<number, never> {
  let state = seed
  for (;;) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    yield state / 2 ** 32
  }
}

/** Asks whether one user passes, by a clock of its own, which stands at `nowMs`. */
function asking(by_user: Strategy) {
  const { limits, clock, passes } = setUp({ by_user })
  let nowMs = 0
  return {
    limits,
    clock,
    nowMs: () => nowMs,
    passes: () => passes({ user: 'ada' }),
    async later(ms: number): Promise<boolean> {
      nowMs += ms
      if (ms > 0) await clock.advance(`${ms}ms`)
      return passes({ user: 'ada' })
    },
  }
}

/** The most of these times, in order, that lie in any interval of this length, its end left out. */
function mostWithin(times: readonly number[], lengthMs: number): number {
  let most = 0
  for (let first = 0, end = 0; first < times.length; first++) {
    while (end < times.length && (times[end] as number) < (times[first] as number) + lengthMs) end++
    most = Math.max(most, end - first)
  }
  return most
}

describe('A2: FixedWindow of 100 in 60 s', () => {
  const strategy = { strategy: 'FixedWindow', max_requests: 100, window: '60s' } as const

  test('A2: admits 100, refuses the next, and names the end of the window as the time to come again', async () => {
    const { limits, clock, later } = asking(strategy)
    for (let i = 0; i < 100; i++) expect(await later(i === 50 ? 20_000 : 0)).toBe(true)
    const refused = await limits.check({ user: 'ada' })
    expect(refused).toMatchObject({ allowed: false, retryAfterMs: 40_000 })
    expect(refused.dimensions[0]).toMatchObject({ resetAfterMs: 40_000 })
    const resetAt = Number(limits.headersOf(refused)['X-RateLimit-Reset'])
    expect(resetAt).toBe(clock.nowUs() / 1e6 + 40)
  })

  test('A2: admits at most 200 in any 60 s, around the edge of two windows', async () => {
    const { later, nowMs } = asking(strategy)
    const admitted: number[] = []
    await later(0)
    admitted.push(0)
    // The rest of the first window at its very end, and the second at once.
    for (let i = 0; i < 300; i++)
      if (await later(i === 0 ? 59_999 : i === 150 ? 1 : 0)) admitted.push(nowMs())
    expect(admitted).toHaveLength(200)
    expect(mostWithin(admitted, 60_000)).toBe(199)
  })
})

test('A3: SlidingWindow of 1000 in 60 s admits no more in any 60 s, whenever requests come', async () => {
  for (const seed of [1, 2, 3]) {
    const { later, nowMs } = asking({ strategy: 'SlidingWindow', max_requests: 1000, window: '60s' })
    const admitted: number[] = []
    const chance = chances(seed)
    let asked = 0
    while (nowMs() < 180_000) {
      // Crowds, trickles and pauses.
      const kind = chance.next().value
      const gapMs = kind < 0.9 ? 0 : kind < 0.99 ? Math.ceil(chance.next().value * 200) : 5_000
      asked++
      if (await later(gapMs)) admitted.push(nowMs())
    }
    expect(mostWithin(admitted, 60_000)).toBe(1000)
    expect(asked).toBeGreaterThan(admitted.length)
  }
})

describe('A4: TokenBucket of 100 and 10 a second', () => {
  const bucket = { strategy: 'TokenBucket', capacity: 100, refill_rate: 10 } as const

  test.each([
    [1, 60],
    [95, 600],
    [100, 600],
    [999, 600],
    [1_990, 600],
  ])(
    'A4: asked every %i ms for more than passes, it admits 10 a second, to within a hundredth, for %i s',
    async (gapMs, seconds) => {
      const { later, nowMs, passes } = asking(bucket)
      for (let i = 0; i < 100; i++) expect(await passes()).toBe(true)
      let admitted = 0
      while (nowMs() < seconds * 1000) {
        for (let passed = await later(gapMs); passed; passed = await passes()) admitted++
      }
      const expected = (nowMs() / 1000) * 10
      expect(admitted).toBeGreaterThan(expected * 0.99)
      expect(admitted).toBeLessThanOrEqual(expected)
    },
  )

  test('A4: after an hour of rest it admits exactly 100', async () => {
    const { later, passes } = asking(bucket)
    for (let i = 0; i < 137; i++) await passes()
    let admitted = (await later(3_600_000)) ? 1 : 0
    for (let i = 0; i < 200; i++) if (await passes()) admitted++
    expect(admitted).toBe(100)
  })

  test('A4: a rate of many in a millisecond is one like any', async () => {
    const { later, passes } = asking({ strategy: 'TokenBucket', capacity: 5, refill_rate: 10_000 })
    for (let i = 0; i < 5; i++) expect(await passes()).toBe(true)
    expect(await passes()).toBe(false)
    expect(await later(1)).toBe(true)
  })
})

describe('A5: LeakyBucket of 100 that leaks 10 a second', () => {
  const bucket = { strategy: 'LeakyBucket', capacity: 100, leak_rate: 10 } as const

  test('A5: lets those who wait go 100 ms after each other, and refuses the 101st', async () => {
    const { limits, clock } = setUp({ by_user: { ...bucket, mode: 'shape' } })
    const startMs = clock.nowUs() / 1000
    const startedMs: number[] = []
    const waiting = Array.from({ length: 101 }, async () => {
      const { allowed } = await limits.wait({ user: 'ada' }, { maxWait: '9900ms' })
      if (allowed) startedMs.push(clock.nowUs() / 1000 - startMs)
      return allowed
    })
    for (let i = 0; i < 300; i++) {
      await turn()
      await clock.advance('50ms')
    }
    expect(await Promise.all(waiting)).toEqual([...Array(100).fill(true), false])
    expect(startedMs).toEqual(Array.from({ length: 100 }, (_, i) => i * 100))
  })

  test('A5: refuses the 101st of those who come at once, where nobody waits', async () => {
    const { limits } = setUp({ by_user: { ...bucket, mode: 'shape' } })
    const verdicts = await Promise.all(Array.from({ length: 101 }, () => limits.check({ user: 'ada' })))
    expect(verdicts.map(({ allowed }) => allowed)).toEqual([...Array(100).fill(true), false])
  })

  test('A5: where it refuses, it is a meter: the same as a token bucket, request by request', async () => {
    const leaky = asking(bucket)
    const token = asking({ strategy: 'TokenBucket', capacity: 100, refill_rate: 10 })
    const chance = chances(7)
    for (let i = 0; i < 3_000; i++) {
      const gapMs = chance.next().value < 0.8 ? 0 : Math.ceil(chance.next().value * 400)
      expect(await leaky.later(gapMs)).toBe(await token.later(gapMs))
    }
  })
})

describe('A6: a cost', () => {
  const strategies: readonly Strategy[] = [
    { strategy: 'FixedWindow', max_requests: 5, window: '60s' },
    { strategy: 'SlidingWindow', max_requests: 5, window: '60s' },
    { strategy: 'TokenBucket', capacity: 5, refill_rate: 1 },
    { strategy: 'LeakyBucket', capacity: 5, leak_rate: 1 },
  ]

  test.each(strategies)(
    'A6: above the capacity is an error at once, and never waits: $strategy',
    async by_user => {
      const { limits } = setUp({ by_user })
      const impossible = { code: 'ERR_SLUICE_COST_IMPOSSIBLE', cost: 6, capacity: 5 }
      await expect(limits.check({ user: 'ada' }, { cost: 6 })).rejects.toMatchObject(impossible)
      await expect(limits.wait({ user: 'ada' }, { cost: 6, maxWait: '1h' })).rejects.toMatchObject(impossible)
      expect((await limits.check({ user: 'ada' }, { cost: 5 })).allowed).toBe(true)
    },
  )

  test.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '2'])(
    'A6: that is none is refused: %s',
    async cost => {
      const { limits } = setUp({ by_user: '5/m' })
      await expect(limits.check({ user: 'ada' }, { cost: cost as number })).rejects.toMatchObject({
        code: 'ERR_SLUICE_CHECK',
      })
      expect((await limits.check({ user: 'ada' })).dimensions[0]?.remaining).toBe(4)
    },
  )

  test.each([0, -1, Number.NaN])(
    'A6: a capacity that admits nothing is refused when limits are made: %s',
    capacity => {
      expect(() => setUp({ by_user: { strategy: 'TokenBucket', capacity, refill_rate: 1 } })).toThrow(
        /capacity/,
      )
      expect(() =>
        setUp({ by_user: { strategy: 'TokenBucket', capacity: 1, refill_rate: capacity } }),
      ).toThrow(/refill_rate/)
    },
  )
})
