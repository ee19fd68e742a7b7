import { once } from 'node:events'
import { request as send } from 'node:http'
import { setImmediate as turn } from 'node:timers/promises'
import express from 'express'
import fastify from 'fastify'
import Koa from 'koa'
import { describe, expect, test } from 'vitest'
import { rateLimit as limitExpress } from '../../../src/middleware/express.js'
import { rateLimit as limitFastify } from '../../../src/middleware/fastify.js'
import { rateLimit } from '../../../src/middleware/http.js'
import { rateLimit as limitKoa } from '../../../src/middleware/koa.js'
import { createTestLimiter } from '../../../src/testing/create-test-limiter.js'
import { FRAMEWORKS } from './support/frameworks.js'
import { hello, listen, statuses } from './support/serving.js'

describe('several checks of a request', () => {
  test('are one decision: what one refuses, none is charged for', async () => {
    const { limiter } = createTestLimiter({ policies: { perUser: '2/m', perIp: '5/m' } })
    const limit = rateLimit({
      limiter,
      checks: [
        { policy: 'perUser', key: req => String(req.headers['x-user']), skip: req => !req.headers['x-user'] },
        { policy: 'perIp' },
      ],
    })
    const url = await listen(limit(hello))
    expect(await statuses(url, 4, { 'x-user': 'a' })).toEqual([200, 200, 429, 429])
    expect(await statuses(url, 4)).toEqual([200, 200, 200, 429])
  })

  test('count each by its own countWhen', async () => {
    const { limiter } = createTestLimiter({ policies: { all: '3/m', failures: '1/m' } })
    const limit = rateLimit({
      limiter,
      checks: [{ policy: 'all' }, { policy: 'failures', countWhen: res => res.statusCode >= 400 }],
    })
    const url = await listen(limit(hello))
    expect(await statuses(url, 4)).toEqual([200, 200, 200, 429])
    expect((await limiter.peek('failures', '127.0.0.1')).remaining).toBe(1)
  })
})

test('of failures that come all at once no more are let in than the limit says', async () => {
  let guesses = 0
  const limit = rateLimit('5/h', { countWhen: res => res.statusCode >= 400 })
  const url = await listen(
    limit((_req, res) => {
      guesses++
      res.statusCode = 401
      res.end()
    }),
  )
  const answers = await Promise.all(Array.from({ length: 50 }, () => statuses(url, 1)))
  expect(guesses).toBe(5)
  expect(answers.flat().filter(status => status === 429)).toHaveLength(45)
})

describe('what differs from request to request', () => {
  test('a cost is charged; of 0, nothing is checked; above what can ever pass, no waiting helps', async () => {
    const limit = rateLimit('5/m', { cost: req => Number(req.headers['x-cost']) })
    const url = await listen(limit(hello))
    expect(await statuses(url, 1, { 'x-cost': '4' })).toEqual([200])
    expect(await statuses(url, 1, { 'x-cost': '2' })).toEqual([429])
    expect(await statuses(url, 2, { 'x-cost': '0' })).toEqual([200, 200])
    const never = await fetch(url, { headers: { 'x-cost': '6' } })
    expect(never.status).toBe(429)
    expect(never.headers.get('retry-after')).toBeNull()
    expect(await never.json()).toMatchObject({
      detail: 'It costs 6, and at most 5 can ever pass at once.',
      'violated-policies': ['default'],
    })
    expect(await statuses(url, 1, { 'x-cost': 'many' })).toEqual([500])
  })

  test('A3: a limit may be a strategy by its name', async () => {
    const limit = rateLimit(['9/m', { strategy: 'SlidingWindow', max_requests: 2, window: '60s' }])
    const url = await listen(limit(hello))
    expect(await statuses(url, 3)).toEqual([200, 200, 429])
  })

  test('a limit holds for its request, and 0 refuses', async () => {
    const limit = rateLimit({ windowMs: 60_000, limit: req => Number(req.headers['x-limit']) })
    const url = await listen(limit(hello))
    expect(await statuses(url, 3, { 'x-limit': '2' })).toEqual([200, 200, 429])
    expect(await statuses(url, 2, { 'x-limit': '3' })).toEqual([200, 429])
    expect(await statuses(url, 1, { 'x-limit': '0' })).toEqual([429])
    const closed = rateLimit({ windowMs: 60_000, limit: 0 })
    expect(await statuses(await listen(closed(hello)), 1)).toEqual([429])
  })

  test('a handler of one’s own may throw in Koa, and the client is told when to come again', async () => {
    const app = new Koa()
    app.silent = true
    app.use(
      limitKoa({
        windowMs: 60_000,
        limit: 1,
        handler: ctx => ctx.throw(429, { headers: { 'X-Own': 'yes' } }),
      }),
    )
    app.use(ctx => {
      ctx.body = 'hello'
    })
    const url = await listen(app.callback())
    expect(await statuses(url, 1)).toEqual([200])
    const refused = await fetch(url)
    expect(refused.status).toBe(429)
    expect(refused.headers.get('retry-after')).toBe('60')
    expect(refused.headers.get('x-own')).toBe('yes')
  })

  test('a message that JSON has no form for leaves the problem document', async () => {
    const limit = rateLimit({ windowMs: 60_000, limit: 0, message: () => Symbol('nothing') })
    const response = await fetch(await listen(limit(hello)))
    expect(response.status).toBe(429)
    expect(await response.json()).toMatchObject({ status: 429 })
  })

  test('a handler of one’s own answers a refusal', async () => {
    const limit = rateLimit('1/m', {
      handler: (_req, res, { statusCode, retryAfterMs, decision }) => {
        res.statusCode = statusCode
        res.end(`wait ${retryAfterMs} for ${decision?.policy}`)
      },
    })
    const url = await listen(limit(hello))
    await fetch(url)
    expect(await (await fetch(url)).text()).toMatch(/^wait \d+ for default$/)
  })
})

