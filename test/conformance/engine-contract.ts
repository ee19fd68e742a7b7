import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Algorithm } from '../../src/core/plan.js'
import { Op, Status } from '../../src/core/step.js'
import type { Clock } from '../../src/core/time.js'
import type { Check, CheckOutcome, Engine } from '../../src/engine/engine.js'
import { compilePolicies, type PolicyInput, type PolicyLimit } from '../../src/policy.js'

/** How to make the engine under test. What it counted before must not matter: subjects are new in every test. */
export type MakeEngine = (clock: Clock) => Engine | Promise<Engine>

/** Noon of a day, so that every calendar period has time on both sides. */
const START_US = Date.UTC(2026, 4, 13, 12) * 1000
const DAY_US = 86_400_000_000

/** Every algorithm with room for 5 units: each story below is told of all of them. */
const POLICIES = {
  gcra: { limit: 5, window: '10s' },
  fixed_window: { algorithm: 'fixed_window', limit: 5, window: '10s' },
  token_bucket: { algorithm: 'token_bucket', limit: 5, window: '10s' },
  leaky_bucket: { algorithm: 'leaky_bucket', limit: 5, window: '10s' },
  sliding_counter: { algorithm: 'sliding_counter', limit: 5, window: '10s' },
  sliding_window: { algorithm: 'sliding_window', limit: 5, window: '10s' },
  quota: { algorithm: 'quota', limit: 5, period: 'day' },
  concurrency: { algorithm: 'concurrency', limit: 5, lease: '10s' },
} satisfies Record<Algorithm, PolicyInput>

const ALGORITHMS = Object.keys(POLICIES) as Algorithm[]

/** Those whose waits are exact: of `concurrency` they are a hint. */
const COUNTING = ALGORITHMS.filter(algorithm => algorithm !== 'concurrency')

const LIMITS = new Map(
  [...compilePolicies(POLICIES, { nowUs: START_US }).byName].map(([name, { limits }]) => [
    name,
    limits[0] as PolicyLimit,
  ]),
)

interface CheckParts {
  readonly n?: number
  readonly at?: number
  readonly leaseId?: string
}

/**
 * What every engine does, whatever it is made of: told once, run on each. Numbers are exact, because the clock is ours.
 */
