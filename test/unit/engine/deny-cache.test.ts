import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Op, Status } from '../../../src/core/step.js'
import { DenyCache } from '../../../src/engine/deny-cache.js'
import type { Check } from '../../../src/engine/engine.js'
import type { LimitConfig } from '../../../src/policy.js'
import { RemoteEngine } from '../../support/remote-engine.js'
import { checkOf, DAY_US, limitOf, MINUTE_US, SECOND_US, StandingClock } from './limits.js'

const SETTINGS = { maxAgeUs: SECOND_US, maxKeys: 100 }

function setUp(settings: Partial<typeof SETTINGS> = {}) {
  const clock = new StandingClock()
  const store = new RemoteEngine(clock)
  const cache = new DenyCache(store, {
    ...SETTINGS,
    ...settings,
    timers: { monotonicMs: () => clock.nowUs() / 1000 },
  })
  return { clock, store, cache, ask: (...request: Check[]) => cache.decide(request) }
}

const fixed = (name: string, limit: number, windowUs = MINUTE_US) =>
  limitOf(name, { algorithm: 'fixed_window', limit, windowUs })

describe('a deny cache', () => {
  it('refuses a refused subject without asking, and counts its wait down', async () => {
    const { clock, store, ask } = setUp()
    const limit = fixed('api', 10)
    await ask(checkOf(limit, 'ada', { n: 8 }))
    await ask(checkOf(limit, 'ada', { n: 3 }))
    clock.us += 250_000
    const outcome = await ask(checkOf(limit, 'ada', { n: 3 }))
    expect(outcome.source).toBe('deny-cache')
    expect(outcome.checks).toEqual([
      { status: Status.denied, granted: 0, remaining: 2, waitUs: 59_750_000, resetUs: 59_750_000 },
    ])
    expect(outcome.nowUs).toBe(clock.us)
    expect((await ask(checkOf(limit, 'ada', { n: 7 }))).source).toBe('deny-cache')
    expect(store.arrived).toHaveLength(2)
  })

  it('lets the store say that a cost can never pass', async () => {
    const { ask } = setUp()
    const limit = fixed('api', 10)
    await ask(checkOf(limit, 'ada', { n: 10 }))
    await ask(checkOf(limit, 'ada', { n: 3 }))
    expect((await ask(checkOf(limit, 'ada', { n: 11 }))).checks[0]?.status).toBe(Status.impossible)
  })

  it('asks for a smaller cost, another subject and another limit', async () => {
    const { store, ask } = setUp()
    const limit = fixed('api', 10)
    await ask(checkOf(limit, 'ada', { n: 8 }))
    await ask(checkOf(limit, 'ada', { n: 3 }))
    expect((await ask(checkOf(limit, 'ada', { n: 2 }))).checks[0]?.status).toBe(Status.allowed)
    expect((await ask(checkOf(limit, 'bob', { n: 3 }))).checks[0]?.status).toBe(Status.allowed)
    expect((await ask(checkOf(fixed('other', 10), 'ada', { n: 3 }))).checks[0]?.status).toBe(Status.allowed)
    expect(store.arrived).toHaveLength(5)
  })

  it('asks when the wait is over: it counts from before the check was sent', async () => {
    const { clock, store, ask } = setUp()
    const limit = fixed('api', 1, SECOND_US)
    await ask(checkOf(limit, 'ada'))
    clock.us += 400_000
    store.line = 'silent'
    const denied = ask(checkOf(limit, 'ada'))
    // The answer takes a tenth of a second. The wait of 600 ms, or less, was over by then for nobody.
    clock.us += 100_000
    store.letThrough()
    expect((await denied).checks[0]?.waitUs).toBe(500_000)
    clock.us += 399_000
    expect((await ask(checkOf(limit, 'ada'))).source).toBe('deny-cache')
    clock.us += 1_000
    expect((await ask(checkOf(limit, 'ada'))).source).toBeUndefined()
  })

  it('refuses a blocked subject whatever it costs', async () => {
    const { store, ask } = setUp()
    const limit = fixed('api', 10)
    await ask(checkOf(limit, 'ada', { op: Op.block, n: 2 * SECOND_US }))
    await ask(checkOf(limit, 'ada', { n: 5 }))
    expect((await ask(checkOf(limit, 'ada'))).checks[0]?.status).toBe(Status.blocked)
    expect(store.arrived).toHaveLength(2)
  })

  it('costs one request for each second of a flood, however long the wait', async () => {
    const { clock, store, ask } = setUp()
    const limit = fixed('api', 1, DAY_US)
    await ask(checkOf(limit, 'ada'))
    for (let i = 0; i < 10_000; i++) {
      await ask(checkOf(limit, 'ada'))
      clock.us += 500
    }
    expect(store.arrived).toHaveLength(1 + 5)
  })

  it('lets one ask for all when a denial is too old', async () => {
    const { clock, store, ask } = setUp()
    const limit = fixed('api', 1, DAY_US)
    await ask(checkOf(limit, 'ada'))
    await ask(checkOf(limit, 'ada'))
    clock.us += SECOND_US
    store.line = 'silent'
    const flood = Array.from({ length: 100 }, () => ask(checkOf(limit, 'ada')))
    store.letThrough()
    const sources = (await Promise.all(flood)).map(({ source }) => source)
    expect(sources.filter(source => source === undefined)).toHaveLength(1)
    expect(store.arrived).toHaveLength(3)
  })

  it('goes on to ask where the one who asked for all gave up', async () => {
    const { clock, store, cache, ask } = setUp()
    const limit = fixed('api', 2, DAY_US)
    await ask(checkOf(limit, 'ada', { n: 2 }))
    await ask(checkOf(limit, 'ada'))
    clock.us += SECOND_US
    store.line = 'silent'
    const abort = new AbortController()
    const gaveUp = cache.decide([checkOf(limit, 'ada')], { signal: abort.signal })
    const others = [ask(checkOf(limit, 'ada')), ask(checkOf(limit, 'ada'))]
    const waits = new AbortController()
    const impatient = cache.decide([checkOf(limit, 'ada')], { signal: waits.signal })
    abort.abort(new Error('gone'))
    waits.abort(new Error('gone, too'))
    await expect(gaveUp).rejects.toThrow('gone')
    await expect(impatient).rejects.toThrow('gone, too')
    await new Promise(resolve => setImmediate(resolve))
    store.letThrough()
    expect((await Promise.all(others)).map(({ checks }) => checks[0]?.status)).toEqual([0, 0])
  })

  it('forgets at once what this process gives back, sets anew or records', async () => {
    for (const op of [Op.refund, Op.rollback, Op.reset, Op.unblock, Op.debit, Op.block]) {
      const { store, ask } = setUp()
      const limit = fixed('api', 1)
      await ask(checkOf(limit, 'ada'))
      await ask(checkOf(limit, 'ada'))
      await ask(checkOf(limit, 'ada', { op }))
      const before = store.arrived.length
      await ask(checkOf(limit, 'ada'))
      expect(store.arrived).toHaveLength(before + 1)
    }
  })

  it('forgets what was denied under another plan of the same key', async () => {
    const { ask } = setUp()
    const [one, ten] = [fixed('api', 1), fixed('api', 10)]
    const raised = { ...one, plan: ten.plan }
    await ask(checkOf(one, 'ada'))
    expect((await ask(checkOf(one, 'ada'))).checks[0]?.status).toBe(Status.denied)
    expect((await ask(checkOf(raised, 'ada'))).checks[0]?.status).toBe(Status.allowed)
    expect((await ask(checkOf(one, 'ada'))).source).toBeUndefined()
  })

  it('never answers for units that are held', async () => {
    const { store, ask } = setUp()
    const held = limitOf('jobs', { algorithm: 'concurrency', limit: 1, leaseUs: 30 * SECOND_US })
    for (const leaseId of ['a', 'b', 'c']) await ask(checkOf(held, 'ada', { leaseId }))
    expect(store.arrived).toHaveLength(3)
  })

  it('never answers a peek, a debit or a grant', async () => {
    const { store, ask } = setUp()
    const limit = fixed('api', 1)
    await ask(checkOf(limit, 'ada'))
    await ask(checkOf(limit, 'ada'))
    for (const op of [Op.peek, Op.grant]) await ask(checkOf(limit, 'ada', { op }))
    expect(store.arrived).toHaveLength(4)
  })

  it('answers several checks by the same ones, until the first that refused may pass', async () => {
    const { clock, store, ask } = setUp({ maxAgeUs: DAY_US })
    const [second, hour] = [fixed('second', 1, SECOND_US), fixed('hour', 1, 3_600 * SECOND_US)]
    const both = () => ask(checkOf(second, 'ada'), checkOf(hour, 'ada'))
    await both()
    expect((await both()).checks.map(({ status }) => status)).toEqual([Status.denied, Status.denied])
    expect((await both()).source).toBe('deny-cache')
    expect((await ask(checkOf(hour, 'ada'), checkOf(second, 'ada'))).source).toBeUndefined()
    expect((await ask(checkOf(hour, 'ada'))).source).toBeUndefined()
    clock.us += SECOND_US
    const late = await both()
    expect([late.source, late.checks.map(({ status }) => status)]).toEqual([
      undefined,
      [Status.allowed, Status.denied],
    ])
    expect((await both()).checks).toEqual(late.checks)
    expect(store.arrived).toHaveLength(5)
  })

  it('remembers as many as it may, the latest', async () => {
    const { store, ask } = setUp({ maxKeys: 10 })
    const limit = fixed('api', 1)
    const subjects = Array.from({ length: 50 }, (_, i) => `user-${i}`)
    for (const subject of [...subjects, ...subjects]) await ask(checkOf(limit, subject))
    const before = store.arrived.length
    for (const subject of subjects.slice(40)) {
      expect((await ask(checkOf(limit, subject))).source).toBe('deny-cache')
    }
    expect((await ask(checkOf(limit, 'user-39'))).source).toBeUndefined()
    expect(store.arrived).toHaveLength(before + 1)
    const other = fixed('other', 1)
    await ask(checkOf(other, 'ada'))
    await ask(checkOf(other, 'ada'))
    expect((await ask(checkOf(other, 'ada'))).source).toBe('deny-cache')
  })
})

