import { describe, expect, it } from 'vitest'
import { Op, Status } from '../../src/core/step.js'
import { ALGORITHMS, DAY_US, type EngineHarness } from './engine-harness.js'

/** What a request of several checks does: all or nothing, at one instant. */
export function describeRequests(engine: EngineHarness): void {
  describe.each(ALGORITHMS)('requests of %s', algorithm => {
    it('charges none of a request that one check refuses, its debits and refunds included', async () => {
      const [full, other] = [engine.newcomer(), engine.newcomer()]
      await engine.one(algorithm, full, Op.consume, { n: 5, leaseId: 'a' })
      await engine.one(algorithm, other, Op.consume, { n: 2, leaseId: 'a' })
      const before = await engine.one(algorithm, other, Op.peek)
      const [debit, refund, refused] = await engine.ask(
        engine.check(algorithm, other, Op.debit, { n: 1, leaseId: 'b' }),
        engine.check(algorithm, other, Op.refund, { n: 2, at: engine.nowUs(), leaseId: 'a' }),
        engine.check(algorithm, full, Op.consume, { leaseId: 'b' }),
      )
      expect(refused).toMatchObject({ status: Status.denied, remaining: 0 })
      expect(debit).toMatchObject({ granted: 0, remaining: 3 })
      expect(refund).toMatchObject({ granted: 0, remaining: 3 })
      expect(await engine.one(algorithm, other, Op.peek)).toEqual(before)
    })

    it('carries out a mixed request in its order when nothing refuses', async () => {
      const [a, b] = [engine.newcomer(), engine.newcomer()]
      await engine.one(algorithm, a, Op.consume, { n: 4, leaseId: 'a' })
      const [refund, consume, debit] = await engine.ask(
        engine.check(algorithm, a, Op.refund, { n: 4, at: engine.nowUs(), leaseId: 'a' }),
        engine.check(algorithm, a, Op.consume, { n: 3, leaseId: 'b' }),
        engine.check(algorithm, b, Op.debit, { n: 6, leaseId: 'b' }),
      )
      expect(refund).toMatchObject({ granted: 4, remaining: 5 })
      expect(consume).toMatchObject({ status: Status.allowed, granted: 3, remaining: 2 })
      expect(debit).toMatchObject({ granted: 6, remaining: 0 })
      expect(await engine.one(algorithm, a, Op.peek)).toMatchObject({ remaining: 2 })
    })

    it('lets a key named twice in a request see its own first check', async () => {
      const subject = engine.newcomer()
      const [first, second] = await engine.ask(
        engine.check(algorithm, subject, Op.consume, { n: 3, leaseId: 'a' }),
        engine.check(algorithm, subject, Op.consume, { n: 2, leaseId: 'b' }),
      )
      expect(first).toMatchObject({ status: Status.allowed, remaining: 2 })
      expect(second).toMatchObject({ status: Status.allowed, remaining: 0 })

      const twice = engine.newcomer()
      const [, refused] = await engine.ask(
        engine.check(algorithm, twice, Op.consume, { n: 3, leaseId: 'a' }),
        engine.check(algorithm, twice, Op.consume, { n: 3, leaseId: 'b' }),
      )
      expect(refused).toMatchObject({ status: Status.denied, granted: 0, remaining: 5 })
      expect(await engine.one(algorithm, twice, Op.peek)).toMatchObject({ remaining: 5, resetUs: 0 })
    })

    it('lets a peek of a request see what comes before it, and refuse nothing', async () => {
      const subject = engine.newcomer()
      const [, peek] = await engine.ask(
        engine.check(algorithm, subject, Op.consume, { n: 4, leaseId: 'a' }),
        engine.check(algorithm, subject, Op.peek, { n: 2 }),
      )
      expect(peek).toMatchObject({ status: Status.denied, remaining: 1 })
      expect(await engine.one(algorithm, subject, Op.peek)).toMatchObject({ remaining: 1 })
    })

    it('writes nothing of a request with a check that fails', async () => {
      const subject = engine.newcomer()
      const [, failed] = await engine.ask(
        engine.check(algorithm, subject, Op.consume, { leaseId: 'a' }),
        engine.check(algorithm, engine.newcomer(), Op.consume, { n: 6, leaseId: 'a' }),
      )
      expect(failed).toMatchObject({ status: Status.impossible })
      expect(await engine.one(algorithm, subject, Op.peek)).toMatchObject({ remaining: 5, resetUs: 0 })
    })

    it.each([
      ['reset', Op.reset],
      ['block', Op.block],
      ['unblock', Op.unblock],
    ])('takes %s only alone in its request', async (_name, op) => {
      const subject = engine.newcomer()
      const [, failed] = await engine.ask(
        engine.check(algorithm, subject, Op.consume, { leaseId: 'a' }),
        engine.check(algorithm, engine.newcomer(), op, { leaseId: 'a' }),
      )
      expect(failed).toMatchObject({ status: Status.badCheck })
      expect(await engine.one(algorithm, subject, Op.peek)).toMatchObject({ remaining: 5 })
    })
  })

  it('decides all checks of a request at one instant, whatever their algorithms', async () => {
    const subject = engine.newcomer()
    const said = await engine.ask(
      ...ALGORITHMS.map(algorithm => engine.check(algorithm, subject, Op.consume, { n: 2 })),
    )
    expect(said.map(({ status }) => status)).toEqual(ALGORITHMS.map(() => Status.allowed))
    expect(said.map(({ remaining }) => remaining)).toEqual(ALGORITHMS.map(() => 3))
  })

  it('answers a quota asked outside the periods it knows with a stale plan, and charges nothing', async () => {
    const subject = engine.newcomer()
    const today = engine.check('quota', subject, Op.consume)
    expect(await engine.ask(today)).toMatchObject([{ status: Status.allowed, remaining: 4 }])
    engine.advance(3 * DAY_US)
    expect(await engine.ask(today)).toMatchObject([{ status: Status.stalePlan }])
    expect(await engine.one('quota', subject, Op.peek)).toMatchObject({ remaining: 5, resetUs: 0 })
  })

  it('keeps subjects apart that differ only in what keys are made of', async () => {
    const stem = engine.newcomer()
    for (const rest of ['', ':x', '%3Ax', '{x}', 'é', ' ', '*'])
      expect(await engine.one('gcra', stem + rest, Op.consume)).toMatchObject({ remaining: 4 })
  })

  it('does not ask for a signal that is aborted', async () => {
    const subject = engine.newcomer()
    const signal = AbortSignal.abort(new Error('the caller left'))
    await expect(engine.decide([engine.check('gcra', subject, Op.consume)], { signal })).rejects.toThrow(
      'the caller left',
    )
    expect(await engine.one('gcra', subject, Op.peek)).toMatchObject({ remaining: 5 })
  })
}
