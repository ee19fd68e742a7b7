import { describe, expect, it } from 'vitest'
import { Op } from '../../../src/core/step.js'
import type { Check, DecideOptions, Engine } from '../../../src/engine/engine.js'
import { createLimiter } from '../../../src/limiter.js'
import { FakeClock } from '../../../src/testing/index.js'
import { RemoteEngine } from '../../support/remote-engine.js'
import { POLICIES, settled, setUp } from './guard-harness.js'

/** A store that takes this long for each answer. */
function slowStore(answerMs: number) {
  const clock = new FakeClock()
  const store = new RemoteEngine(clock)
  const decide = store.decide.bind(store)
  store.decide = (request: readonly Check[], options?: DecideOptions) =>
    decide(request, options).then(
      outcome => new Promise(resolve => clock.after(answerMs, () => resolve(outcome))),
    )
  const limiter = createLimiter({ store: store as Engine, policies: POLICIES, clock, denyCache: false })
  limiter.on('storeDown', () => {})
  return { clock, store, limiter }
}

describe('a probe', () => {
  it('waits as long as the policy does that it asks for, so that a patient one gets its slow store back', async () => {
    // Every policy but this one has a deadline of 100 ms.
    const { clock, store, limiter } = slowStore(400)
    store.line = 'unreachable'
    expect((await limiter.check('slow', 'ada')).source).toBe('fallback')
    store.line = 'well'
    const up = new Promise(resolve => limiter.on('storeUp', resolve))
    await clock.advance('1s')
    await up
    const decision = limiter.check('slow', 'ada')
    await settled()
    await clock.advance('400ms')
    expect((await decision).source).toBe('remote')
  })
})

describe('being ready', () => {
  it('is when the store decides again: nobody has to wait for the next probe as well', async () => {
    const { store, limiter, told } = setUp()
    store.line = 'unreachable'
    await limiter.check('api', 'ada')
    store.line = 'well'
    // The clock stands still.
    await Promise.all([limiter.ready(), limiter.ready()])
    expect((await limiter.check('api', 'ada')).source).toBe('remote')
    expect(told.at(-1)).toMatchObject(['storeUp', { decided: 1 }])
    expect(store.arrived.map(([check]) => check?.op)).toEqual([Op.peek, Op.consume])
  })

  it('leaves a store that still says nothing to the probes', async () => {
    const { clock, store, limiter } = setUp()
    store.line = 'unreachable'
    await limiter.check('api', 'ada')
    await limiter.ready()
    expect((await limiter.check('api', 'ada')).source).toBe('fallback')
    store.line = 'well'
    await clock.advance('1s')
    expect((await limiter.check('api', 'ada')).source).toBe('remote')
  })
})

describe('closing', () => {
  it('lets nobody wait for a store that never answers', async () => {
    const { store, limiter } = setUp()
    store.line = 'silent'
    const waiting = [limiter.check('api', 'ada'), limiter.check('login', 'ada')]
    store.close = async () => {}
    await limiter.close()
    expect((await Promise.all(waiting)).map(({ source }) => source)).toEqual(['fallback', 'fallback'])
  })

  it('lets nobody wait where the store cannot even be closed', async () => {
    const { store, limiter } = setUp()
    store.line = 'silent'
    const waiting = limiter.check('api', 'ada')
    store.close = () => Promise.reject(new Error('it cannot be closed'))
    await expect(limiter.close()).rejects.toThrow('it cannot be closed')
    expect((await waiting).source).toBe('fallback')
  })

  it('ends the probes: nothing is asked of a store that is down and closed', async () => {
    const { clock, store, limiter } = setUp()
    store.line = 'unreachable'
    await limiter.check('api', 'ada')
    await limiter.close()
    store.line = 'well'
    await clock.advance('1h')
    expect(store.arrived).toEqual([])
  })
})

describe('a call that is given up', () => {
  it('while the store is silent is told at once, is no sign of an outage, and leaves nothing for its deadline', async () => {
    const { clock, store, limiter, told } = setUp()
    store.line = 'silent'
    const abort = new AbortController()
    const calls = [
      limiter.check('api', 'ada', { signal: abort.signal }),
      limiter.acquire('jobs', 'ada', { signal: abort.signal }),
      limiter.debit('api', 'ada', { signal: abort.signal }),
    ]
    for (const call of calls) call.catch(() => {})
    abort.abort(new Error('gone'))
    for (const call of calls) await expect(call).rejects.toThrow('gone')
    store.letThrough()
    await clock.advance('1s')
    expect(told).toEqual([])
    expect((await limiter.peek('api', 'ada')).remaining).toBe(100)
  })

  it('before it was asked is not decided, neither by the store nor without it', async () => {
    const { store, limiter } = setUp()
    const signal = AbortSignal.abort(new Error('gone'))
    await expect(limiter.check('api', 'ada', { signal })).rejects.toThrow('gone')
    store.line = 'unreachable'
    await expect(limiter.check('api', 'ada', { signal })).rejects.toThrow('gone')
    expect((await limiter.peek('api', 'ada')).remaining).toBe(100)
  })
})

describe('while the store is down', () => {
  it('new policies hold at once: their shares, and how to go on', async () => {
    const { store, limiter } = setUp({ replicas: 2 })
    store.line = 'unreachable'
    const { receipt } = await limiter.check('api', 'ada', { cost: 20 })
    limiter.update({
      ...POLICIES,
      api: { ...POLICIES.api, limit: 10 },
      ads: { ...POLICIES.ads, onStoreFailure: 'closed' },
    })
    expect(await limiter.check('api', 'ada')).toMatchObject({ allowed: false, reason: 'limit', limit: 5 })
    expect(await limiter.check('ads', 'ada')).toMatchObject({ reason: 'store-unavailable' })
    await limiter.refund(receipt ?? { charges: [] })
    expect((await limiter.peek('api', 'ada')).remaining).toBe(5)
    limiter.update({ ...POLICIES, api: { algorithm: 'gcra', limit: 60, window: '1m' } })
    expect(await limiter.check('api', 'ada')).toMatchObject({ limit: 30, remaining: 29 })
    // What was charged to a counter that is no more cannot be given back to another.
    await expect(limiter.refund(receipt ?? { charges: [] })).rejects.toMatchObject({
      code: 'ERR_SLUICE_RECEIPT',
    })
  })

  it('a clock that is set moves no deadline and no probe, and locks nobody out for longer than a window', async () => {
    const { clock, store, limiter, told } = setUp()
    store.line = 'unreachable'
    for (let i = 0; i < 100; i++) await limiter.check('api', 'ada')
    clock.set('2025-12-31T00:00:00Z')
    expect((await limiter.check('api', 'ada')).retryAfterMs).toBeLessThanOrEqual(60_000)
    await clock.advance('1m')
    expect((await limiter.check('api', 'ada')).allowed).toBe(true)
    const probes = () => told.filter(what => Array.isArray(what) && what[0] === 'breaker').length
    const before = probes()
    clock.set('2027-01-01T00:00:00Z')
    await settled()
    expect(probes()).toBe(before)
    store.line = 'well'
    await clock.advance('1s')
    expect((await limiter.check('api', 'ada')).source).toBe('remote')
  })
})