describe('subjects that clients choose', () => {
  const json = async (url: string, body: string) => (await fetch(url, { method: 'POST', body })).status

  test('a megabyte, control bytes and half surrogate pairs are counted as any other', async () => {
    const app = express()
    app.use(express.json({ limit: '3mb', type: () => true }))
    const limit = limitExpress('1/m', { key: req => req.body.email })
    app.use(limit, hello)
    const url = await listen(app)
    for (const email of ['x'.repeat(1_000_000), 'a\u0000b', '{}:%', '\ud800', '\u2028\n']) {
      const body = JSON.stringify({ email })
      expect([await json(url, body), await json(url, body)]).toEqual([200, 429])
    }
  })

  test('none at all is an error, and no shared one', async () => {
    const app = express()
    app.set('env', 'test')
    app.use(express.json({ type: () => true }))
    app.use(limitExpress('100/m', { key: req => req.body.email }), hello)
    const errors: unknown[] = []
    app.use((error: unknown, _req: unknown, res: express.Response, _next: unknown) => {
      errors.push(error)
      res.status(500).end()
    })
    const url = await listen(app)
    expect([await json(url, '{}'), await json(url, '{"email":""}'), await json(url, '{"email":7}')]).toEqual([
      500, 500, 500,
    ])
    expect(errors.map(error => (error as { code?: string }).code)).toEqual(
      Array(3).fill('ERR_SLUICE_SUBJECT'),
    )
  })

  test('many of them at once take no more memory than is set', async () => {
    const { limiter } = createTestLimiter({ policies: { api: '1/h' }, maxKeys: 50 })
    const limit = rateLimit({ limiter, policy: 'api', key: req => String(req.headers['x-user']) })
    const url = await listen(limit(hello))
    for (let i = 0; i < 500; i += 50) {
      const burst = Array.from({ length: 50 }, (_, n) => statuses(url, 1, { 'x-user': `user-${i + n}` }))
      expect((await Promise.all(burst)).flat()).toEqual(Array(50).fill(200))
    }
    const remembered = await Promise.all(
      Array.from({ length: 500 }, (_, n) => limiter.peek('api', `user-${n}`)),
    )
    expect(remembered.filter(({ allowed }) => !allowed)).toHaveLength(50)
  })
})

describe('a framework that believes every X-Forwarded-For', () => {
  const forged = { 'x-forwarded-for': '192.0.2.1' }

  test('in Express is refused, unless it is accepted', async () => {
    const app = express()
    app.set('env', 'test')
    app.set('trust proxy', true)
    app.get('/', limitExpress('1/m'), hello)
    app.get('/accepted', limitExpress('1/m', { validate: false }), hello)
    const url = await listen(app)
    expect(await statuses(url, 1, forged)).toEqual([500])
    expect(await statuses(`${url}/accepted`, 2, forged)).toEqual([200, 429])
    app.set('trust proxy', 1)
    expect(await statuses(url, 2, forged)).toEqual([200, 429])
  })

  test('in Fastify is refused, and proxies that are named are not', async () => {
    for (const [trustProxy, expected] of [
      [true, 500],
      [() => true, 500],
      [1, 200],
      ['127.0.0.0/8', 200],
    ] as const) {
      const app = fastify({ trustProxy: trustProxy as boolean })
      app.addHook('onRequest', limitFastify('9/m'))
      app.get('/', () => 'hello')
      const url = await app.listen({ port: 0, host: '127.0.0.1' })
      expect(await statuses(url, 1, forged)).toEqual([expected])
      await app.close()
    }
  })

  test('in Koa is refused', async () => {
    const app = new Koa({ proxy: true })
    app.silent = true
    app.use(limitKoa('9/m'))
    const url = await listen(app.callback())
    expect(await statuses(url, 1, forged)).toEqual([500])
    app.maxIpsCount = 1
    expect(await statuses(url, 1, forged)).toEqual([404])
  })
})

