import { describe, expect, it } from 'vitest'
import { Op } from '../../../src/core/step.js'
import type { Engine } from '../../../src/engine/engine.js'
import type { GuardSettings } from '../../../src/engine/guard-options.js'
import { OutOfMemoryError, ProtocolError, ScriptingError } from '../../../src/errors.js'
import { createLimiter } from '../../../src/limiter.js'
import { FakeClock } from '../../../src/testing/index.js'
import { RemoteEngine } from '../../support/remote-engine.js'
import { POLICIES, settled, setUp } from './guard-harness.js'

describe('an outage', () => {
  it('costs a call its deadline once, and the ones after it nothing', async () => {
    const { clock, store, limiter } = setUp()
    store.line = 'silent'
    const first = limiter.check('api', 'ada')
    let isDecided = false
    first.then(() => {
      isDecided = true
    })
    await clock.advance('99ms')
    await settled()
    expect(isDecided).toBe(false)
    await clock.advance('1ms')
    expect(await first).toMatchObject({ allowed: true, source: 'fallback' })
    // The clock stands still: a call that waited for the store would never end.
    for (let i = 0; i < 50; i++) expect((await limiter.check('api', 'ada')).source).toBe('fallback')
    await limiter.close()
  })

  it('is told when it begins and when it ends, with every step of the breaker between', async () => {
    const { clock, store, limiter, told } = setUp()
    store.line = 'unreachable'
    await limiter.check('api', 'ada')
    await limiter.check('api', 'ada')
    await clock.advance('100ms')
    store.line = 'well'
    await clock.advance('300ms')
    expect(told).toMatchObject([
      ['breaker', { part: undefined, from: 'closed', to: 'open' }],
      ['storeDown', { part: undefined, error: { code: 'ERR_SLUICE_STORE_UNAVAILABLE' } }],
      ['breaker', { from: 'open', to: 'half-open' }],
      ['breaker', { from: 'half-open', to: 'open' }],
      ['breaker', { from: 'open', to: 'half-open' }],
      ['breaker', { from: 'half-open', to: 'closed' }],
      ['storeUp', { part: undefined, decided: 2 }],
    ])
    expect((await limiter.check('api', 'ada')).source).toBe('remote')
  })

  it('ends without a caller: a probe looks, charges nothing, and only one is under way', async () => {
    const { clock, store, limiter } = setUp()
    store.line = 'unreachable'
    await limiter.check('api', 'ada')
    store.line = 'silent'
    await clock.advance('100ms')
    for (let i = 0; i < 20; i++) expect((await limiter.check('api', 'ada')).source).toBe('fallback')
    store.letThrough()
    await settled()
    expect(store.arrived.map(request => request.map(({ op, n }) => [op, n]))).toEqual([[[Op.peek, 1]]])
    expect(await limiter.check('api', 'ada')).toMatchObject({ source: 'remote', remaining: 99 })
  })

  it('never sends a check again, nor one that nobody waits for; drops what comes late, and tells of it', async () => {
    const { clock, store, limiter, told } = setUp()
    store.line = 'silent'
    const first = limiter.check('api', 'ada')
    await clock.advance('100ms')
    await first
    store.letThrough()
    expect(store.arrived).toEqual([])

    const late = setUp()
    const release = Promise.withResolvers<void>()
    const decide = late.store.decide.bind(late.store)
    late.store.decide = (request, options) =>
      decide(request, options).then(async said => {
        await release.promise
        return said
      })
    const answer = late.limiter.check('api', 'ada')
    await late.clock.advance('130ms')
    expect((await answer).source).toBe('fallback')
    release.resolve()
    await settled()
    expect(late.told).toContainEqual(['lateReply', { part: undefined, lateMs: 30 }])
    expect(told).not.toContainEqual(['lateReply', expect.anything()])
  })

  it('is not what a slow answer among quick ones is', async () => {
    const { clock, store, limiter, told } = setUp()
    store.line = 'silent'
    const slow = limiter.check('api', 'slow')
    store.line = 'well'
    await clock.advance('60ms')
    await limiter.check('api', 'quick')
    await clock.advance('40ms')
    expect((await slow).source).toBe('fallback')
    expect((await limiter.check('api', 'ada')).source).toBe('remote')
    expect(told).toEqual([])
  })

  it('goes by the shortest deadline of a request', async () => {
    const { clock, store, limiter } = setUp()
    store.line = 'silent'
    const slow = limiter.check('slow', 'ada')
    const both = limiter.checkAll([
      { policy: 'slow', subject: 'ada' },
      { policy: 'api', subject: 'ada' },
    ])
    await clock.advance('100ms')
    expect((await both).source).toBe('fallback')
    store.letThrough()
    expect((await slow).source).toBe('remote')
  })

  it('is what a server that refuses writes or scripts is', async () => {
    for (const fails of [new OutOfMemoryError('OOM'), new ScriptingError('NOPERM')]) {
      const { store, limiter } = setUp()
      store.fails = fails
      expect((await limiter.check('api', 'ada')).source).toBe('fallback')
    }
  })

  it('is not what the caller has to hear of', async () => {
    const { store, limiter, told } = setUp()
    store.fails = new ProtocolError('gibberish')
    await expect(limiter.check('api', 'ada')).rejects.toMatchObject({ code: 'ERR_SLUICE_PROTOCOL' })
    await expect(limiter.check('api', 'ada', { cost: 101 })).rejects.toThrow('gibberish')
    store.fails = undefined
    await expect(limiter.check('api', 'ada', { cost: 101 })).rejects.toMatchObject({ capacity: 100 })

    store.line = 'silent'
    const abort = new AbortController()
    const answer = limiter.check('api', 'ada', { signal: abort.signal })
    abort.abort(new Error('the client went away'))
    await expect(answer).rejects.toThrow('the client went away')
    expect(told).toEqual([])
  })

  it('ends when the store answers, though with an error that is none of an outage', async () => {
    const { clock, store, limiter } = setUp()
    store.line = 'unreachable'
    await limiter.check('api', 'ada')
    store.line = 'well'
    store.fails = new ProtocolError('gibberish')
    await clock.advance('100ms')
    await expect(limiter.check('api', 'ada')).rejects.toThrow('gibberish')
  })
})

