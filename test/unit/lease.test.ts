import { describe, expect, it } from 'vitest'
import type { Check, Engine } from '../../src/engine/engine.js'
import { MemoryEngine } from '../../src/engine/memory-engine.js'
import { ConnectionLostError } from '../../src/errors.js'
import type { Lease } from '../../src/lease.js'
import { createLimiter } from '../../src/limiter.js'
import { createTestLimiter, FakeClock } from '../../src/testing/index.js'

const POLICIES = {
  jobs: { algorithm: 'concurrency', limit: 2, lease: '30s' },
  starts: '10/m',
  both: { limits: ['10/m', { algorithm: 'concurrency', limit: 1, lease: '30s' }] },
} as const

const setUp = () => createTestLimiter({ policies: POLICIES })

/** A store in memory that can be told to fail, as one behind a broken line does. */
class FailingEngine implements Engine {
  readonly source = 'failing'
  readonly #engine: MemoryEngine
  readonly asked: Check[] = []
  fails: 'before' | 'after' | undefined

  constructor(clock: FakeClock) {
    this.#engine = new MemoryEngine({ clock })
  }

  async decide(request: readonly Check[]) {
    this.asked.push(...request)
    if (this.fails === 'before') throw new Error('the line is down')
    const outcome = this.#engine.decideSync(request)
    if (this.fails === 'after') throw new ConnectionLostError('the line was cut')
    return outcome
  }

  async ready() {}
  async close() {}
}

const setUpFailing = () => {
  const clock = new FakeClock()
  const store = new FailingEngine(clock)
  return { clock, store, limiter: createLimiter({ store: store as Engine, policies: POLICIES, clock }) }
}

describe('a lease', () => {
  it('is renewed by itself while it is held, and ends when its holder crashes', async () => {
    const { limiter, clock } = setUp()
    const lease = await limiter.acquire('jobs', 'tenant', { units: 2 })
    await clock.advance('10m')
    expect((await limiter.peek('jobs', 'tenant')).remaining).toBe(0)
    expect((lease as Lease).signal.aborted).toBe(false)
    expect((lease as Lease).remainingMs).toBeGreaterThanOrEqual(20_000)

    const crashed = createTestLimiter({ policies: POLICIES, clock }).limiter
    await crashed.acquire('jobs', 'tenant', { autoRenew: false })
    expect((await crashed.peek('jobs', 'tenant')).remaining).toBe(1)
    await clock.advance('30s')
    expect((await crashed.peek('jobs', 'tenant')).remaining).toBe(2)
  })

  it('tells its holder to stop before others may take the units', async () => {
    const { limiter, clock } = setUp()
    const lease = (await limiter.acquire('jobs', 'tenant', { autoRenew: false, ttl: '5s' })) as Lease
    await clock.advance('4999ms')
    expect([lease.signal.aborted, lease.remainingMs]).toEqual([false, 1])
    await clock.advance('1ms')
    expect([lease.signal.aborted, lease.remainingMs]).toEqual([true, 0])
    expect(lease.signal.reason).toMatchObject({ code: 'ERR_SLUICE_LEASE_LOST', policy: 'jobs' })
    await expect(lease.renew()).rejects.toBe(lease.signal.reason)
  })

  it('is lost when a renewal finds it gone, and says so to listeners', async () => {
    const { limiter, clock } = setUp()
    const lost: string[] = []
    limiter.on('leaseLost', ({ leaseId }) => lost.push(leaseId))
    const lease = (await limiter.acquire('jobs', 'tenant')) as Lease
    await limiter.reset('jobs', 'tenant')
    await clock.advance('10s')
    expect(lease.signal.aborted).toBe(true)
    expect(lost).toEqual([lease.id])
  })

  it('is released once, however often and by whatever way', async () => {
    const { limiter } = setUp()
    const calls: string[] = []
    limiter.on('decision', ({ call }) => calls.push(call))
    {
      await using lease = await limiter.acquire('jobs', 'tenant')
      expect(lease.acquired).toBe(true)
      if (lease.acquired) await Promise.all([lease.release(), lease.release()])
    }
    expect(calls).toEqual(['acquire', 'release'])
    expect((await limiter.peek('jobs', 'tenant')).remaining).toBe(2)
  })

  it('does not abort its signal when it is released, and cannot be renewed after', async () => {
    const { limiter, clock } = setUp()
    const lease = (await limiter.acquire('jobs', 'tenant')) as Lease
    await lease.release()
    await clock.advance('1h')
    expect(lease.signal.aborted).toBe(false)
    expect(lease.remainingMs).toBe(0)
    await expect(lease.renew()).rejects.toThrow('was released')
  })

  it('survives a renewal that fails when the next one comes in time', async () => {
    const { limiter, clock, store } = setUpFailing()
    const lease = (await limiter.acquire('jobs', 'tenant')) as Lease
    store.fails = 'before'
    await clock.advance('10s')
    store.fails = undefined
    await clock.advance('10s')
    expect([lease.signal.aborted, lease.remainingMs]).toEqual([false, 30_000])
  })

  it('is lost at its end when no renewal gets through', async () => {
    const { limiter, clock, store } = setUpFailing()
    const lease = (await limiter.acquire('jobs', 'tenant')) as Lease
    store.fails = 'before'
    await expect(lease.renew()).rejects.toThrow('the line is down')
    await clock.advance('29999ms')
    expect(lease.signal.aborted).toBe(false)
    await clock.advance('1ms')
    expect(lease.signal.aborted).toBe(true)
  })

  it('does not make the work fail when the store cannot be told of its end', async () => {
    const { limiter, clock, store } = setUpFailing()
    {
      await using lease = await limiter.acquire('jobs', 'tenant')
      expect(lease.acquired).toBe(true)
      store.fails = 'before'
    }
    store.fails = undefined
    expect((await limiter.peek('jobs', 'tenant')).remaining).toBe(1)
    await clock.advance('30s')
    expect((await limiter.peek('jobs', 'tenant')).remaining).toBe(2)
  })

  it('is given back when nobody learned that it was granted', async () => {
    const { limiter, store, clock } = setUpFailing()
    store.fails = 'after'
    const lease = (await limiter.acquire('jobs', 'tenant', { units: 2 })) as Lease
    expect(lease.decision.source).toBe('fallback')
    store.fails = undefined
    await clock.advance('100ms')
    expect(await limiter.peek('jobs', 'tenant')).toMatchObject({ source: 'failing', remaining: 2 })
  })
})