test('a hook of Fastify that is registered as a plugin is told to be none', async () => {
  const app = fastify()
  app.register(limitFastify('5/m') as never)
  await expect(app.ready()).rejects.toThrow(/a hook and no plugin; write app\.addHook\('onRequest'/)
})

test('SkipRateLimit leaves a handler of NestJS to no guard', async () => {
  const server = await FRAMEWORKS['nestjs on Express']?.({ limit: 1, windowMs: 60_000 })
  const url = server?.url ?? ''
  expect(await statuses(`${url}/skipped`, 3)).toEqual([200, 200, 200])
  expect(await statuses(url, 2)).toEqual([200, 429])
  await server?.stop()
})

describe('clients that leave', () => {
  test('before the response is finished are counted, and nothing breaks', async () => {
    const limit = rateLimit({ windowMs: 60_000, limit: 2, skipFailedRequests: true })
    const arrived: (() => void)[] = []
    const url = await listen(
      limit(
        (_req, res) =>
          new Promise<void>(done => {
            res.once('close', done)
            for (const tell of arrived.splice(0)) tell()
          }),
      ),
    )
    for (let i = 0; i < 2; i++) {
      const came = new Promise<void>(resolve => arrived.push(resolve))
      const leaving = send(url).on('error', () => {})
      leaving.end()
      await came
      leaving.destroy()
    }
    expect(await statuses(url, 1)).toEqual([429])
  })

  test('while they are held back free their place in the queue', async () => {
    const { limiter } = createTestLimiter({
      policies: { shaped: { algorithm: 'leaky_bucket', limit: 1, window: '1h', burst: 2, mode: 'shape' } },
    })
    const limit = rateLimit({ limiter, policy: 'shaped', key: () => 'all' })
    const closed: Promise<unknown>[] = []
    const limited = limit(hello)
    const url = await listen((req, res) => {
      closed.push(once(res, 'close'))
      limited(req, res)
    })
    expect(await statuses(url, 1)).toEqual([200])
    const held = send(url).on('error', () => {})
    const queued = new Promise<void>(resolve => {
      const stop = limiter.on('decision', ({ decision }) => {
        if (decision.delayMs > 0) {
          stop()
          resolve()
        }
      })
    })
    held.end()
    await queued
    const refunded = new Promise<void>(resolve => {
      limiter.on('decision', ({ call }) => {
        if (call === 'refund') resolve()
      })
    })
    held.destroy()
    await refunded
    expect((await limiter.peek('shaped', 'all')).remaining).toBe(1)
  })

  test('A7: while they wait for capacity free their place, and are charged nothing', async () => {
    const { limiter, clock } = createTestLimiter({ policies: { api: '1/h' } })
    const limited = rateLimit({ limiter, policy: 'api', key: () => 'all', maxWait: '2h' })(hello)
    const url = await listen(limited)
    expect(await statuses(url, 1)).toEqual([200])
    const held = send(url).on('error', () => {})
    held.end()
    while (limiter.metrics().waiting === 0) await turn()
    held.destroy()
    while (limiter.metrics().waiting > 0) await turn()
    await clock.advance('1h')
    expect((await limiter.peek('api', 'all')).remaining).toBe(1)
  })

  test('and answers that were sent by another leave the limit nothing to say', async () => {
    const { limiter } = createTestLimiter({ policies: { api: '1/m' } })
    const limit = rateLimit({ limiter, policy: 'api' })
    const limited = limit(hello)
    const url = await listen((req, res) => {
      limited(req, res)
      if (req.url === '/early') res.end('early')
    })
    await fetch(url)
    expect(await (await fetch(`${url}/early`)).text()).toBe('early')
    expect(await statuses(url, 1)).toEqual([429])
  })
})
