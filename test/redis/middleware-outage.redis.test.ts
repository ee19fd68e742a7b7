import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import { rateLimit as expressRateLimit } from 'express-rate-limit'
import fastify from 'fastify'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createLimiter, type Limiter } from '../../src/index.js'
import { rateLimit as limitExpress } from '../../src/middleware/express.js'
import { SluiceStore } from '../../src/middleware/express-rate-limit.js'
import { rateLimit as limitFastify } from '../../src/middleware/fastify.js'
import { type RedisServer, startRedis } from '../support/redis-server.js'

let redis: RedisServer
let limiter: Limiter<{ strict: string; local: string; open: string }>
let stop: () => unknown
beforeEach(async () => {
  redis = await startRedis()
  limiter = createLimiter({
    store: redis.url,
    policies: {
      strict: { limit: 3, window: '1m', onStoreFailure: 'closed' },
      local: { limit: 3, window: '1m', onStoreFailure: 'local' },
      open: { limit: 3, window: '1m', onStoreFailure: 'open' },
    },
  }) as never
  limiter.on('storeDown', () => {})
  await limiter.ready()
})
afterEach(async () => {
  await stop()
  await limiter.close()
  await redis.stop()
})

type Policy = 'strict' | 'local' | 'open'

async function startExpress(): Promise<string> {
  const app = express()
  for (const policy of ['strict', 'local', 'open'] as const) {
    app.get(`/${policy}`, limitExpress({ limiter, policy, headers: ['x', 'draft-11'] }), (_req, res) => {
      res.send('hello')
    })
  }
  const server: Server = createServer(app)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  stop = () => {
    server.closeAllConnections()
    server.close()
  }
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function startFastify(): Promise<string> {
  const app = fastify()
  for (const policy of ['strict', 'local', 'open'] as const) {
    app.get(
      `/${policy}`,
      { onRequest: limitFastify({ limiter, policy, headers: ['x', 'draft-11'] }) },
      () => 'hello',
    )
  }
  stop = () => app.close()
  return app.listen({ port: 0, host: '127.0.0.1' })
}

describe.each([
  ['express', startExpress],
  ['fastify', startFastify],
])('%s with its counters in Redis', (_, start) => {
  const ask = async (url: string, policy: Policy, times: number) => {
    const seen: number[] = []
    for (let i = 0; i < times; i++) seen.push((await fetch(`${url}/${policy}`)).status)
    return seen
  }

  test('admits as the policy says, and by an outage what its policy says of outages', async () => {
    const url = await start()
    expect(await ask(url, 'strict', 4)).toEqual([200, 200, 200, 429])
    await redis.stop()

    expect(await ask(url, 'local', 4)).toEqual([200, 200, 200, 429])
    expect(await ask(url, 'open', 6)).toEqual(Array(6).fill(200))
  })

  test('answers an outage under `closed` by 503, with when to come back, and never as a limit', async () => {
    const url = await start()
    await redis.stop()
    const refused = await fetch(`${url}/strict`)
    expect(refused.status).toBe(503)
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
    expect(refused.headers.get('content-type')).toMatch('application/problem+json')
    expect(await refused.json()).toMatchObject({
      type: 'https://iana.org/assignments/http-problem-types#temporary-reduced-capacity',
      status: 503,
    })
    expect(await ask(url, 'strict', 5)).toEqual(Array(5).fill(503))
  })
})

test('the store for express-rate-limit counts together, and goes on in an outage', async () => {
  const stores = [new SluiceStore({ store: redis.url }), new SluiceStore({ store: redis.url })]
  const app = express()
  for (const [index, store] of stores.entries()) {
    const limit = expressRateLimit({ windowMs: 60_000, limit: 3, store, validate: { creationStack: false } })
    app.get(`/${index}`, limit, (_req, res) => void res.send('hello'))
  }
  const server = createServer(app)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  const ask = async (index: number) => (await fetch(`http://127.0.0.1:${port}/${index}`)).status
  stop = async () => {
    server.closeAllConnections()
    server.close()
    await Promise.all(stores.map(store => store.shutdown()))
  }
  expect([await ask(0), await ask(1), await ask(0), await ask(1)]).toEqual([200, 200, 200, 429])
  await redis.stop()
  expect([await ask(0), await ask(0), await ask(0), await ask(0)]).toEqual([200, 200, 200, 429])
})
