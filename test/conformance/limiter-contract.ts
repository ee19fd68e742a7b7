import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Receipt } from '../../src/decision.js'
import { CheckError, ImpossibleCostError } from '../../src/errors.js'
import type { Lease } from '../../src/lease.js'
import type { LimiterOptions } from '../../src/limiter/options.js'
import { createLimiter } from '../../src/limiter.js'
import type { PoliciesInput } from '../../src/policy.js'
import { FakeClock } from '../../src/testing/fake-clock.js'

/** Where a limiter under test counts. What is there already must not matter: subjects are new in every test. */
export type StoreUnderTest = () => Pick<LimiterOptions, 'store' | 'prefix' | 'native'>

const POLICIES = {
  perUser: { algorithm: 'fixed_window', limit: 5, window: '1m' },
  smooth: '60/m',
  pair: { limits: ['5/m', { algorithm: 'fixed_window', limit: 8, window: '1h' }] },
  api: { limit: 10, window: '1m', by: ['tenant', 'user'], group: 'tenant' },
  monthly: { algorithm: 'quota', limit: 100, period: 'month' },
  jobs: { limits: ['5/m', { algorithm: 'concurrency', limit: 2, lease: '30s' }] },
  halfSecond: { algorithm: 'fixed_window', limit: 2, window: '0.5s' },
  thirtyDays: { algorithm: 'fixed_window', limit: 5, window: '30d' },
} satisfies PoliciesInput

