import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { monotonicMs } from '../../src/core/time.js'
import type { GuardSettings } from '../../src/engine/guard-options.js'
import { createLimiter } from '../../src/limiter.js'
import { type RedisServer, startRedis } from '../support/redis-server.js'

let server: RedisServer
const closers: (() => Promise<unknown>)[] = []

beforeEach(async () => {
  server = await startRedis()
  closers.push(() => server.stop())
})

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

const prefix = randomUUID()

function replica(settings: GuardSettings = {}) {
  const limiter = createLimiter({
    store: server.url,
    prefix,
    policies: { api: { algorithm: 'fixed_window', limit: 5, window: '1h' }, other: '100/m' },
    // A busy machine does not run into it.
    deadline: '10s',
    ...settings,
  })
  closers.push(() => limiter.close())
  return limiter
}

/** Scripts that the server has run. */
async function scriptCalls(): Promise<number> {
  const stats = await server.cli('INFO', 'commandstats')
  const found = [...stats.matchAll(/cmdstat_(?:evalsha|eval|fcall):calls=(\d+)/g)]
  return found.reduce((sum, [, calls]) => sum + Number(calls), 0)
}

const flood = async (limiter: ReturnType<typeof replica>, checks: number, concurrency: number) => {
  const sources = new Map<string, number>()
  let left = checks
  const caller = async () => {
    while (left-- > 0) {
      const { allowed, reason, retryAfterMs, source } = await limiter.check('api', 'mallory')
      expect([allowed, reason, retryAfterMs > 0]).toEqual([false, 'limit', true])
      sources.set(source, (sources.get(source) ?? 0) + 1)
    }
  }
  await Promise.all(Array.from({ length: concurrency }, caller))
  return sources
}

describe('a flood of a refused subject', () => {
  test('costs the server one command for each second of it', async () => {
    const limiter = replica()
    for (let i = 0; i < 6; i++) await limiter.check('api', 'mallory')
    const before = await scriptCalls()
    const beganMs = monotonicMs()
    await flood(limiter, 10_000, 100)
    const seconds = Math.ceil((monotonicMs() - beganMs) / 1000)
    expect((await scriptCalls()) - before).toBeLessThanOrEqual(1 + seconds)
  })

  test('costs it nothing until the subject may pass, where nobody gives allowance back', async () => {
    const limiter = replica({ denyCache: { maxAge: '24d' } })
    for (let i = 0; i < 6; i++) await limiter.check('api', 'mallory')
    const before = await scriptCalls()
    expect(await flood(limiter, 10_000, 100)).toEqual(new Map([['deny-cache', 10_000]]))
    expect(await scriptCalls()).toBe(before)
  })

  test('costs a command each where nothing is to be remembered', async () => {
    const limiter = replica({ denyCache: false })
    for (let i = 0; i < 6; i++) await limiter.check('api', 'mallory')
    expect(await flood(limiter, 100, 1)).toEqual(new Map([['redis', 100]]))
  })
})

describe('allowance that is given back', () => {
  const exhaust = async (limiter: ReturnType<typeof replica>) => {
    const { receipt } = await limiter.check('api', 'ada', { cost: 5 })
    expect((await limiter.check('api', 'ada')).source).toBe('redis')
    expect((await limiter.check('api', 'ada')).source).toBe('deny-cache')
    return receipt ?? { charges: [] }
  }

  test('here, by a refund, a reset, an end of a block or new policies, is seen at once', async () => {
    const limiter = replica({ denyCache: { maxAge: '1h' } })
    await limiter.refund(await exhaust(limiter))
    expect((await limiter.check('api', 'ada', { cost: 5 })).allowed).toBe(true)
    await limiter.check('api', 'ada')
    await limiter.reset('api', 'ada')
    expect((await limiter.check('api', 'ada')).allowed).toBe(true)

    await limiter.block('api', 'ada', { for: '1h' })
    expect((await limiter.check('api', 'ada')).source).toBe('redis')
    expect(await limiter.check('api', 'ada')).toMatchObject({ source: 'deny-cache', reason: 'blocked' })
    await limiter.unblock('api', 'ada')
    expect((await limiter.check('api', 'ada', { cost: 4 })).allowed).toBe(true)

    expect((await limiter.check('api', 'ada')).allowed).toBe(false)
    limiter.update({ api: { algorithm: 'fixed_window', limit: 10, window: '1h' }, other: '100/m' })
    expect((await limiter.check('api', 'ada')).allowed).toBe(true)
  })

  test('by another replica is seen after the longest age', async () => {
    const [here, elsewhere] = [replica({ denyCache: { maxAge: '200ms' } }), replica()]
    await exhaust(here)
    await elsewhere.reset('api', 'ada')
    let refused = 0
    while (!(await here.check('api', 'ada')).allowed) {
      refused++
      await new Promise(resolve => setTimeout(resolve, 10))
    }
    // At 10 ms or more between them, no more than these fit into the age.
    expect(refused).toBeLessThanOrEqual(20)
  })
})

test('a refused subject stays refused when the store goes down', async () => {
  const limiter = replica({ onStoreFailure: 'open', denyCache: { maxAge: '1h' }, deadline: '1s' })
  limiter.on('storeDown', () => {})
  for (let i = 0; i < 6; i++) await limiter.check('api', 'mallory')
  process.kill(server.pid, 'SIGSTOP')
  expect(await limiter.check('other', 'ada')).toMatchObject({ allowed: true, source: 'fallback' })
  expect(await limiter.check('api', 'mallory')).toMatchObject({ allowed: false, source: 'deny-cache' })
  process.kill(server.pid, 'SIGCONT')
})
