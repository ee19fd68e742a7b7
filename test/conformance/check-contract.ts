import { describe, expect, it } from 'vitest'
import { Op, Status } from '../../src/core/step.js'
import { ALGORITHMS, COUNTING, type EngineHarness } from './engine-harness.js'

/** What one check does, told of every algorithm. */
export function describeChecks(engine: EngineHarness): void {
  describe.each(ALGORITHMS)('%s', algorithm => {
    it('admits a newcomer up to the limit and no further', async () => {
      const subject = engine.newcomer()
      const fresh = { status: Status.allowed, remaining: 5, waitUs: 0, resetUs: 0 }
      expect(await engine.one(algorithm, subject, Op.peek)).toMatchObject(fresh)
      for (let unit = 1; unit <= 5; unit++) {
        const holder = { leaseId: `holder ${unit}` }
        expect(await engine.one(algorithm, subject, Op.consume, holder)).toMatchObject({
          status: Status.allowed,
          granted: 1,
          remaining: 5 - unit,
        })
      }
      const refused = await engine.one(algorithm, subject, Op.consume, { leaseId: 'holder 6' })
      expect(refused).toMatchObject({ status: Status.denied, granted: 0, remaining: 0 })
      expect(refused.waitUs).toBeGreaterThan(0)
      expect(refused.resetUs).toBeGreaterThanOrEqual(refused.waitUs)
    })

    it('takes a cost all or nothing, and a refused cost leaves what is left', async () => {
      const subject = engine.newcomer()
      await engine.one(algorithm, subject, Op.consume, { n: 3, leaseId: 'a' })
      const refused = await engine.one(algorithm, subject, Op.consume, { n: 3, leaseId: 'b' })
      expect(refused).toMatchObject({ status: Status.denied, granted: 0, remaining: 2 })
      const passed = await engine.one(algorithm, subject, Op.consume, { n: 2, leaseId: 'b' })
      expect(passed).toMatchObject({ status: Status.allowed, granted: 2, remaining: 0 })
    })

    it('answers a peek as it would a consume, and changes nothing', async () => {
      const subject = engine.newcomer()
      await engine.one(algorithm, subject, Op.consume, { n: 3, leaseId: 'a' })
      const before = await engine.one(algorithm, subject, Op.peek, { n: 2 })
      expect(before).toMatchObject({ status: Status.allowed, remaining: 2 })
      expect(await engine.one(algorithm, subject, Op.peek, { n: 2 })).toEqual(before)
      const refused = await engine.one(algorithm, subject, Op.consume, { n: 3, leaseId: 'b' })
      expect(await engine.one(algorithm, subject, Op.peek, { n: 3 })).toEqual(refused)
    })

    it('calls a cost above the capacity impossible, which no waiting helps', async () => {
      const subject = engine.newcomer()
      expect(await engine.one(algorithm, subject, Op.consume, { n: 6 })).toMatchObject({
        status: Status.impossible,
      })
      expect(await engine.one(algorithm, subject, Op.peek)).toMatchObject({ remaining: 5, resetUs: 0 })
    })

    it('grants as many as there are, and refuses only when there are none', async () => {
      const subject = engine.newcomer()
      await engine.one(algorithm, subject, Op.consume, { n: 2, leaseId: 'a' })
      expect(await engine.one(algorithm, subject, Op.grant, { n: 9, leaseId: 'b' })).toMatchObject({
        status: Status.allowed,
        granted: 3,
        remaining: 0,
      })
      const none = await engine.one(algorithm, subject, Op.grant, { n: 9, leaseId: 'c' })
      expect(none).toMatchObject({ status: Status.denied, granted: 0 })
      expect(none.waitUs).toBeGreaterThan(0)
    })

    it('records a debit beyond the limit, and refuses until it is paid', async () => {
      const subject = engine.newcomer()
      expect(await engine.one(algorithm, subject, Op.debit, { n: 7, leaseId: 'a' })).toMatchObject({
        status: Status.allowed,
        granted: 7,
        remaining: 0,
      })
      expect(await engine.one(algorithm, subject, Op.consume, { leaseId: 'b' })).toMatchObject({
        status: Status.denied,
      })
    })

    it.each([
      ['refund', Op.refund],
      ['rollback', Op.rollback],
    ])('is as if never charged after a %s at the same time', async (_name, op) => {
      const subject = engine.newcomer()
      await engine.one(algorithm, subject, Op.consume, { n: 2, leaseId: 'a' })
      const before = await engine.one(algorithm, subject, Op.peek)
      await engine.one(algorithm, subject, Op.consume, { n: 3, leaseId: 'b' })
      const undone = await engine.one(algorithm, subject, op, { n: 3, at: engine.nowUs(), leaseId: 'b' })
      expect(undone).toMatchObject({ status: Status.allowed, granted: 3, remaining: 3 })
      expect(await engine.one(algorithm, subject, Op.peek)).toEqual(before)
    })

    it('forgets everything at a reset', async () => {
      const subject = engine.newcomer()
      await engine.one(algorithm, subject, Op.consume, { n: 5 })
      await engine.one(algorithm, subject, Op.block, { n: 60_000_000 })
      expect((await engine.one(algorithm, subject, Op.reset)).status).toBe(Status.allowed)
      expect(await engine.one(algorithm, subject, Op.peek, { n: 5 })).toMatchObject({
        status: Status.allowed,
        remaining: 5,
        resetUs: 0,
      })
    })

    it('refuses a blocked subject to the microsecond, and keeps its counters', async () => {
      const subject = engine.newcomer()
      await engine.one(algorithm, subject, Op.consume, { n: 2 })
      await engine.one(algorithm, subject, Op.block, { n: 1_000_000 })
      const blocked = { status: Status.blocked, remaining: 0, waitUs: 1_000_000 }
      expect(await engine.one(algorithm, subject, Op.consume, { leaseId: 'b' })).toMatchObject(blocked)
      expect(await engine.one(algorithm, subject, Op.peek)).toMatchObject(blocked)
      engine.advance(999_999)
      expect(await engine.one(algorithm, subject, Op.peek)).toMatchObject({
        status: Status.blocked,
        waitUs: 1,
      })
      engine.advance(1)
      expect(await engine.one(algorithm, subject, Op.peek)).toMatchObject({
        status: Status.allowed,
        remaining: 3,
      })
    })

    it('lifts a block before its end', async () => {
      const subject = engine.newcomer()
      await engine.one(algorithm, subject, Op.block, { n: 60_000_000 })
      await engine.one(algorithm, subject, Op.unblock)
      expect(await engine.one(algorithm, subject, Op.consume)).toMatchObject({ status: Status.allowed })
    })

    it('answers the plan of an override on the same key', async () => {
      const subject = engine.newcomer()
      await engine.one(algorithm, subject, Op.consume, { n: 5, leaseId: 'a' })
      const limit = engine.limit(algorithm).withLimit({ limit: 50 })
      const wide = engine.check(algorithm, subject, Op.peek)
      const [peek] = await engine.ask({ ...wide, limit, plan: limit.plan })
      // gcra keeps the used share of a limit, the others the used count.
      const remaining = algorithm === 'gcra' ? 0 : 45
      expect(peek).toMatchObject({ remaining })
    })
  })

  describe.each(COUNTING)('%s', algorithm => {
    it('tells a wait that is exact to the microsecond', async () => {
      const subject = engine.newcomer()
      await engine.one(algorithm, subject, Op.consume, { n: 4 })
      const { waitUs } = await engine.one(algorithm, subject, Op.consume, { n: 3 })
      engine.advance(waitUs - 1)
      expect(await engine.one(algorithm, subject, Op.consume, { n: 3 })).toMatchObject({
        status: Status.denied,
        waitUs: 1,
      })
      engine.advance(1)
      expect(await engine.one(algorithm, subject, Op.consume, { n: 3 })).toMatchObject({
        status: Status.allowed,
      })
    })

    it('is as new once its reset time is over', async () => {
      const subject = engine.newcomer()
      const { resetUs } = await engine.one(algorithm, subject, Op.consume, { n: 5 })
      engine.advance(resetUs)
      expect(await engine.one(algorithm, subject, Op.peek)).toMatchObject({ remaining: 5, resetUs: 0 })
    })

    it('has no leases to renew', async () => {
      expect(await engine.one(algorithm, engine.newcomer(), Op.renew)).toMatchObject({
        status: Status.badCheck,
      })
    })
  })
}
