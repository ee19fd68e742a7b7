import { setImmediate as turn } from 'node:timers/promises'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { createTestLimiter } from '../../../src/testing/create-test-limiter.js'
import { FRAMEWORKS, type Running, type Setup } from './support/frameworks.js'

let server: Running | undefined
afterEach(async () => {
  await server?.stop()
  server = undefined
})

const ask = (path = '/', headers: Record<string, string> = {}) => fetch(`${server?.url}${path}`, { headers })

const statuses = async (times: number, path = '/', headers: Record<string, string> = {}) => {
  const seen: number[] = []
  for (let i = 0; i < times; i++) {
    const response = await ask(path, headers)
    await response.arrayBuffer()
    seen.push(response.status)
  }
  return seen
}

describe.each(Object.keys(FRAMEWORKS))('a limit in %s', framework => {
  const start = async (setup: Setup): Promise<void> => {
    server = await FRAMEWORKS[framework]?.(setup)
  }

  test('admits what its rate says, by client address, and refuses the rest with what a client needs to know', async () => {
    await start({ limit: 2, windowMs: 60_000 })
    const first = await ask()
    expect(first.status).toBe(200)
    expect(await first.text()).toBe('hello 1')
    expect(first.headers.get('x-ratelimit-limit')).toBe('2')
    expect(first.headers.get('x-ratelimit-remaining')).toBe('1')
    expect(await statuses(1)).toEqual([200])

    const refused = await ask()
    expect(refused.status).toBe(429)
    expect(refused.headers.get('retry-after')).toBe('60')
    expect(refused.headers.get('x-ratelimit-remaining')).toBe('0')
    expect(refused.headers.get('content-type')).toMatch('application/problem+json')
    expect(await refused.json()).toMatchObject({
      type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
      status: 429,
      'violated-policies': ['default'],
    })
    expect(server?.handled()).toBe(2)
  })

  test('A8: tells who is refused by a header of choice, and who is not by none', async () => {
    await start({ limit: 1, windowMs: 60_000, headers: 'none', backpressureHeader: 'X-Come-Again-In' })
    expect((await ask()).headers.get('x-come-again-in')).toBeNull()
    const refused = await ask()
    expect(refused.status).toBe(429)
    expect(refused.headers.get('x-come-again-in')).toBe('60')
    expect(refused.headers.get('retry-after')).toBeNull()
  })

  test('A8: signalClient: false tells clients that they were refused, and nothing more', async () => {
    await start({ limit: 1, windowMs: 60_000, signalClient: false })
    const [passed, refused] = [await ask(), await ask()]
    expect([passed.status, refused.status]).toEqual([200, 429])
    for (const { headers } of [passed, refused]) {
      expect([...headers.keys()].filter(name => /ratelimit|retry/.test(name))).toEqual([])
    }
    expect(await refused.json()).not.toHaveProperty('violated-policies')
  })

  test('A7: waits instead of refusing, and refuses at once what would take too long', async () => {
    const { limiter, clock } = createTestLimiter({ policies: { api: '1/m' } })
    const backpressureHeader = 'X-RateLimit-Reset'
    const told = { headers: 'none', backpressureHeader } as const
    await start({ limiter, policy: 'api', keyHeader: 'x-user', maxWait: '60s', ...told })
    const user = { 'x-user': 'ada' }
    expect((await ask('/', user)).headers.get(backpressureHeader)).toBeNull()
    const waiting = ask('/', user)
    while (limiter.metrics().waiting === 0) await turn()
    expect((await ask('/', user)).status).toBe(429)
    await clock.advance('60s')
    const waited = await waiting
    expect(waited.status).toBe(200)
    const resetAt = Number(waited.headers.get(backpressureHeader))
    expect(resetAt).toBeGreaterThan(Date.UTC(2020) / 1000)
    expect(server?.handled()).toBe(2)
  })

  test.each([
    ['waits in line', '1/m', '60s'],
    [
      'is held back',
      { algorithm: 'leaky_bucket', limit: 1, window: '1h', burst: 2, mode: 'shape' },
      undefined,
    ],
  ] as const)('a client that leaves while it %s is no error of anybody', async (_how, policy, maxWait) => {
    const { limiter } = createTestLimiter({ policies: { api: policy } })
    await start({ limiter, policy: 'api', keyHeader: 'x-user', ...(maxWait !== undefined && { maxWait }) })
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    const user = { 'x-user': 'ada' }
    expect(await statuses(1, '/', user)).toEqual([200])
    const client = new AbortController()
    const told: string[] = []
    limiter.on('decision', ({ call }) => told.push(call))
    const leaving = fetch(`${server?.url}/`, { headers: user, signal: client.signal })
    // The shaped one has its decision by then, and gives it back; who waits in line has none.
    while (maxWait === undefined ? told.length < 1 : limiter.metrics().waiting < 1) await turn()
    client.abort()
    await expect(leaving).rejects.toThrow('aborted')
    while (maxWait === undefined ? told.length < 2 : limiter.metrics().waiting > 0) await turn()
    for (let i = 0; i < 10; i++) await turn()
    expect(server?.handled()).toBe(1)
    expect(server?.failed()).toBe(0)
    expect(warned).not.toHaveBeenCalled()
    warned.mockRestore()
  })

  test('tells by draft 11 the policy that decided', async () => {
    const { limiter } = createTestLimiter({ policies: { api: ['2/s', '100/h'] } })
    await start({ limiter, policy: 'api', headers: 'draft-11' })
    const response = await ask()
    expect(response.headers.get('ratelimit-policy')).toBe('"api";q=2;w=1, "api~1";q=100;w=3600')
    expect(response.headers.get('ratelimit')).toBe('"api";r=1;t=1')
    expect(response.headers.get('x-ratelimit-limit')).toBeNull()
  })

  test('counts by a key, whatever stands in it', async () => {
    await start({ limit: 1, windowMs: 60_000, keyHeader: 'x-user' })
    for (const user of ['a', '{a}', 'a:b', '%00', 'x'.repeat(8_000)]) {
      expect(await statuses(2, '/', { 'x-user': user })).toEqual([200, 429])
    }
  })

  test('leaves alone what is to be skipped', async () => {
    await start({ limit: 1, windowMs: 60_000, skipHeader: 'x-probe' })
    expect(await statuses(3, '/', { 'x-probe': '1' })).toEqual([200, 200, 200])
    expect(await statuses(2)).toEqual([200, 429])
  })

  test('counts failures alone, so that who signs in is not refused', async () => {
    await start({ limit: 2, windowMs: 60_000, skipSuccessfulRequests: true })
    expect(await statuses(4)).toEqual([200, 200, 200, 200])
    expect(await statuses(4, '/fail')).toEqual([401, 401, 429, 429])
    expect(await statuses(1)).toEqual([429])
  })

  test('counts a handler that throws as a failure, and stays up', async () => {
    await start({ limit: 2, windowMs: 60_000, skipSuccessfulRequests: true })
    expect(await statuses(3, '/throw')).toEqual([500, 500, 429])
  })

  test('tells its fields also where the handler throws', async () => {
    await start({ limit: 2, windowMs: 60_000 })
    const response = await ask('/throw')
    expect(response.status).toBe(500)
    // Whoever hands a Request to a handler of `sluice/fetch` answers himself for what it throws.
    expect(response.headers.get('x-ratelimit-remaining')).toBe(framework === 'fetch' ? null : '1')
  })

  test('gives back what failed where failures do not count', async () => {
    await start({ limit: 2, windowMs: 60_000, skipFailedRequests: true })
    expect(await statuses(5, '/fail')).toEqual([401, 401, 401, 401, 401])
    expect(await statuses(3)).toEqual([200, 200, 429])
  })

  test('settles what a policy that only watches has counted also of a request that another policy refuses', async () => {
    const { limiter } = createTestLimiter({ policies: { live: '1/m', next: '5/m' } })
    const key = () => 'everybody'
    const counts = [true, false, true, false]
    const countWhen = () => counts.shift() ?? false
    await start({
      limiter,
      checks: [
        { policy: 'live', key },
        { policy: 'next', key, shadow: true, countWhen },
      ],
    })
    expect(await statuses(4)).toEqual([200, 429, 429, 429])
    expect(counts).toEqual([])
    expect((await limiter.peek('next', 'everybody')).remaining).toBe(3)
  })

  test('answers 500 when its key function throws, and lets nothing pass', async () => {
    await start({ limit: 5, windowMs: 60_000, keyThrows: true })
    expect(await statuses(2)).toEqual([500, 500])
    expect(server?.handled()).toBe(0)
  })

  test('refuses the addresses of its deny list for ever, and does not limit those of its allow list', async () => {
    await start({ limit: 1, windowMs: 60_000, denyList: ['127.0.0.0/8'] })
    const refused = await ask()
    expect(refused.status).toBe(403)
    expect(refused.headers.get('retry-after')).toBeNull()
    await server?.stop()
    await start({ limit: 1, windowMs: 60_000, allowList: ['127.0.0.1'] })
    expect(await statuses(3)).toEqual([200, 200, 200])
  })

  test('does not believe a forwarded address', async () => {
    await start({ limit: 1, windowMs: 60_000 })
    expect(await statuses(1, '/', { 'x-forwarded-for': '192.0.2.1' })).toEqual([200])
    expect(await statuses(1, '/', { 'x-forwarded-for': '192.0.2.2' })).toEqual([429])
  })

  test('believes the nearest proxies it is told of, and what they saw only', async () => {
    await start({ limit: 1, windowMs: 60_000, trustProxy: 1 })
    expect(await statuses(2, '/', { 'x-forwarded-for': '192.0.2.1' })).toEqual([200, 429])
    expect(await statuses(2, '/', { 'x-forwarded-for': '192.0.2.2' })).toEqual([200, 429])
    expect(await statuses(1, '/', { 'x-forwarded-for': '198.51.100.7, 192.0.2.1' })).toEqual([429])
  })

  test('says what it is told to say', async () => {
    await start({
      limit: 1,
      windowMs: 60_000,
      message: { error: 'slow down' },
      statusCode: 420,
      headers: 'none',
    })
    await statuses(1)
    const refused = await ask()
    expect(refused.status).toBe(420)
    expect(await refused.json()).toEqual({ error: 'slow down' })
    expect(refused.headers.get('x-ratelimit-limit')).toBeNull()
    expect(refused.headers.get('retry-after')).toBeNull()
  })

  test('follows a limiter that changes while it serves', async () => {
    const { limiter, clock } = createTestLimiter({ policies: { api: '1/m' } })
    await start({ limiter, policy: 'api' })
    expect(await statuses(2)).toEqual([200, 429])
    clock.advance('1m')
    expect(await statuses(2)).toEqual([200, 429])
    await limiter.close()
    expect(await statuses(1)).toEqual([500])
    expect(server?.handled()).toBe(2)
  })
})