describe('while the store is down', () => {
  const down = async (settings?: GuardSettings) => {
    const all = setUp(settings)
    all.store.line = 'unreachable'
    await all.limiter.check('api', 'whoever')
    return all
  }

  it('a local policy admits this share of the limit, and shows it', async () => {
    const { limiter } = await down({ replicas: 4 })
    const decisions = await Promise.all(Array.from({ length: 26 }, () => limiter.check('api', 'ada')))
    expect(decisions.filter(({ allowed }) => allowed)).toHaveLength(25)
    expect(decisions[0]).toMatchObject({ limit: 25, remaining: 24, reason: 'ok' })
    expect(decisions[25]).toMatchObject({ limit: 25, reason: 'limit', retryAfterMs: 60_000 })
  })

  it('a cost above the share is no matter of the subject, one above the limit is impossible as ever', async () => {
    const { limiter } = await down({ replicas: 4 })
    const refused = await limiter.check('api', 'ada', { cost: 26 })
    expect(refused).toMatchObject({
      allowed: false,
      reason: 'store-unavailable',
      limit: 100,
      source: 'fallback',
    })
    expect(refused.retryAfterMs).toBeGreaterThan(0)
    await expect(limiter.check('api', 'ada', { cost: 101 })).rejects.toMatchObject({ capacity: 100 })
    expect((await limiter.peek('api', 'ada')).remaining).toBe(25)
  })

  it('a closed policy refuses, and never calls it a limit', async () => {
    const { limiter } = await down()
    const decision = await limiter.check('login', 'ada')
    expect(decision).toMatchObject({
      allowed: false,
      reason: 'store-unavailable',
      source: 'fallback',
      receipt: undefined,
    })
    expect(decision.checks).toMatchObject([{ allowed: false, reason: 'store-unavailable' }])
    const [told] = (await limiter.explain('ada')).filter(({ policy }) => policy === 'login')
    expect(told?.text).toMatch(
      /^policy 'login' is closed while the store cannot be asked; ask again in \d+ ms$/,
    )
  })

  it('an open policy lets everything pass and charges nothing', async () => {
    const { limiter } = await down()
    for (let i = 0; i < 20; i++) {
      expect(await limiter.check('ads', 'ada')).toMatchObject({
        allowed: true,
        reason: 'ok',
        receipt: undefined,
      })
    }
    await expect(limiter.check('ads', 'ada', { cost: 6 })).rejects.toMatchObject({
      code: 'ERR_SLUICE_COST_IMPOSSIBLE',
    })
  })

  it('the strictest policy of a request decides', async () => {
    const { limiter } = await down()
    const of = (...policies: ('ads' | 'api' | 'login')[]) =>
      limiter.checkAll(policies.map(policy => ({ policy, subject: 'ada' })))
    expect(await of('ads', 'api')).toMatchObject({ allowed: true, checks: [{ granted: 1 }, { granted: 1 }] })
    expect(await of('ads', 'api', 'login')).toMatchObject({ reason: 'store-unavailable' })
  })

  it('a debit is recorded here, let go, or fails', async () => {
    const { limiter } = await down()
    await limiter.debit('api', 'ada', { cost: 120 })
    expect((await limiter.peek('api', 'ada')).allowed).toBe(false)
    expect((await limiter.debit('ads', 'ada', { cost: 9 })).checks).toMatchObject([{ granted: 0 }])
    await expect(limiter.debit('login', 'ada')).rejects.toMatchObject({
      code: 'ERR_SLUICE_STORE_UNAVAILABLE',
    })
  })

  it('what concerns the counters of the store fails, and says that nothing was done', async () => {
    const { limiter, store, clock } = setUp()
    const { receipt } = await limiter.check('api', 'ada')
    store.line = 'unreachable'
    await limiter.check('api', 'ada')
    const failing = [
      limiter.refund(receipt ?? { charges: [] }),
      limiter.reset('api', 'ada'),
      limiter.block('api', 'ada', { for: '1m' }),
      limiter.unblock('api', 'ada'),
    ]
    for (const call of failing) {
      await expect(call).rejects.toMatchObject({ code: 'ERR_SLUICE_STORE_UNAVAILABLE' })
      await expect(call).rejects.toThrow(/nothing was charged; what made it fail: the store is away/)
    }
    store.line = 'well'
    await clock.advance('100ms')
    expect((await limiter.peek('api', 'ada')).remaining).toBe(99)
  })

  it('a reset that is not answered in time may have been done, and says so', async () => {
    const { limiter, store, clock } = setUp()
    store.line = 'silent'
    const call = limiter.reset('api', 'ada')
    call.catch(() => {})
    await clock.advance('100ms')
    await expect(call).rejects.toMatchObject({ code: 'ERR_SLUICE_STORE_TIMEOUT' })
  })

  it('warns the process where nobody listens, once for each outage', async () => {
    const clock = new FakeClock()
    const store = new RemoteEngine(clock)
    const limiter = createLimiter({ store: store as Engine, policies: POLICIES, clock })
    const warnings: string[] = []
    limiter.on('warning', ({ message }) => warnings.push(message))
    store.line = 'unreachable'
    for (let i = 0; i < 5; i++) await limiter.check('api', 'ada')
    expect(warnings).toEqual(['the store is down, and calls are decided without it: the store is away'])
  })

  it('counts no more keys than it may', async () => {
    const clock = new FakeClock()
    const store = new RemoteEngine(clock)
    const limiter = createLimiter({ store: store as Engine, policies: POLICIES, clock, maxKeys: 10 })
    limiter.on('storeDown', () => {})
    store.line = 'unreachable'
    const used = async (subject: string) => 100 - (await limiter.peek('api', subject)).remaining
    for (let i = 0; i < 1_000; i++) await limiter.check('api', `user-${i}`)
    const counted = await Promise.all(Array.from({ length: 1_000 }, (_, i) => used(`user-${i}`)))
    expect(counted.filter(units => units > 0)).toHaveLength(10)
  })
})

describe('parts of a store', () => {
  it('fail apart', async () => {
    const clock = new FakeClock()
    const store = new RemoteEngine(clock)
    const decide = store.decide.bind(store)
    const parted = Object.assign(store, {
      partOf: ([check]: Parameters<typeof decide>[0]) => check?.subject.slice(0, 1),
      decide: (...[request, options]: Parameters<typeof decide>) => {
        store.line = request[0]?.subject.startsWith('b') ? 'unreachable' : 'well'
        return decide(request, options)
      },
    })
    const limiter = createLimiter({ store: parted as Engine, policies: POLICIES, clock })
    const down: unknown[] = []
    limiter.on('storeDown', ({ part }) => down.push(part))
    expect((await limiter.check('api', 'bob')).source).toBe('fallback')
    expect((await limiter.check('api', 'ada')).source).toBe('remote')
    expect(down).toEqual(['b'])
  })
})
