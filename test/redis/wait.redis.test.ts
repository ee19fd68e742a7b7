import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { createLimiter } from '../../src/limiter.js'
import { type RedisServer, startRedis } from '../support/redis-server.js'

let server: RedisServer
const closers: (() => Promise<unknown>)[] = []

beforeAll(async () => {
  server = await startRedis()
})
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})
afterAll(() => server.stop())

const POLICIES = {
  /** A unit every 50 ms, one at once. */
  calls: { algorithm: 'gcra', limit: 20, window: '1s', burst: 1 },
  tenth: { algorithm: 'sliding_window', limit: 5, window: '100ms' },
  smooth: { algorithm: 'leaky_bucket', mode: 'shape', limit: 20, window: '1s', burst: 10 },
  hourly: { algorithm: 'fixed_window', limit: 5, window: '1h' },
} as const

function replica(prefix: string) {
  const limiter = createLimiter({ store: server.url, prefix, policies: POLICIES, deadline: '5s' })
  closers.push(() => limiter.close())
  return limiter
}

/** Checks that Redis has decided: each reads its key once. */
async function checksDecided(): Promise<number> {
  const stats = await server.cli('INFO', 'commandstats')
  return Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1] ?? 0)
}

test('A7: a line asks Redis when its first may pass, and never in between', async () => {
  const limiter = replica(randomUUID())
  await limiter.check('calls', 'ada')
  const before = await checksDecided()
  const served: number[] = []
  const callers = [0, 1, 2, 3].map(async caller => {
    const { allowed } = await limiter.wait('calls', 'ada', { maxWait: '10s' })
    if (allowed) served.push(caller)
  })
  await Promise.all(callers)
  expect(served).toEqual([0, 1, 2, 3])
  // In one script: the first check of all four. In another: what the three behind the first were told. Then a check that
  // passes for each, and one that finds the next has to wait; scripts that wait for a reply share one.
  expect((await checksDecided()) - before).toBeLessThanOrEqual(2 + 2 * 4)
})

test('A10: whatever two replicas wait for, the limit holds in every interval', async () => {
  const prefix = randomUUID()
  const replicas = [replica(prefix), replica(prefix)]
  const admittedUs: number[] = []
  const callers = replicas.flatMap(limiter =>
    Array.from({ length: 20 }, async () => {
      const { allowed, receipt } = await limiter.wait('tenth', 'ada', { maxWait: '30s' })
      if (allowed && receipt !== undefined) admittedUs.push(receipt.charges[0]?.atUs ?? 0)
    }),
  )
  await Promise.all(callers)
  expect(admittedUs).toHaveLength(40)
  admittedUs.sort((a, b) => a - b)
  for (const [i, us] of admittedUs.entries()) {
    const sixth = admittedUs[i + POLICIES.tenth.limit]
    if (sixth !== undefined) expect(sixth - us).toBeGreaterThanOrEqual(100_000)
  }
})

test('a shaping bucket is fair over replicas: each call has its place in the store', async () => {
  const prefix = randomUUID()
  const [first, second] = [replica(prefix), replica(prefix)]
  await Promise.all([first.ready(), second.ready()])
  const started: string[] = []
  const calls: Promise<unknown>[] = []
  for (const [name, limiter] of [
    ['a', first],
    ['b', second],
    ['c', first],
    ['d', second],
  ] as const) {
    calls.push(limiter.wait('smooth', 'ada').then(({ allowed }) => allowed && started.push(name)))
    // So that Redis gets them in this order.
    await limiter.peek('smooth', 'bob')
  }
  await Promise.all(calls)
  expect(started).toEqual(['a', 'b', 'c', 'd'])
})

test('A7: a call that is given up while Redis is asked leaves nothing behind', async () => {
  const limiter = replica(randomUUID())
  await limiter.ready()
  const gone = new AbortController()
  const waiting = limiter.wait('hourly', 'ada', { signal: gone.signal })
  gone.abort(new Error('the client went away'))
  await expect(waiting).rejects.toThrow('the client went away')
  const { receipt } = await limiter.check('hourly', 'ada')
  if (receipt !== undefined) await limiter.refund(receipt)
  await expect.poll(async () => (await limiter.peek('hourly', 'ada')).remaining).toBe(5)
})
