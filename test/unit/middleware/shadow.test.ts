import { request as send } from 'node:http'
import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import type { DecisionData } from '../../../src/decision.js'
import { rateLimit } from '../../../src/middleware/http.js'
import { createTestLimiter } from '../../../src/testing/create-test-limiter.js'
import { hello, listen, statuses } from './support/serving.js'

describe('a policy that only watches', () => {
  test('lets everything pass, counts for itself and tells what it would have done', async () => {
    const { limiter } = createTestLimiter({ policies: { live: '10/m', next: '1/m' } })
    const told: DecisionData[] = []
    const limit = rateLimit({
      limiter,
      checks: [{ policy: 'live' }, { policy: 'next', shadow: true }],
      onShadow: decision => told.push(decision),
    })
    const url = await listen(limit(hello))
    const response = await fetch(url)
    expect(response.headers.get('x-ratelimit-limit')).toBe('10')
    expect(await statuses(url, 2)).toEqual([200, 200])
    expect(limit.shadow).toEqual({ next: { allowed: 1, refused: 2, failed: 0 } })
    expect(told.map(({ allowed, source, policy }) => [allowed, source, policy])).toEqual([
      [true, 'shadow', 'next'],
      [false, 'shadow', 'next'],
      [false, 'shadow', 'next'],
    ])
  })

  test('fails for itself alone', async () => {
    const { limiter } = createTestLimiter({ policies: { live: '10/m', next: '1/m' } })
    const key = (): string => {
      throw new Error('no key')
    }
    const limit = rateLimit({ limiter, checks: [{ policy: 'live' }, { policy: 'next', shadow: true, key }] })
    const url = await listen(limit(hello))
    expect(await statuses(url, 2)).toEqual([200, 200])
    expect(limit.shadow).toEqual({ next: { allowed: 0, refused: 0, failed: 2 } })
  })
})

describe('a policy that only watches, with a countWhen, counts nothing of a request', () => {
  const policies = { live: '1/m', next: '5/m' } as const
  const next = { policy: 'next', key: () => 'ann', shadow: true } as const

  test('that another policy refuses, where its response says so', async () => {
    const { limiter } = createTestLimiter({ policies })
    const countWhen = ({ statusCode }: { readonly statusCode: number }) => statusCode < 400
    for (const [cost, limit] of [
      [2, 1],
      [1, 0],
    ] as const) {
      const middleware = rateLimit({
        limiter,
        checks: [
          { policy: 'live', key: () => 'ann', cost, limit: () => limit },
          { ...next, countWhen },
        ],
      })
      expect(await statuses(await listen(middleware(hello)), 1)).toEqual([429])
      expect(middleware.shadow).toEqual({ next: { allowed: 1, refused: 0, failed: 0 } })
    }
    expect((await limiter.peek('next', 'ann')).remaining).toBe(5)
  })

  test('that comes to nothing because the limits fail', async () => {
    const { limiter } = createTestLimiter({ policies })
    const broken = { policy: 'live', key: () => 7 as unknown as string } as const
    const limit = rateLimit({ limiter, checks: [{ ...next, countWhen: () => true }, broken] })
    expect(await statuses(await listen(limit(hello)), 1)).toEqual([500])
    expect(limit.shadow).toEqual({ next: { allowed: 1, refused: 0, failed: 0 } })
    expect((await limiter.peek('next', 'ann')).remaining).toBe(5)
  })

  test('whose client leaves while it waits', async () => {
    const { limiter } = createTestLimiter({ policies })
    await limiter.check('live', 'ann')
    const limit = rateLimit({
      limiter,
      checks: [
        { policy: 'live', key: () => 'ann' },
        { ...next, countWhen: () => true },
      ],
      maxWait: '5m',
    })
    const server = send(await listen(limit(hello)))
    server.on('error', () => {})
    server.end()
    while (limiter.metrics().waiting === 0) await turn()
    expect((await limiter.peek('next', 'ann')).remaining).toBe(4)
    server.destroy()
    while ((await limiter.peek('next', 'ann')).remaining === 4) await turn()
    expect((await limiter.peek('next', 'ann')).remaining).toBe(5)
  })
})