export function describeEngine(name: string, makeEngine: MakeEngine): void {
  describe(`${name} keeps the contract of engines`, () => {
    let nowUs = START_US
    let engine: Engine
    beforeAll(async () => {
      engine = await makeEngine({ nowUs: () => nowUs })
      await engine.ready()
    })
    afterAll(() => engine.close())

    const check = (
      algorithm: Algorithm,
      subject: string,
      op: Op,
      { n = 1, at = 0, leaseId = 'holder' }: CheckParts = {},
    ): Check => {
      const limit = LIMITS.get(algorithm) as PolicyLimit
      const common = { limit, plan: limit.planAt(nowUs), subject, op, n, at }
      return algorithm === 'concurrency' && op !== Op.peek ? { ...common, at: 0, leaseId } : common
    }

    const ask = async (...request: Check[]): Promise<readonly CheckOutcome[]> => {
      const outcome = await engine.decide(request)
      expect(outcome.nowUs).toBe(nowUs)
      expect(outcome.checks).toHaveLength(request.length)
      return outcome.checks
    }

    const one = async (
      algorithm: Algorithm,
      subject: string,
      op: Op,
      parts?: CheckParts,
    ): Promise<CheckOutcome> => (await ask(check(algorithm, subject, op, parts)))[0] as CheckOutcome

    /** Each test counts for a subject nobody else has, at a time that is no earlier than before. */
    const newcomer = (): string => {
      nowUs += 1_000_000
      return randomUUID()
    }

    describe.each(ALGORITHMS)('%s', algorithm => {
      it('admits a newcomer up to the limit and no further', async () => {
        const subject = newcomer()
        const fresh = { status: Status.allowed, remaining: 5, waitUs: 0, resetUs: 0 }
        expect(await one(algorithm, subject, Op.peek)).toMatchObject(fresh)
        for (let unit = 1; unit <= 5; unit++) {
          const holder = { leaseId: `holder ${unit}` }
          expect(await one(algorithm, subject, Op.consume, holder)).toMatchObject({
            status: Status.allowed,
            granted: 1,
            remaining: 5 - unit,
          })
        }
        const refused = await one(algorithm, subject, Op.consume, { leaseId: 'holder 6' })
        expect(refused).toMatchObject({ status: Status.denied, granted: 0, remaining: 0 })
        expect(refused.waitUs).toBeGreaterThan(0)
        expect(refused.resetUs).toBeGreaterThanOrEqual(refused.waitUs)
      })

      it('takes a cost all or nothing, and a refused cost leaves what is left', async () => {
        const subject = newcomer()
        await one(algorithm, subject, Op.consume, { n: 3, leaseId: 'a' })
        const refused = await one(algorithm, subject, Op.consume, { n: 3, leaseId: 'b' })
        expect(refused).toMatchObject({ status: Status.denied, granted: 0, remaining: 2 })
        const passed = await one(algorithm, subject, Op.consume, { n: 2, leaseId: 'b' })
        expect(passed).toMatchObject({ status: Status.allowed, granted: 2, remaining: 0 })
      })

      it('answers a peek as it would a consume, and changes nothing', async () => {
        const subject = newcomer()
        await one(algorithm, subject, Op.consume, { n: 3, leaseId: 'a' })
        const before = await one(algorithm, subject, Op.peek, { n: 2 })
        expect(before).toMatchObject({ status: Status.allowed, remaining: 2 })
        expect(await one(algorithm, subject, Op.peek, { n: 2 })).toEqual(before)
        const refused = await one(algorithm, subject, Op.consume, { n: 3, leaseId: 'b' })
        expect(await one(algorithm, subject, Op.peek, { n: 3 })).toEqual(refused)
      })

      it('calls a cost above the capacity impossible, which no waiting helps', async () => {
        const subject = newcomer()
        expect(await one(algorithm, subject, Op.consume, { n: 6 })).toMatchObject({
          status: Status.impossible,
        })
        expect(await one(algorithm, subject, Op.peek)).toMatchObject({ remaining: 5, resetUs: 0 })
      })

      it('grants as many as there are, and refuses only when there are none', async () => {
        const subject = newcomer()
        await one(algorithm, subject, Op.consume, { n: 2, leaseId: 'a' })
        expect(await one(algorithm, subject, Op.grant, { n: 9, leaseId: 'b' })).toMatchObject({
          status: Status.allowed,
          granted: 3,
          remaining: 0,
        })
        const none = await one(algorithm, subject, Op.grant, { n: 9, leaseId: 'c' })
        expect(none).toMatchObject({ status: Status.denied, granted: 0 })
        expect(none.waitUs).toBeGreaterThan(0)
      })

      it('records a debit beyond the limit, and refuses until it is paid', async () => {
        const subject = newcomer()
        expect(await one(algorithm, subject, Op.debit, { n: 7, leaseId: 'a' })).toMatchObject({
          status: Status.allowed,
          granted: 7,
          remaining: 0,
        })
        expect(await one(algorithm, subject, Op.consume, { leaseId: 'b' })).toMatchObject({
          status: Status.denied,
        })
      })

      it.each([
        ['refund', Op.refund],
        ['rollback', Op.rollback],
      ])('is as if never charged after a %s at the same time', async (_name, op) => {
        const subject = newcomer()
        await one(algorithm, subject, Op.consume, { n: 2, leaseId: 'a' })
        const before = await one(algorithm, subject, Op.peek)
        await one(algorithm, subject, Op.consume, { n: 3, leaseId: 'b' })
        const undone = await one(algorithm, subject, op, { n: 3, at: nowUs, leaseId: 'b' })
        expect(undone).toMatchObject({ status: Status.allowed, granted: 3, remaining: 3 })
        expect(await one(algorithm, subject, Op.peek)).toEqual(before)
      })

      it('forgets everything at a reset', async () => {
        const subject = newcomer()
        await one(algorithm, subject, Op.consume, { n: 5 })
        await one(algorithm, subject, Op.block, { n: 60_000_000 })
        expect((await one(algorithm, subject, Op.reset)).status).toBe(Status.allowed)
        expect(await one(algorithm, subject, Op.peek, { n: 5 })).toMatchObject({
          status: Status.allowed,
          remaining: 5,
          resetUs: 0,
        })
      })

      it('refuses a blocked subject to the microsecond, and keeps its counters', async () => {
        const subject = newcomer()
        await one(algorithm, subject, Op.consume, { n: 2 })
        await one(algorithm, subject, Op.block, { n: 1_000_000 })
        const blocked = { status: Status.blocked, remaining: 0, waitUs: 1_000_000 }
        expect(await one(algorithm, subject, Op.consume, { leaseId: 'b' })).toMatchObject(blocked)
        expect(await one(algorithm, subject, Op.peek)).toMatchObject(blocked)
        nowUs += 999_999
        expect(await one(algorithm, subject, Op.peek)).toMatchObject({ status: Status.blocked, waitUs: 1 })
        nowUs += 1
        expect(await one(algorithm, subject, Op.peek)).toMatchObject({
          status: Status.allowed,
          remaining: 3,
        })
      })

      it('lifts a block before its end', async () => {
        const subject = newcomer()
        await one(algorithm, subject, Op.block, { n: 60_000_000 })
        await one(algorithm, subject, Op.unblock)
        expect(await one(algorithm, subject, Op.consume)).toMatchObject({ status: Status.allowed })
      })

      it('charges none of a request that one check refuses, its debits and refunds included', async () => {
        const [full, other] = [newcomer(), newcomer()]
        await one(algorithm, full, Op.consume, { n: 5, leaseId: 'a' })
        await one(algorithm, other, Op.consume, { n: 2, leaseId: 'a' })
        const before = await one(algorithm, other, Op.peek)
        const [debit, refund, refused] = await ask(
          check(algorithm, other, Op.debit, { n: 1, leaseId: 'b' }),
          check(algorithm, other, Op.refund, { n: 2, at: nowUs, leaseId: 'a' }),
          check(algorithm, full, Op.consume, { leaseId: 'b' }),
        )
        expect(refused).toMatchObject({ status: Status.denied, remaining: 0 })
        expect(debit).toMatchObject({ granted: 0, remaining: 3 })
        expect(refund).toMatchObject({ granted: 0, remaining: 3 })
        expect(await one(algorithm, other, Op.peek)).toEqual(before)
      })

      it('carries out a mixed request in its order when nothing refuses', async () => {
        const [a, b] = [newcomer(), newcomer()]
        await one(algorithm, a, Op.consume, { n: 4, leaseId: 'a' })
        const [refund, consume, debit] = await ask(
          check(algorithm, a, Op.refund, { n: 4, at: nowUs, leaseId: 'a' }),
          check(algorithm, a, Op.consume, { n: 3, leaseId: 'b' }),
          check(algorithm, b, Op.debit, { n: 6, leaseId: 'b' }),
        )
        expect(refund).toMatchObject({ granted: 4, remaining: 5 })
        expect(consume).toMatchObject({ status: Status.allowed, granted: 3, remaining: 2 })
        expect(debit).toMatchObject({ granted: 6, remaining: 0 })
        expect(await one(algorithm, a, Op.peek)).toMatchObject({ remaining: 2 })
      })

      it('lets a key named twice in a request see its own first check', async () => {
        const subject = newcomer()
        const [first, second] = await ask(
          check(algorithm, subject, Op.consume, { n: 3, leaseId: 'a' }),
          check(algorithm, subject, Op.consume, { n: 2, leaseId: 'b' }),
        )
        expect(first).toMatchObject({ status: Status.allowed, remaining: 2 })
        expect(second).toMatchObject({ status: Status.allowed, remaining: 0 })

        const twice = newcomer()
        const [, refused] = await ask(
          check(algorithm, twice, Op.consume, { n: 3, leaseId: 'a' }),
          check(algorithm, twice, Op.consume, { n: 3, leaseId: 'b' }),
        )
        expect(refused).toMatchObject({ status: Status.denied, granted: 0, remaining: 5 })
        expect(await one(algorithm, twice, Op.peek)).toMatchObject({ remaining: 5, resetUs: 0 })
      })

      it('lets a peek of a request see what comes before it, and refuse nothing', async () => {
        const subject = newcomer()
        const [, peek] = await ask(
          check(algorithm, subject, Op.consume, { n: 4, leaseId: 'a' }),
          check(algorithm, subject, Op.peek, { n: 2 }),
        )
        expect(peek).toMatchObject({ status: Status.denied, remaining: 1 })
        expect(await one(algorithm, subject, Op.peek)).toMatchObject({ remaining: 1 })
      })

      it('writes nothing of a request with a check that fails', async () => {
        const subject = newcomer()
        const [, failed] = await ask(
          check(algorithm, subject, Op.consume, { leaseId: 'a' }),
          check(algorithm, newcomer(), Op.consume, { n: 6, leaseId: 'a' }),
        )
        expect(failed).toMatchObject({ status: Status.impossible })
        expect(await one(algorithm, subject, Op.peek)).toMatchObject({ remaining: 5, resetUs: 0 })
      })

      it.each([
        ['reset', Op.reset],
        ['block', Op.block],
        ['unblock', Op.unblock],
      ])('takes %s only alone in its request', async (_name, op) => {
        const subject = newcomer()
        const [, failed] = await ask(
          check(algorithm, subject, Op.consume, { leaseId: 'a' }),
          check(algorithm, newcomer(), op, { leaseId: 'a' }),
        )
        expect(failed).toMatchObject({ status: Status.badCheck })
        expect(await one(algorithm, subject, Op.peek)).toMatchObject({ remaining: 5 })
      })

      it('answers the plan of an override on the same key', async () => {
        const subject = newcomer()
        await one(algorithm, subject, Op.consume, { n: 5, leaseId: 'a' })
        const limit = (LIMITS.get(algorithm) as PolicyLimit).withLimit({ limit: 50 })
        const wide = check(algorithm, subject, Op.peek)
        const [peek] = await ask({ ...wide, limit, plan: limit.plan })
        // gcra keeps the used share of a limit, the others the used count.
        const remaining = algorithm === 'gcra' ? 0 : 45
        expect(peek).toMatchObject({ remaining })
      })
    })

    describe.each(COUNTING)('%s', algorithm => {
      it('tells a wait that is exact to the microsecond', async () => {
        const subject = newcomer()
        await one(algorithm, subject, Op.consume, { n: 4 })
        const { waitUs } = await one(algorithm, subject, Op.consume, { n: 3 })
        nowUs += waitUs - 1
        expect(await one(algorithm, subject, Op.consume, { n: 3 })).toMatchObject({
          status: Status.denied,
          waitUs: 1,
        })
        nowUs += 1
        expect(await one(algorithm, subject, Op.consume, { n: 3 })).toMatchObject({ status: Status.allowed })
      })

      it('is as new once its reset time is over', async () => {
        const subject = newcomer()
        const { resetUs } = await one(algorithm, subject, Op.consume, { n: 5 })
        nowUs += resetUs
        expect(await one(algorithm, subject, Op.peek)).toMatchObject({ remaining: 5, resetUs: 0 })
      })

      it('has no leases to renew', async () => {
        expect(await one(algorithm, newcomer(), Op.renew)).toMatchObject({ status: Status.badCheck })
      })
    })

    describe('a leaky bucket that shapes', () => {
      const shape = compilePolicies({
        out: { algorithm: 'leaky_bucket', limit: 10, window: '1s', burst: 3, mode: 'shape' },
      }).byName.get('out')?.limits[0] as PolicyLimit

      const send = (subject: string, op: Op, at = 0) =>
        ask({ limit: shape, plan: shape.plan, subject, op, n: 1, at })

      it('spaces the calls it admits, and refuses what its queue has no room for', async () => {
        const subject = newcomer()
        const delays: number[] = []
        for (let call = 0; call < 3; call++) {
          const [said] = await send(subject, Op.consume)
          delays.push((said as CheckOutcome).waitUs)
        }
        expect(delays).toEqual([0, 100_000, 200_000])
        expect((await send(subject, Op.consume))[0]).toMatchObject({ status: Status.denied, waitUs: 100_000 })
      })

      it('gives back only the last call of its queue, so that no two start at once', async () => {
        const subject = newcomer()
        const [first] = await send(subject, Op.consume)
        const [second] = await send(subject, Op.consume)
        const place = (said: CheckOutcome | undefined) => nowUs + (said as CheckOutcome).resetUs
        expect((await send(subject, Op.refund, place(first)))[0]).toMatchObject({ granted: 0, remaining: 1 })
        expect((await send(subject, Op.refund, place(second)))[0]).toMatchObject({ granted: 1, remaining: 2 })
      })
    })

    describe('leases of concurrency', () => {
      const ofConcurrency = (subject: string, op: Op, leaseId: string, n = 1) =>
        one('concurrency', subject, op, { leaseId, n })

      it('frees the units of a holder that crashed when its lease ends', async () => {
        const subject = newcomer()
        await ofConcurrency(subject, Op.consume, 'crashed', 5)
        expect(await ofConcurrency(subject, Op.consume, 'next')).toMatchObject({
          status: Status.denied,
          waitUs: 10_000_000,
        })
        nowUs += 10_000_000
        expect(await ofConcurrency(subject, Op.consume, 'next')).toMatchObject({
          status: Status.allowed,
          remaining: 4,
        })
      })

      it('keeps a lease that is renewed, and cannot bring back one that ended', async () => {
        const subject = newcomer()
        await ofConcurrency(subject, Op.consume, 'holder', 2)
        nowUs += 9_000_000
        expect(await ofConcurrency(subject, Op.renew, 'holder')).toMatchObject({
          status: Status.allowed,
          granted: 2,
          resetUs: 10_000_000,
        })
        nowUs += 9_000_000
        expect(await one('concurrency', subject, Op.peek)).toMatchObject({ remaining: 3 })
        nowUs += 1_000_000
        expect(await ofConcurrency(subject, Op.renew, 'holder')).toMatchObject({
          status: Status.denied,
          granted: 0,
          remaining: 5,
        })
      })

      it('does not count a holder twice that acquires again under its id', async () => {
        const subject = newcomer()
        await ofConcurrency(subject, Op.consume, 'holder', 4)
        expect(await ofConcurrency(subject, Op.consume, 'holder', 3)).toMatchObject({
          status: Status.allowed,
          remaining: 2,
        })
      })

      it('does nothing when a lease is released that nobody holds', async () => {
        const subject = newcomer()
        await ofConcurrency(subject, Op.consume, 'holder', 2)
        expect(await ofConcurrency(subject, Op.refund, 'stranger')).toMatchObject({
          status: Status.allowed,
          granted: 0,
          remaining: 3,
        })
      })

      it('needs a lease id', async () => {
        const limit = LIMITS.get('concurrency') as PolicyLimit
        const [said] = await ask({
          limit,
          plan: limit.plan,
          subject: newcomer(),
          op: Op.consume,
          n: 1,
          at: 0,
        })
        expect(said).toMatchObject({ status: Status.badCheck })
      })

      it('is one decision with a rate: a full house does not use up the rate', async () => {
        const subject = newcomer()
        await ofConcurrency(subject, Op.consume, 'a', 5)
        const [rate, held] = await ask(
          check('gcra', subject, Op.consume),
          check('concurrency', subject, Op.consume, { leaseId: 'b' }),
        )
        expect(held).toMatchObject({ status: Status.denied })
        expect(rate).toMatchObject({ granted: 0, remaining: 5 })
        expect(await one('gcra', subject, Op.peek)).toMatchObject({ remaining: 5, resetUs: 0 })
      })
    })

    it('decides all checks of a request at one instant, whatever their algorithms', async () => {
      const subject = newcomer()
      const said = await ask(...ALGORITHMS.map(algorithm => check(algorithm, subject, Op.consume, { n: 2 })))
      expect(said.map(({ status }) => status)).toEqual(ALGORITHMS.map(() => Status.allowed))
      expect(said.map(({ remaining }) => remaining)).toEqual(ALGORITHMS.map(() => 3))
    })

    it('answers a quota asked outside the periods it knows with a stale plan, and charges nothing', async () => {
      const subject = newcomer()
      const today = check('quota', subject, Op.consume)
      expect(await ask(today)).toMatchObject([{ status: Status.allowed, remaining: 4 }])
      nowUs += 3 * DAY_US
      expect(await ask(today)).toMatchObject([{ status: Status.stalePlan }])
      expect(await one('quota', subject, Op.peek)).toMatchObject({ remaining: 5, resetUs: 0 })
    })

    it('keeps subjects apart that differ only in what keys are made of', async () => {
      const stem = newcomer()
      for (const rest of ['', ':x', '%3Ax', '{x}', 'é', ' ', '*'])
        expect(await one('gcra', stem + rest, Op.consume)).toMatchObject({ remaining: 4 })
    })

    it('does not ask for a signal that is aborted', async () => {
      const subject = newcomer()
      const signal = AbortSignal.abort(new Error('the caller left'))
      await expect(engine.decide([check('gcra', subject, Op.consume)], { signal })).rejects.toThrow(
        'the caller left',
      )
      expect(await one('gcra', subject, Op.peek)).toMatchObject({ remaining: 5 })
    })
  })
}
