import { describe, expect, it } from 'vitest'
import { Op } from '../../../src/core/step.js'
import { ConnectionLostError, OutOfMemoryError } from '../../../src/errors.js'
import type { Lease } from '../../../src/lease.js'
import { settled, setUp } from './guard-harness.js'

describe('what was decided without the store', () => {
  it('is given back without it, also when it is up again', async () => {
    const { limiter, store, clock } = setUp({ replicas: 4 })
    store.line = 'unreachable'
    const { receipt } = await limiter.check('api', 'ada', { cost: 10 })
    const kept = JSON.parse(JSON.stringify(receipt))
    expect(await limiter.refund(kept, { units: 4 })).toMatchObject({ source: 'fallback', remaining: 19 })
    store.line = 'well'
    await clock.advance('100ms')
    const before = store.arrived.length
    expect(await limiter.refund(kept, { units: 6 })).toMatchObject({ source: 'fallback', remaining: 25 })
    expect(store.arrived).toHaveLength(before)
  })

  it('is not given back by a process that did not decide it', async () => {
    const [one, other] = [setUp(), setUp()]
    for (const { store } of [one, other]) store.line = 'unreachable'
    const { receipt } = await one.limiter.check('api', 'ada', { cost: 10 })
    await other.limiter.check('api', 'ada', { cost: 10 })
    const refunded = await other.limiter.refund(receipt ?? { charges: [] })
    expect(refunded).toMatchObject({ source: 'fallback', remaining: 90, checks: [{ granted: 0 }] })
  })

  it('is not given back in one with what the store has charged, which would give the store what it never took', async () => {
    const { limiter, store } = setUp()
    const there = await limiter.check('api', 'ada', { cost: 10 })
    store.line = 'unreachable'
    const here = await limiter.check('api', 'ada', { cost: 10 })
    const charges = [there, here].flatMap(({ receipt }) => receipt?.charges ?? [])
    await expect(limiter.refund({ charges })).rejects.toMatchObject({ code: 'ERR_SLUICE_RECEIPT' })
    await expect(limiter.refund({ charges: charges.reverse() })).rejects.toThrow(/each receipt by itself/)
  })

  it('is a lease that is renewed and released here', async () => {
    const { limiter, store, clock, told } = setUp()
    store.line = 'unreachable'
    const lease = (await limiter.acquire('jobs', 'tenant', { units: 2 })) as Lease
    expect(await limiter.acquire('jobs', 'tenant')).toMatchObject({ acquired: false })
    store.line = 'well'
    await clock.advance('10m')
    expect([lease.signal.aborted, lease.remainingMs > 0]).toEqual([false, true])
    expect(store.arrived.flat().every(({ op }) => op === Op.peek)).toBe(true)
    await lease.release()
    store.line = 'unreachable'
    await limiter.check('api', 'ada')
    expect((await limiter.peek('jobs', 'tenant')).remaining).toBe(2)
    expect(told).not.toContainEqual(['leaseLost', expect.anything()])
  })

  it('is a lease that an open policy never counted: it is held until it is released', async () => {
    const { limiter, store, clock } = setUp()
    store.line = 'unreachable'
    const lease = (await limiter.acquire('adJobs', 'tenant')) as Lease
    store.line = 'well'
    await clock.advance('10m')
    await lease.renew()
    expect(lease.signal.aborted).toBe(false)
    await lease.release()
    expect((await limiter.peek('adJobs', 'tenant')).remaining).toBe(2)
  })
})

describe('a lease of the store', () => {
  it('outlives an outage that is shorter than it, and its release fails during one', async () => {
    const { limiter, store, clock } = setUp()
    const lease = (await limiter.acquire('jobs', 'tenant')) as Lease
    store.line = 'unreachable'
    await clock.advance('15s')
    expect([lease.signal.aborted, lease.remainingMs]).toEqual([false, 15_000])
    store.line = 'well'
    await clock.advance('5s')
    expect([lease.signal.aborted, lease.remainingMs]).toEqual([false, 30_000])
    store.line = 'unreachable'
    await expect(lease.release()).rejects.toMatchObject({ code: 'ERR_SLUICE_STORE_UNAVAILABLE' })
  })

  it('that was granted to nobody is given back when the store is up again', async () => {
    const { limiter, store, clock } = setUp()
    store.line = 'cut'
    const lease = await limiter.acquire('jobs', 'tenant', { units: 2 })
    expect(lease.decision.source).toBe('fallback')
    store.line = 'well'
    await clock.advance('100ms')
    await settled()
    expect(await limiter.peek('jobs', 'tenant')).toMatchObject({ source: 'remote', remaining: 2 })
  })

  it('that was lost among answers, so that the store is not down, is given back with the next answer', async () => {
    const { limiter, store, clock, told } = setUp()
    const cut = Promise.withResolvers<void>()
    const { decide } = store
    store.decide = async (request, options) => {
      const outcome = await decide.call(store, request, options)
      if (request[0]?.op !== Op.consume || request[0].leaseId === undefined) return outcome
      await cut.promise
      throw new ConnectionLostError('cut off')
    }
    const acquiring = limiter.acquire('jobs', 'tenant', { units: 2 })
    await clock.advance('60ms')
    await limiter.check('api', 'ada')
    await clock.advance('30ms')
    cut.resolve()
    expect((await acquiring).decision.source).toBe('fallback')
    expect((await limiter.peek('jobs', 'tenant')).remaining).toBe(0)
    await settled()
    expect((await limiter.peek('jobs', 'tenant')).remaining).toBe(2)
    expect(told).toEqual([])
  })

  it('that cannot be given back yet is given back later', async () => {
    const { limiter, store, clock } = setUp()
    store.line = 'cut'
    await limiter.acquire('jobs', 'tenant', { units: 2 })
    // The store answers looks, and refuses whatever it would have to write.
    store.line = 'well'
    const { decide } = store
    store.decide = (request, options) =>
      request.some(({ op }) => op === Op.refund)
        ? Promise.reject(new OutOfMemoryError('it is full'))
        : decide.call(store, request, options)
    await clock.advance('100ms')
    await settled()
    expect((await limiter.peek('jobs', 'tenant')).remaining).toBe(0)
    store.decide = decide
    await limiter.check('api', 'ada')
    await settled()
    expect((await limiter.peek('jobs', 'tenant')).remaining).toBe(2)
  })
})
