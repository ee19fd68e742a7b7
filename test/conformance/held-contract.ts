import { describe, expect, it } from 'vitest'
import { Op, Status } from '../../src/core/step.js'
import type { CheckOutcome } from '../../src/engine/engine.js'
import { compilePolicies, type PolicyLimit } from '../../src/policy.js'
import type { EngineHarness } from './engine-harness.js'

/** What is told of one algorithm only: queues that shape, and leases. */
export function describeQueuesAndLeases(engine: EngineHarness): void {
  describe('a leaky bucket that shapes', () => {
    const shape = compilePolicies({
      out: { algorithm: 'leaky_bucket', limit: 10, window: '1s', burst: 3, mode: 'shape' },
    }).byName.get('out')?.limits[0] as PolicyLimit

    const send = (subject: string, op: Op, at = 0) =>
      engine.ask({ limit: shape, plan: shape.plan, subject, op, n: 1, at })

    it('spaces the calls it admits, and refuses what its queue has no room for', async () => {
      const subject = engine.newcomer()
      const delays: number[] = []
      for (let call = 0; call < 3; call++) {
        const [said] = await send(subject, Op.consume)
        delays.push((said as CheckOutcome).waitUs)
      }
      expect(delays).toEqual([0, 100_000, 200_000])
      expect((await send(subject, Op.consume))[0]).toMatchObject({ status: Status.denied, waitUs: 100_000 })
    })

    it('gives back only the last call of its queue, so that no two start at once', async () => {
      const subject = engine.newcomer()
      const [first] = await send(subject, Op.consume)
      const [second] = await send(subject, Op.consume)
      const place = (said: CheckOutcome | undefined) => engine.nowUs() + (said as CheckOutcome).resetUs
      expect((await send(subject, Op.refund, place(first)))[0]).toMatchObject({ granted: 0, remaining: 1 })
      expect((await send(subject, Op.refund, place(second)))[0]).toMatchObject({ granted: 1, remaining: 2 })
    })
  })

  describe('leases of concurrency', () => {
    const ofConcurrency = (subject: string, op: Op, leaseId: string, n = 1) =>
      engine.one('concurrency', subject, op, { leaseId, n })

    it('frees the units of a holder that crashed when its lease ends', async () => {
      const subject = engine.newcomer()
      await ofConcurrency(subject, Op.consume, 'crashed', 5)
      expect(await ofConcurrency(subject, Op.consume, 'next')).toMatchObject({
        status: Status.denied,
        waitUs: 10_000_000,
      })
      engine.advance(10_000_000)
      expect(await ofConcurrency(subject, Op.consume, 'next')).toMatchObject({
        status: Status.allowed,
        remaining: 4,
      })
    })

    it('keeps a lease that is renewed, and cannot bring back one that ended', async () => {
      const subject = engine.newcomer()
      await ofConcurrency(subject, Op.consume, 'holder', 2)
      engine.advance(9_000_000)
      expect(await ofConcurrency(subject, Op.renew, 'holder')).toMatchObject({
        status: Status.allowed,
        granted: 2,
        resetUs: 10_000_000,
      })
      engine.advance(9_000_000)
      expect(await engine.one('concurrency', subject, Op.peek)).toMatchObject({ remaining: 3 })
      engine.advance(1_000_000)
      expect(await ofConcurrency(subject, Op.renew, 'holder')).toMatchObject({
        status: Status.denied,
        granted: 0,
        remaining: 5,
      })
    })

    it('does not count a holder twice that acquires again under its id', async () => {
      const subject = engine.newcomer()
      await ofConcurrency(subject, Op.consume, 'holder', 4)
      expect(await ofConcurrency(subject, Op.consume, 'holder', 3)).toMatchObject({
        status: Status.allowed,
        remaining: 2,
      })
    })

    it('does nothing when a lease is released that nobody holds', async () => {
      const subject = engine.newcomer()
      await ofConcurrency(subject, Op.consume, 'holder', 2)
      expect(await ofConcurrency(subject, Op.refund, 'stranger')).toMatchObject({
        status: Status.allowed,
        granted: 0,
        remaining: 3,
      })
    })

    it('needs a lease id', async () => {
      const limit = engine.limit('concurrency')
      const [said] = await engine.ask({
        limit,
        plan: limit.plan,
        subject: engine.newcomer(),
        op: Op.consume,
        n: 1,
        at: 0,
      })
      expect(said).toMatchObject({ status: Status.badCheck })
    })

    it('is one decision with a rate: a full house does not use up the rate', async () => {
      const subject = engine.newcomer()
      await ofConcurrency(subject, Op.consume, 'a', 5)
      const [rate, held] = await engine.ask(
        engine.check('gcra', subject, Op.consume),
        engine.check('concurrency', subject, Op.consume, { leaseId: 'b' }),
      )
      expect(held).toMatchObject({ status: Status.denied })
      expect(rate).toMatchObject({ granted: 0, remaining: 5 })
      expect(await engine.one('gcra', subject, Op.peek)).toMatchObject({ remaining: 5, resetUs: 0 })
    })
  })
}