/** What a limiter does, whatever its store is made of: told once, run on each. */
export function describeLimiter(name: string, store: StoreUnderTest): void {
  describe(`a limiter on ${name}`, () => {
    const clock = new FakeClock()
    const open = () => createLimiter({ ...store(), policies: POLICIES, clock })
    let limiter: ReturnType<typeof open>
    beforeAll(async () => {
      limiter = open()
      await limiter.ready()
    })
    afterAll(() => limiter.close())

    it('tells what is left, and for how long it refuses', async () => {
      const user = randomUUID()
      expect(await limiter.check('perUser', user)).toMatchObject({
        allowed: true,
        reason: 'ok',
        policy: 'perUser',
        limit: 5,
        remaining: 4,
        retryAfterMs: 0,
        resetAfterMs: 60_000,
        delayMs: 0,
      })
      await limiter.check('perUser', user, { cost: 4 })
      expect(await limiter.check('perUser', user)).toMatchObject({
        allowed: false,
        reason: 'limit',
        remaining: 0,
        retryAfterMs: 60_000,
      })
      await clock.advance('1m')
      expect(await limiter.check('perUser', user)).toMatchObject({ allowed: true, remaining: 4 })
    })

    it('rounds waits up to whole milliseconds, so that whoever waits them passes', async () => {
      const user = randomUUID()
      await limiter.check('perUser', user, { cost: 5 })
      await clock.advance('0.5ms')
      expect(await limiter.check('perUser', user)).toMatchObject({ retryAfterMs: 60_000 })
      await clock.advance('60s')
      expect((await limiter.check('perUser', user)).allowed).toBe(true)
    })

    it('peeks without charging', async () => {
      const user = randomUUID()
      expect(await limiter.peek('perUser', user, { cost: 3 })).toMatchObject({ allowed: true, remaining: 5 })
      await limiter.check('perUser', user, { cost: 4 })
      expect(await limiter.peek('perUser', user, { cost: 2 })).toMatchObject({ allowed: false, remaining: 1 })
      expect((await limiter.peek('perUser', user)).receipt).toBeUndefined()
    })

    it('refuses a cost that can never pass with an error that names cost and capacity', async () => {
      const refused = limiter.check('perUser', randomUUID(), { cost: 6 })
      await expect(refused).rejects.toThrow(ImpossibleCostError)
      await expect(refused).rejects.toMatchObject({ policy: 'perUser', cost: 6, capacity: 5 })
    })

    it('decides several limits of a policy as one, and shows the one that waits longest', async () => {
      const user = randomUUID()
      await limiter.check('pair', user, { cost: 5 })
      await clock.advance('1m')
      const third = await limiter.check('pair', user, { cost: 3 })
      expect(third).toMatchObject({ allowed: true, limit: 8, remaining: 0 })
      const refused = await limiter.check('pair', user, { cost: 3 })
      expect(refused).toMatchObject({ allowed: false, limit: 8, retryAfterMs: 3_540_000 })
      expect(refused.checks).toMatchObject([
        { limit: 5, allowed: false, remaining: 2, retryAfterMs: 12_000 },
        { limit: 8, allowed: false, remaining: 0, retryAfterMs: 3_540_000 },
      ])
    })

    it('decides several policies and subjects as one', async () => {
      const [tenant, user, ip] = [randomUUID(), randomUUID(), randomUUID()]
      const ask = (cost: number) =>
        limiter.checkAll([
          { policy: 'api', subject: { tenant, user }, cost },
          { policy: 'perUser', subject: ip },
        ])
      expect(await ask(4)).toMatchObject({ allowed: true, policy: 'api', remaining: 6 })
      expect(await ask(7)).toMatchObject({ allowed: false, policy: 'api', retryAfterMs: 6_000 })
      expect(await limiter.peek('perUser', ip)).toMatchObject({ remaining: 4 })
    })

    it('lets a subject be named twice in a request', async () => {
      const user = randomUUID()
      const both = await limiter.checkAll([
        { policy: 'perUser', subject: user, cost: 2 },
        { policy: 'perUser', subject: user, cost: 2 },
      ])
      expect(both.checks).toMatchObject([{ remaining: 3 }, { remaining: 1 }])
    })

    it('gives back what a receipt names, after a journey as JSON', async () => {
      const user = randomUUID()
      const { receipt } = await limiter.check('pair', user, { cost: 4 })
      const kept: Receipt = JSON.parse(JSON.stringify(receipt))
      expect(await limiter.refund(kept, { units: 1 })).toMatchObject({ allowed: true, remaining: 2 })
      expect(await limiter.peek('pair', user)).toMatchObject({ remaining: 2 })
      expect((await limiter.peek('pair', user)).checks).toMatchObject([{ remaining: 2 }, { remaining: 5 }])
    })

    it('gives back units at the price of the override they were charged at', async () => {
      const user = randomUUID()
      const { receipt } = await limiter.check('smooth', user, { cost: 300, limit: 600 })
      await limiter.refund(receipt as Receipt)
      expect(await limiter.peek('smooth', user)).toMatchObject({ remaining: 60, resetAfterMs: 0 })

      await limiter.check('smooth', user, { cost: 30 })
      const other = await limiter.check('smooth', user, { cost: 60, limit: 600 })
      await limiter.refund(other.receipt as Receipt)
      expect(await limiter.peek('smooth', user)).toMatchObject({ remaining: 30 })
    })

    it('takes another limit for one call', async () => {
      const user = randomUUID()
      expect(await limiter.check('perUser', user, { limit: 50, cost: 20 })).toMatchObject({
        allowed: true,
        limit: 50,
        remaining: 30,
      })
      expect(await limiter.check('perUser', user)).toMatchObject({ allowed: false, limit: 5 })
      expect(await limiter.check('smooth', user, { limit: 600, burst: 2, cost: 2 })).toMatchObject({
        remaining: 0,
      })
      await expect(limiter.check('pair', user, { limit: 50 })).rejects.toThrow(CheckError)
    })

    it('records a debit beyond the limit', async () => {
      const user = randomUUID()
      expect(await limiter.debit('perUser', user, { cost: 8 })).toMatchObject({ allowed: true, remaining: 0 })
      expect(await limiter.check('perUser', user)).toMatchObject({ allowed: false })
    })

    it('forgets a subject at a reset, under all limits of the policy', async () => {
      const user = randomUUID()
      await limiter.check('pair', user, { cost: 5 })
      await limiter.reset('pair', user)
      expect((await limiter.peek('pair', user)).checks).toMatchObject([{ remaining: 5 }, { remaining: 8 }])
    })

    it('blocks a subject for a while, and keeps its counters', async () => {
      const user = randomUUID()
      await limiter.check('pair', user, { cost: 2 })
      await limiter.block('pair', user, { for: '15m' })
      expect(await limiter.check('pair', user)).toMatchObject({
        allowed: false,
        reason: 'blocked',
        retryAfterMs: 900_000,
      })
      await limiter.unblock('pair', user)
      expect((await limiter.peek('pair', user)).checks).toMatchObject([{ remaining: 3 }, { remaining: 6 }])
    })

    it('holds units under a lease, one decision with the rate beside them', async () => {
      const tenant = randomUUID()
      const first = await limiter.acquire('jobs', tenant, { autoRenew: false })
      const second = await limiter.acquire('jobs', tenant, { autoRenew: false })
      const third = await limiter.acquire('jobs', tenant)
      expect([first.acquired, second.acquired, third.acquired]).toEqual([true, true, false])
      expect(third.decision).toMatchObject({ reason: 'limit', limit: 2, retryAfterMs: 30_000 })
      expect(third.decision.checks[0]).toMatchObject({ limit: 5, remaining: 3 })

      await (first as Lease).release()
      const fourth = await limiter.acquire('jobs', tenant, { autoRenew: false })
      expect(fourth.acquired).toBe(true)
      await Promise.all([(second as Lease).release(), (fourth as Lease).release()])
      expect((await limiter.peek('jobs', tenant)).checks).toMatchObject([{ remaining: 2 }, { remaining: 2 }])
    })

    it('keeps a lease that is renewed, and tells when it is gone', async () => {
      const tenant = randomUUID()
      const lease = (await limiter.acquire('jobs', tenant, {
        autoRenew: false,
        ttl: '10s',
        units: 2,
      })) as Lease
      await clock.advance('9s')
      await lease.renew()
      expect(lease.remainingMs).toBe(10_000)
      await clock.advance('9s')
      expect((await limiter.peek('jobs', tenant)).checks[1]).toMatchObject({ remaining: 0 })
      await limiter.reset('jobs', tenant)
      await expect(lease.renew()).rejects.toMatchObject({ code: 'ERR_SLUICE_LEASE_LOST' })
      expect(lease.signal.aborted).toBe(true)
    })

    it('explains every policy that counts such a subject', async () => {
      const user = randomUUID()
      await limiter.check('perUser', user, { cost: 5 })
      const told = await limiter.explain(user)
      expect(told.map(({ policy, state }) => [policy, state])).toEqual([
        ['perUser', 'refused'],
        ['smooth', 'allowed'],
        ['pair', 'allowed'],
        ['api', 'not-applicable'],
        ['monthly', 'allowed'],
        ['jobs', 'allowed'],
        ['halfSecond', 'allowed'],
        ['thirtyDays', 'allowed'],
      ])
      expect(told[0]?.text).toBe(
        "policy 'perUser' refuses one unit for another 60000 ms: 5 per 60000 ms is used up",
      )
    })

    it('computes the calendar of a quota anew when the store has left the periods it knows', async () => {
      const user = randomUUID()
      await limiter.check('monthly', user, { cost: 100 })
      expect(await limiter.check('monthly', user)).toMatchObject({ allowed: false })
      await clock.advance('100d')
      expect(await limiter.check('monthly', user, { cost: 30 })).toMatchObject({ remaining: 70 })
    })

    it('replaces policies while counters live on', async () => {
      const live = open()
      const user = randomUUID()
      await live.check('perUser', user, { cost: 4 })
      live.update({ ...POLICIES, perUser: { algorithm: 'fixed_window', limit: 10, window: '1m' } })
      expect(await live.check('perUser', user)).toMatchObject({ limit: 10, remaining: 5 })
      expect(() => live.update({ ...POLICIES, perUser: '0/m' })).toThrow("policies.perUser: '0/m'")
      expect(await live.peek('perUser', user)).toMatchObject({ limit: 10, remaining: 5 })
      await live.close()
    })

    it('charges nothing for a caller who had left before', async () => {
      const user = randomUUID()
      const signal = AbortSignal.abort(new Error('the caller left'))
      await expect(limiter.check('perUser', user, { signal })).rejects.toThrow('the caller left')
      await expect(limiter.acquire('jobs', user, { signal })).rejects.toThrow('the caller left')
      expect(await limiter.peek('perUser', user)).toMatchObject({ remaining: 5 })
      expect(await limiter.peek('jobs', user)).toMatchObject({ remaining: 5 })
    })

    it('rejects every call after it was closed', async () => {
      const closed = open()
      await closed.close()
      await closed.close()
      const gone = { code: 'ERR_SLUICE_CLOSED' }
      await expect(closed.check('perUser', 'ada')).rejects.toMatchObject(gone)
      await expect(closed.checkAll([{ policy: 'perUser', subject: 'ada' }])).rejects.toMatchObject(gone)
      await expect(closed.acquire('jobs', 'ada')).rejects.toMatchObject(gone)
      await expect(closed.reset('perUser', 'ada')).rejects.toMatchObject(gone)
      await expect(closed.explain('ada')).rejects.toMatchObject(gone)
      await expect(closed.ready()).rejects.toMatchObject(gone)
      expect(() => closed.update(POLICIES)).toThrow('closed')
    })

    describe('what went wrong in other limiters', () => {
      it('a window of half a second became none, and blocked for ever', async () => {
        const user = randomUUID()
        await limiter.check('halfSecond', user, { cost: 2 })
        expect(await limiter.check('halfSecond', user)).toMatchObject({ allowed: false, retryAfterMs: 500 })
        await clock.advance('500ms')
        expect(await limiter.check('halfSecond', user)).toMatchObject({ allowed: true })
      })

      it('a window of thirty days overflowed its timer, and never limited', async () => {
        const user = randomUUID()
        await limiter.check('thirtyDays', user, { cost: 5 })
        await clock.advance('29d')
        expect(await limiter.check('thirtyDays', user)).toMatchObject({
          allowed: false,
          retryAfterMs: 86_400_000,
        })
      })

      it('a union of two limits charged the second one for what the first refused', async () => {
        const user = randomUUID()
        for (let attempt = 0; attempt < 10; attempt++) await limiter.check('pair', user, { cost: 5 })
        expect((await limiter.peek('pair', user)).checks).toMatchObject([{ remaining: 0 }, { remaining: 3 }])
      })

      it('a refused cost used up what a smaller one could have had', async () => {
        const user = randomUUID()
        await limiter.check('perUser', user, { cost: 4 })
        expect((await limiter.check('perUser', user, { cost: 5 })).allowed).toBe(false)
        expect((await limiter.check('perUser', user, { cost: 1 })).allowed).toBe(true)
      })

      it('a counter grew with refused costs, far above its limit', async () => {
        const user = randomUUID()
        for (let attempt = 0; attempt < 3; attempt++) await limiter.check('perUser', user, { cost: 4 })
        expect(await limiter.peek('perUser', user)).toMatchObject({ remaining: 1 })
      })

      it('a refund after the window left a counter below zero', async () => {
        const user = randomUUID()
        const { receipt } = await limiter.check('perUser', user, { cost: 3 })
        await clock.advance('2m')
        await limiter.refund(receipt as Receipt)
        expect(await limiter.peek('perUser', user, { cost: 5 })).toMatchObject({
          allowed: true,
          remaining: 5,
          resetAfterMs: 0,
        })
      })

      it('an advertised wait was longer than the refusal', async () => {
        const user = randomUUID()
        await limiter.check('smooth', user, { cost: 60 })
        const { retryAfterMs } = await limiter.check('smooth', user, { cost: 2 })
        await clock.advance(`${retryAfterMs - 1}ms`)
        expect((await limiter.check('smooth', user, { cost: 2 })).allowed).toBe(false)
        await clock.advance('1ms')
        expect((await limiter.check('smooth', user, { cost: 2 })).allowed).toBe(true)
      })
    })
  })
}