describe('acquiring', () => {
  it('answers a refusal that can be disposed of like a lease', async () => {
    const { limiter } = setUp()
    await limiter.acquire('jobs', 'tenant', { units: 2 })
    await using refused = await limiter.acquire('jobs', 'tenant')
    expect(refused).toMatchObject({ acquired: false, retryAfterMs: 30_000 })
  })

  it('charges a cost to the rate and holds units of the concurrency limit', async () => {
    const { limiter } = setUp()
    const lease = (await limiter.acquire('both', 'tenant', { cost: 4 })) as Lease
    await lease.release()
    const { checks } = await limiter.peek('both', 'tenant')
    expect(checks).toMatchObject([{ remaining: 6 }, { remaining: 1 }])
  })

  it('takes another limit for one call', async () => {
    const { limiter } = setUp()
    const lease = await limiter.acquire('jobs', 'big tenant', { limit: 10, units: 8 })
    expect(lease.decision).toMatchObject({ allowed: true, limit: 10, remaining: 2 })
  })

  it('refuses what makes no sense, by name', async () => {
    const { limiter } = setUp()
    await expect(limiter.acquire('starts', 'tenant')).rejects.toThrow('has no concurrency limit')
    await expect(limiter.acquire('jobs', 'tenant', { units: 0 })).rejects.toThrow('from 1 to 64')
    await expect(limiter.acquire('jobs', 'tenant', { units: 3 })).rejects.toThrow('capacity is 2')
    await expect(limiter.acquire('jobs', 'tenant', { ttl: '5' })).rejects.toThrow("'5' has no unit")
    await expect(limiter.acquire('jobs', 'tenant', { ttl: '408d' })).rejects.toThrow(
      "policy 'jobs': ttl: '408d' is longer than 35184372088832 us (407 days), the longest lease",
    )
    await expect(limiter.check('jobs', 'tenant')).rejects.toThrow('call acquire')
  })
})
