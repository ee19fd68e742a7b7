import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Batch } from '../../src/events.js'
import { createLimiter } from '../../src/limiter.js'
import { type RedisServer, startRedis } from '../support/redis-server.js'

let server: RedisServer
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())

test('every batch is told, with what stayed behind and how long it took', async () => {
  await using limiter = createLimiter({ store: server.url, policies: { perUser: '100/m' } })
  await limiter.ready()
  const batches: Batch[] = []
  limiter.on('batch', batch => batches.push(batch))
  await Promise.all(Array.from({ length: 500 }, (_, i) => limiter.check('perUser', `user-${i}`)))
  expect(batches.length).toBeLessThan(100)
  expect(batches.reduce((sum, { requests }) => sum + requests, 0)).toBe(500)
  expect(batches[0]).toMatchObject({ part: undefined, error: undefined, checks: batches[0]?.requests })
  expect(Math.max(...batches.map(({ queued }) => queued))).toBeGreaterThan(0)
  expect(batches.every(({ tripMs }) => tripMs > 0)).toBe(true)
})
