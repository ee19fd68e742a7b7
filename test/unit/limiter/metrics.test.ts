import { channel } from 'node:diagnostics_channel'
import { describe, expect, test } from 'vitest'
import type { Decided } from '../../../src/events.js'
import { createTestLimiter } from '../../../src/testing/index.js'

const setUp = () =>
  createTestLimiter({
    policies: {
      perUser: { algorithm: 'fixed_window', limit: 5, window: '1m' },
      perTenant: '100/m',
      jobs: { algorithm: 'concurrency', limit: 1 },
    },
  })

describe('A11: metrics', () => {
  test('A11: a limiter that did nothing has counted nothing', () => {
    expect(setUp().limiter.metrics()).toEqual({
      totalRequests: 0,
      allowedRequests: 0,
      rejectedRequests: 0,
      failedRequests: 0,
      waitedRequests: 0,
      waitTimeMs: 0,
      waiting: 0,
      policies: {},
      currentUsage: {},
      sources: {},
    })
  })

  test('A11: are the same as counting events, whoever calls at once', async () => {
    const { limiter } = setUp()
    const [silent, told] = [limiter, setUp().limiter]
    const events: Decided[] = []
    told.on('decision', event => events.push(event))
    for (const each of [silent, told]) {
      const callers = Array.from({ length: 64 }, async (_, i) => {
        await each.check('perUser', `user-${i % 4}`)
        await each.checkAll([
          { policy: 'perUser', subject: 'ada' },
          { policy: 'perTenant', subject: 'acme' },
        ])
        await each.acquire('jobs', 'acme')
        each.checkSync('perTenant', 'acme')
        await each.peek('perUser', 'ada')
        await each.debit('perTenant', 'acme')
      })
      await Promise.all(callers)
    }
    const metrics = silent.metrics()
    expect(told.metrics()).toEqual(metrics)
    const requests = events.filter(({ call }) => call !== 'peek' && call !== 'debit')
    expect(metrics.totalRequests).toBe(requests.length)
    expect(metrics.totalRequests).toBe(metrics.allowedRequests + metrics.rejectedRequests)
    expect(metrics.allowedRequests).toBe(requests.filter(({ decision }) => decision.allowed).length)
    expect(metrics.policies.perUser).toEqual({ allowed: 20 + 5, rejected: 44 + 59 })
    expect(metrics.policies.jobs).toEqual({ allowed: 1, rejected: 63 })
    expect(metrics.sources).toEqual({ memory: 256 })
  })

  test('A11: count what failed apart from what was refused', async () => {
    const { limiter } = setUp()
    await expect(limiter.check('perUser', 'ada', { cost: 6 })).rejects.toThrow()
    expect(() => limiter.checkSync('perUser', 'ada', { cost: 0 })).toThrow()
    expect(limiter.metrics()).toMatchObject({ totalRequests: 0, failedRequests: 2 })
  })

  test('A11: tell who waits, and how long those before have waited', async () => {
    const { limiter, clock } = setUp()
    await limiter.check('perUser', 'ada', { cost: 5 })
    const waiting = limiter.wait('perUser', 'ada', { maxWait: '5m' })
    await clock.advance('10s')
    expect(limiter.metrics()).toMatchObject({ totalRequests: 1, waiting: 1, waitedRequests: 0 })
    await clock.advance('1m')
    await waiting
    expect(limiter.metrics()).toMatchObject({
      totalRequests: 2,
      waiting: 0,
      waitedRequests: 1,
      waitTimeMs: 60_000,
    })
  })
})

describe('the channels of the process', () => {
  test('tell the events of every limiter', async () => {
    const { limiter } = setUp()
    const told: unknown[] = []
    const listener = (event: unknown) => told.push(event)
    channel('sluice:decision').subscribe(listener)
    await limiter.check('perUser', 'ada')
    channel('sluice:decision').unsubscribe(listener)
    await limiter.check('perUser', 'ada')
    expect(told).toEqual([
      {
        call: 'check',
        asked: [{ policy: 'perUser', subject: 'ada' }],
        decision: expect.objectContaining({ source: 'memory' }),
        durationMs: expect.any(Number),
      },
    ])
  })
})
