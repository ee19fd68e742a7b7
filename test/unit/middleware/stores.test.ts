import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import rateLimitPlugin from '@fastify/rate-limit'
import express from 'express'
import { type Options, rateLimit, type Store } from 'express-rate-limit'
import fastify from 'fastify'
import { describe, expect, test } from 'vitest'
import { SluiceStore } from '../../../src/middleware/express-rate-limit.js'
import { fastifyRateLimitStore } from '../../../src/middleware/fastify-rate-limit.js'
import { FakeClock } from '../../../src/testing/fake-clock.js'

async function statuses(url: string, times: number): Promise<readonly number[]> {
  const seen: number[] = []
  for (let i = 0; i < times; i++) seen.push((await fetch(url)).status)
  return seen
}

async function withExpress(options: Partial<Options>, ask: (url: string) => Promise<void>): Promise<void> {
  const app = express()
  app.use(rateLimit({ validate: { creationStack: false }, ...options }))
  app.get('/', (_req, res) => void res.send('ok'))
  app.get('/fail', (_req, res) => void res.status(401).send('no'))
  const server = createServer(app)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  await ask(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  server.closeAllConnections()
  server.close()
}

describe('SluiceStore under express-rate-limit', () => {
  test('counts to the limit of the middleware', async () => {
    const store = new SluiceStore()
    await withExpress({ windowMs: 60_000, limit: 2, store }, async url => {
      expect(await statuses(url, 3)).toEqual([200, 200, 429])
    })
    await store.shutdown()
  })

  test('serves limits that depend on the request, and gives hits back', async () => {
    const store = new SluiceStore()
    const limit = ({ path }: { path: string }) => (path === '/fail' ? 3 : 1)
    await withExpress({ windowMs: 60_000, limit, skipFailedRequests: true, store }, async url => {
      expect(await statuses(`${url}/fail`, 5)).toEqual([401, 401, 401, 401, 401])
      expect(await statuses(url, 2)).toEqual([200, 429])
    })
    await store.shutdown()
  })

  test('keeps its contract: hits from 1, a reset time, nothing for a key that is not there', async () => {
    const clock = new FakeClock()
    const store: Store = new SluiceStore({ clock })
    await expect(store.increment('a')).rejects.toThrow('the store is not in use yet')
    await store.init?.({ windowMs: 1_000 } as Options)
    expect(await store.get?.('a')).toBeUndefined()
    await store.decrement('a')
    expect(await store.get?.('a')).toBeUndefined()
    expect(await store.increment('a')).toEqual({ totalHits: 1, resetTime: expect.any(Date) })
    expect(await store.increment('a')).toMatchObject({ totalHits: 2 })
    await store.decrement('a')
    expect(await store.get?.('a')).toMatchObject({ totalHits: 1 })
    clock.advance('1s')
    expect(await store.increment('a')).toMatchObject({ totalHits: 1 })
    await store.resetKey('a')
    expect(await store.get?.('a')).toBeUndefined()
    await store.shutdown?.()
  })
})

describe.each(['SluiceStore', 'fastifyRateLimitStore'])('%s', name => {
  /** Counts a hit of whatever a key function answered. @returns hits so far */
  function counter(): { hit(key: unknown, windowMs: number): Promise<number>; close(): Promise<void> } {
    if (name === 'SluiceStore') {
      const store = new SluiceStore()
      return {
        async hit(key, windowMs) {
          store.init({ windowMs } as Options)
          return (await store.increment(key as string)).totalHits
        },
        close: () => store.shutdown(),
      }
    }
    const Store = fastifyRateLimitStore()
    const store = new Store({})
    return {
      hit: (key, windowMs) =>
        new Promise((resolve, reject) => {
          const told = (error: Error | null, hits?: { current: number }) =>
            error === null && hits !== undefined ? resolve(hits.current) : reject(error)
          store.incr(key as string, told, windowMs, 1)
        }),
      close: () => Store.close(),
    }
  }

  test('counts by whatever a key function answers, each for itself', async () => {
    const { hit, close } = counter()
    const keys = ['', '\0', '\0\0', 7, undefined, null, '__proto__', '\ud800', '{}:%', 'x'.repeat(1_000_000)]
    for (const key of keys) expect(await hit(key, 60_000)).toBe(1)
    for (const key of keys) expect(await hit(key, 60_000)).toBe(2)
    await close()
  })

  test.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])('refuses a window of %d ms', async windowMs => {
    const { hit, close } = counter()
    await expect(hit('a', windowMs)).rejects.toThrow(`a window of ${windowMs} ms does not end`)
    await close()
  })
})

describe('fastifyRateLimitStore under @fastify/rate-limit', () => {
  test('counts to the limit of the plugin, and routes of their own apart', async () => {
    const store = fastifyRateLimitStore()
    const app = fastify()
    await app.register(rateLimitPlugin, { max: 2, timeWindow: '1 minute', store })
    app.get('/', () => 'ok')
    app.get('/own', { config: { rateLimit: { max: 1, timeWindow: '1 hour' } } }, () => 'ok')
    const url = await app.listen({ port: 0, host: '127.0.0.1' })
    expect(await statuses(url, 3)).toEqual([200, 200, 429])
    expect(await statuses(`${url}/own`, 2)).toEqual([200, 429])
    await app.close()
    await store.close()
  })

  test('peeks where the plugin does', async () => {
    const store = fastifyRateLimitStore()
    const app = fastify()
    await app.register(rateLimitPlugin, { global: false, max: 2, timeWindow: 60_000, store })
    const check = app.createRateLimit()
    app.get('/', request => check(request))
    app.get('/peek', request => check(request, { increment: false }))
    await app.ready()
    const remaining = async (path: string) =>
      ((await app.inject(path)).json() as { remaining: number }).remaining
    expect(await remaining('/peek')).toBe(2)
    expect(await remaining('/')).toBe(1)
    expect(await remaining('/peek')).toBe(1)
    await app.close()
    await store.close()
  })

  test('refuses options of the plugin that it cannot keep', async () => {
    const store = fastifyRateLimitStore()
    const app = fastify()
    const registered = app.register(rateLimitPlugin, { max: 2, continueExceeding: true, store })
    await expect(registered).rejects.toThrow("'continueExceeding' makes a window longer")
  })
})
