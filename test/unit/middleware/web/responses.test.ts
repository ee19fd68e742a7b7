import { Hono } from 'hono'
import { describe, expect, test } from 'vitest'
import { rateLimit as limitFetch } from '../../../../src/middleware/fetch.js'
import { rateLimit as limitHono } from '../../../../src/middleware/hono.js'
import { createTestLimiter } from '../../../../src/testing/create-test-limiter.js'

describe('a Response that the context of Hono did not make', () => {
  const setUp = () => {
    const { limiter } = createTestLimiter({
      policies: { api: { algorithm: 'fixed_window', limit: 2, window: '1m' } },
    })
    return { hono: new Hono(), options: { limiter, policy: 'api', key: () => 'all' } as const }
  }

  test.each([
    ['a plain one', () => new Response('hello')],
    ['a redirect, whose headers cannot be changed', () => Response.redirect('http://example.com/')],
  ])('has the fields of a limit: %s', async (_what, answer) => {
    const { hono, options } = setUp()
    hono.use(limitHono(options))
    hono.get('/', answer)
    const response = await hono.request('/')
    expect(response.headers.get('x-ratelimit-remaining')).toBe('1')
    expect(response.headers.get('location')).toBe(answer().headers.get('location'))
  })

  test('has them also where it answers a refusal', async () => {
    const { hono, options } = setUp()
    const handler = () => new Response('not now', { status: 503 })
    hono.use(limitHono({ ...options, cost: () => 2, handler }))
    hono.get('/', c => c.text('hello'))
    await hono.request('/')
    const refused = await hono.request('/')
    expect(await refused.text()).toBe('not now')
    expect(refused.headers.get('retry-after')).toBe('60')
  })

  test('is left alone where it can have none', async () => {
    const { options } = setUp()
    const handle = limitFetch(options)(() => Response.error())
    expect((await handle(new Request('http://example.com/'))).type).toBe('error')
  })
})
