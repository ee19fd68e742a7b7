import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Store } from '../../src/engine/engine-options.js'
import { createGatewayLimits, type Strategy } from '../../src/inbound/index.js'
import { FakeClock } from '../../src/testing/index.js'
import { type RedisServer, startRedis } from '../support/redis-server.js'

let server: RedisServer
let folder: string
beforeAll(async () => {
  server = await startRedis()
  folder = mkdtempSync(join(tmpdir(), 'sluice-persistence-'))
})
afterAll(async () => {
  rmSync(folder, { recursive: true })
  await server.stop()
})

const STRATEGIES: readonly Strategy[] = [
  { strategy: 'FixedWindow', max_requests: 6, window: '60s' },
  { strategy: 'SlidingWindow', max_requests: 6, window: '60s' },
  { strategy: 'TokenBucket', capacity: 6, refill_rate: '6/m' },
  { strategy: 'LeakyBucket', capacity: 6, leak_rate: '6/m' },
]
/** What is left of 6 when 4 were used and half a window has gone by. */
const LEFT = { FixedWindow: 2, SlidingWindow: 2, TokenBucket: 5, LeakyBucket: 5 } as const

/** What each run of the program gets as its store, and whether it finds there what the run before has left. */
const STORES: Readonly<Record<string, readonly [(name: string) => () => Store, boolean]>> = {
  memory: [() => () => 'memory', false],
  'a file': [name => () => `file:${join(folder, name)}`, true],
  Redis: [() => () => server.url, true],
  'a store of get and set': [
    () => {
      const texts = new Map<string, string>()
      return () => texts
    },
    true,
  ],
}

describe.each(Object.entries(STORES))('A9: limits in %s, restarted', (_, [storeOf, isKept]) => {
  test.each(STRATEGIES)('A9: by $strategy', async by_user => {
    const { strategy } = by_user
    const store = storeOf(strategy)
    const clock = new FakeClock()
    const run = async <T>(
      use: (limits: ReturnType<typeof createGatewayLimits>) => Promise<T>,
    ): Promise<T> => {
      const limits = createGatewayLimits({ store: store(), clock, name: strategy, deadline: '5s', by_user })
      limits.limiter.on('warning', () => {})
      try {
        return await use(limits)
      } finally {
        await limits.close()
      }
    }
    const leftOver = () =>
      run(async limits => {
        const { remaining } = await limits.limiter.peek(`${strategy}.by_user`, {
          tenant: ' none',
          user: 'ada',
        })
        return remaining
      })

    await run(limits => limits.check({ user: 'ada' }, { cost: 4 }))
    expect(await leftOver()).toBe(isKept ? 2 : 6)
    // Nobody runs, and the time counts.
    await clock.advance('30s')
    expect(await leftOver()).toBe(isKept ? LEFT[strategy] : 6)
    await clock.advance('30s')
    expect(await leftOver()).toBe(6)
  })
})
