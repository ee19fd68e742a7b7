import { afterEach, beforeEach, expect, test } from 'vitest'
import { createLimiter } from '../../src/limiter.js'
import { STORE_KINDS, type StoreKind } from '../support/clients.js'
import { type RedisServer, startRedis } from '../support/redis-server.js'
import { startTcpProxy } from '../support/tcp-proxy.js'

const POLICIES = { api: { algorithm: 'fixed_window', limit: 100, window: '1h' } } as const

let server: RedisServer
const closers: (() => Promise<unknown>)[] = []

beforeEach(async () => {
  server = await startRedis()
})

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
  await server.stop()
})

/** All kinds at once: each waits for ten seconds of silence. */
const ofEveryKind = (story: (kind: StoreKind, index: number) => Promise<void>) =>
  Promise.all(STORE_KINDS.map(story))

/** A limiter on a way of its own, which can be disturbed. */
async function limiterBehindProxy({ store }: StoreKind, prefix: string) {
  const proxy = await startTcpProxy(server.port)
  closers.push(() => proxy.close())
  const own = store({ port: proxy.port })
  const limiter = createLimiter({ store: own, prefix, policies: POLICIES, deadline: '2s' })
  closers.push(() => limiter.close())
  await limiter.ready()
  expect((await limiter.check('api', 'ada')).source).toBe('redis')
  return { proxy, limiter }
}

test('a connection that nothing comes from is given up for another; one that owes no answer stays', () =>
  ofEveryKind(async (kind, i) => {
    const idle = await limiterBehindProxy(kind, `idle-${i}`)
    const { proxy, limiter } = await limiterBehindProxy(kind, `muted-${i}`)
    const up = new Promise(resolve => limiter.on('storeUp', resolve))
    limiter.on('storeDown', () => {})
    // Neither end is told: no packet comes that would end the connection.
    proxy.muteConnections()
    expect((await limiter.check('api', 'ada')).source).toBe('fallback')
    await up
    expect(await limiter.check('api', 'ada')).toMatchObject({ source: 'redis', remaining: 98 })
    expect(proxy.connections).toBe(2)
    expect(idle.proxy.connections).toBe(1)
  }))

test('a server that stands still is told to whoever waits for the limiter to be ready', async () => {
  process.kill(server.pid, 'SIGSTOP')
  await ofEveryKind(async ({ store }) => {
    const limiter = createLimiter({ store: store({ port: server.port }), policies: POLICIES })
    closers.push(() => limiter.close())
    await expect(limiter.ready()).rejects.toMatchObject({
      code: 'ERR_SLUICE_STORE_UNAVAILABLE',
      message: expect.stringContaining('takes connections and says nothing'),
    })
  })
})