const RATES = [
  'gcra',
  'token_bucket',
  'leaky_bucket',
  'fixed_window',
  'sliding_window',
  'sliding_counter',
] as const

const config = fc
  .record({
    algorithm: fc.constantFrom(...RATES),
    limit: fc.integer({ min: 1, max: 8 }),
    windowUs: fc.integer({ min: 1_000, max: 3 * SECOND_US }),
  })
  .map((drawn): LimitConfig => drawn)

const step = fc.record({
  /** Asked through the cache, or by another process. */
  mine: fc.boolean(),
  n: fc.integer({ min: 1, max: 3 }),
  passUs: fc.oneof(fc.integer({ min: 0, max: 2_000 }), fc.integer({ min: 0, max: 2 * SECOND_US })),
  /** How long the request takes to the store. */
  wayUs: fc.integer({ min: 0, max: 50_000 }),
})

describe('over any history of what others take', () => {
  it('a deny cache refuses nothing that the store would admit', async () => {
    await fc.assert(
      fc.asyncProperty(config, fc.array(step, { minLength: 5, maxLength: 60 }), async (drawn, steps) => {
        const { clock, store, ask } = setUp({ maxAgeUs: DAY_US })
        const limit = limitOf('drawn', drawn)
        for (const { mine, n, passUs, wayUs } of steps) {
          clock.us += passUs
          if (!mine) {
            await store.decide([checkOf(limit, 'ada', { n })])
            continue
          }
          const [truth] = (await store.decide([checkOf(limit, 'ada', { op: Op.peek, n })])).checks
          store.line = 'silent'
          const answer = ask(checkOf(limit, 'ada', { n }))
          clock.us += wayUs
          store.letThrough()
          const { source, checks } = await answer
          if (source !== 'deny-cache') continue
          expect(truth?.status).not.toBe(Status.allowed)
          expect(checks[0]?.waitUs).toBeGreaterThan(0)
          expect(checks[0]?.waitUs).toBeLessThanOrEqual(truth?.waitUs ?? 0)
        }
      }),
      { numRuns: 300 },
    )
  })
})
