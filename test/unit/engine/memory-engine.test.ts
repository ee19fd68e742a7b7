import { beforeEach, describe, expect, test } from 'vitest'
import { Op, Status } from '../../../src/core/step.js'
import { MemoryEngine } from '../../../src/engine/memory-engine.js'
import { checkOf, DAY_US, limitOf, MINUTE_US, MS_US, SECOND_US, StandingClock, YEAR_US } from './limits.js'

const perMinute = limitOf('per-minute', { algorithm: 'gcra', limit: 3, windowUs: MINUTE_US })
const perHour = limitOf('per-hour', { algorithm: 'fixed_window', limit: 5, windowUs: 60 * MINUTE_US })
const log = limitOf('log', { algorithm: 'sliding_window', limit: 2, windowUs: MINUTE_US })
const atOnce = limitOf('at-once', { algorithm: 'concurrency', limit: 2, leaseUs: MINUTE_US })

let clock: StandingClock
let engine: MemoryEngine
beforeEach(() => {
  clock = new StandingClock()
  engine = new MemoryEngine({ clock })
})

/** Statuses of the checks of one request. */
const statuses = (...request: Parameters<MemoryEngine['decideSync']>[0]) =>
  engine.decideSync(request).checks.map(({ status }) => status)

describe('one check', () => {
  test('is admitted until the limit is used, then told how long to wait', () => {
    const remaining = [1, 2, 3].map(() => engine.decideSync([checkOf(perMinute, 'ada')]).checks[0]?.remaining)
    expect(remaining).toEqual([2, 1, 0])
    expect(engine.decideSync([checkOf(perMinute, 'ada')])).toEqual({
      nowUs: clock.us,
      checks: [
        { status: Status.denied, granted: 0, remaining: 0, waitUs: 20 * SECOND_US, resetUs: MINUTE_US },
      ],
    })
    clock.us += 20 * SECOND_US
    expect(statuses(checkOf(perMinute, 'ada'))).toEqual([Status.allowed])
  })

  test('knows subjects and limits apart', () => {
    for (let i = 0; i < 3; i++) engine.decideSync([checkOf(perMinute, 'ada')])
    expect(statuses(checkOf(perMinute, 'ada'))).toEqual([Status.denied])
    expect(statuses(checkOf(perMinute, 'grace'))).toEqual([Status.allowed])
    expect(statuses(checkOf(perHour, 'ada'))).toEqual([Status.allowed])
  })

  test('answers the same by decideOne, decideSync and decide', async () => {
    const { limit, plan, subject } = checkOf(perMinute, 'ada')
    expect(engine.decideOne(limit, plan, subject, Op.consume, 1, 0).remaining).toBe(2)
    expect(engine.lastNowUs).toBe(clock.us)
    expect(engine.decideSync([checkOf(perMinute, 'ada')]).checks[0]?.remaining).toBe(1)
    expect((await engine.decide([checkOf(perMinute, 'ada')])).checks[0]?.remaining).toBe(0)
  })

  test('finds the counters of a limit that got another slot and another plan', () => {
    engine.decideSync([checkOf(perHour, 'ada', { n: 5 })])
    const updated = limitOf('per-hour', { algorithm: 'fixed_window', limit: 7, windowUs: 60 * MINUTE_US }, 99)
    expect(engine.decideSync([checkOf(updated, 'ada')]).checks[0]).toMatchObject({
      status: Status.allowed,
      remaining: 1,
    })
    expect(statuses(checkOf(perHour, 'ada'))).toEqual([Status.denied])
  })

  test.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])(
    'of cost %d is a bad one, on a new key and on a known one',
    n => {
      expect(statuses(checkOf(perMinute, 'ada', { n }))).toEqual([Status.badCheck])
      engine.decideSync([checkOf(perMinute, 'ada')])
      expect(statuses(checkOf(perMinute, 'ada', { n }))).toEqual([Status.badCheck])
    },
  )

  test('above the capacity is impossible, which is not a denial', () => {
    expect(statuses(checkOf(perMinute, 'ada', { n: 4 }))).toEqual([Status.impossible])
    expect(engine.stats().keys).toBe(0)
  })

  test('that only peeks makes no key', () => {
    expect(statuses(checkOf(perMinute, 'ada', { op: Op.peek }))).toEqual([Status.allowed])
    expect(engine.stats().keys).toBe(0)
  })

  test('with an op that the algorithm lacks is a bad one', () => {
    engine.decideSync([checkOf(perMinute, 'ada')])
    expect(statuses(checkOf(perMinute, 'ada', { op: Op.renew }))).toEqual([Status.badCheck])
    expect(statuses(checkOf(atOnce, 'ada'))).toEqual([Status.badCheck])
  })
})

describe('a request of several checks', () => {
  test('charges all of them or none', () => {
    engine.decideSync([checkOf(log, 'ada')])
    const both = [checkOf(perHour, 'ada', { n: 2 }), checkOf(log, 'ada', { n: 2 })]
    expect(engine.decideSync(both).checks).toEqual([
      { status: Status.allowed, granted: 0, remaining: 5, waitUs: 0, resetUs: 0 },
      { status: Status.denied, granted: 0, remaining: 1, waitUs: MINUTE_US, resetUs: MINUTE_US },
    ])
    clock.us += MINUTE_US
    expect(engine.decideSync(both).checks).toMatchObject([
      { granted: 2, remaining: 3 },
      { granted: 2, remaining: 0 },
    ])
  })

  test.each([
    ['a number', perMinute],
    ['numbers', perHour],
    ['a log', log],
  ])('sees its own first check when it names a key twice: %s', (_, limit) => {
    const capacity = limit === perHour ? 5 : limit === log ? 2 : 3
    const twice = [checkOf(limit, 'ada', { n: capacity }), checkOf(limit, 'ada')]
    expect(statuses(...twice)).toEqual([Status.allowed, Status.denied])
    expect(statuses(checkOf(limit, 'ada', { n: capacity, op: Op.peek }))).toEqual([Status.allowed])
    expect(statuses(checkOf(limit, 'ada', { n: capacity - 1 }), checkOf(limit, 'ada'))).toEqual([
      Status.allowed,
      Status.allowed,
    ])
    expect(statuses(checkOf(limit, 'ada', { op: Op.peek }))).toEqual([Status.denied])
  })

  test('may release one lease and take another in its place', () => {
    const release = checkOf(atOnce, 'ada', { op: Op.refund, leaseId: 'first' })
    engine.decideSync([checkOf(atOnce, 'ada', { n: 2, leaseId: 'first' })])
    expect(statuses(release, checkOf(atOnce, 'ada', { n: 3, leaseId: 'second' }))).toEqual([
      Status.allowed,
      Status.impossible,
    ])
    expect(statuses(checkOf(atOnce, 'ada', { leaseId: 'second' }))).toEqual([Status.denied])
    expect(statuses(release, checkOf(atOnce, 'ada', { n: 2, leaseId: 'second' }))).toEqual([
      Status.allowed,
      Status.allowed,
    ])
    expect(statuses(checkOf(atOnce, 'ada', { leaseId: 'first' }))).toEqual([Status.denied])
  })

  test('leaves no key when the last lease is released, not even one taken in the same request', () => {
    const take = checkOf(atOnce, 'ada', { n: 2, leaseId: 'first' })
    const release = checkOf(atOnce, 'ada', { op: Op.refund, leaseId: 'first' })
    engine.decideSync([take])
    engine.decideSync([release])
    expect(engine.stats().keys).toBe(0)
    engine.decideSync([take, release])
    expect(engine.stats().keys).toBe(0)
    expect(statuses(take)).toEqual([Status.allowed])
  })

  test('is not refused by a peek', () => {
    engine.decideSync([checkOf(log, 'ada', { n: 2 })])
    expect(statuses(checkOf(log, 'ada', { op: Op.peek }), checkOf(perHour, 'ada'))).toEqual([
      Status.denied,
      Status.allowed,
    ])
    expect(engine.decideSync([checkOf(perHour, 'ada', { op: Op.peek })]).checks[0]?.remaining).toBe(4)
  })

  test('withdraws its debits and refunds when a check is refused', () => {
    engine.decideSync([checkOf(perHour, 'ada', { n: 2 }), checkOf(log, 'ada', { n: 2 })])
    const refusal = checkOf(log, 'ada')
    engine.decideSync([
      checkOf(perHour, 'ada', { op: Op.refund }),
      checkOf(perHour, 'grace', { op: Op.debit }),
      refusal,
    ])
    expect(engine.decideSync([checkOf(perHour, 'ada', { op: Op.peek })]).checks[0]?.remaining).toBe(3)
    expect(engine.stats().keys).toBe(2)
  })

  test('writes a repair though it was refused, but not though a check failed', () => {
    const perDay = limitOf('per-day', { algorithm: 'gcra', limit: 10, windowUs: DAY_US })
    engine.decideSync([checkOf(perDay, 'ada', { n: 10 }), checkOf(log, 'ada', { n: 2 })])
    // The clock steps back by two days, so the debt seems to be of three days; a day is the most there can be.
    clock.us -= 2 * DAY_US
    const peekWaitUs = () =>
      engine.decideSync([checkOf(perDay, 'ada', { op: Op.peek })]).checks[0]?.waitUs as number
    const waitUs = peekWaitUs()
    clock.us += MINUTE_US
    expect(peekWaitUs()).toBe(waitUs)
    engine.decideSync([checkOf(perDay, 'ada'), checkOf(perHour, 'ada', { n: 0 })])
    clock.us += MINUTE_US
    expect(peekWaitUs()).toBe(waitUs)
    engine.decideSync([checkOf(perDay, 'ada'), checkOf(perHour, 'ada')])
    clock.us += MINUTE_US
    expect(peekWaitUs()).toBe(waitUs - MINUTE_US)
  })

  test('takes no reset, block or unblock', () => {
    engine.decideSync([checkOf(perHour, 'ada')])
    for (const op of [Op.reset, Op.block, Op.unblock]) {
      expect(statuses(checkOf(perHour, 'grace'), checkOf(perHour, 'ada', { op }))).toEqual([
        Status.allowed,
        Status.badCheck,
      ])
    }
    expect(engine.stats().keys).toBe(1)
  })

  test('has 1 to 16 checks', () => {
    const request = Array.from({ length: 17 }, (_, i) => checkOf(perHour, `subject ${i}`))
    expect(() => engine.decideSync(request)).toThrow(
      'a request has 1 to 16 checks, this one has 17: split it',
    )
    expect(() => engine.decideSync([])).toThrow('this one has 0')
    expect(statuses(...request.slice(1))).toEqual(new Array(16).fill(Status.allowed))
  })
})

describe('a block', () => {
  const block = (n: number) => engine.decideSync([checkOf(perHour, 'ada', { op: Op.block, n })])

  test('refuses what would be taken, tells how long, and ends by itself', () => {
    block(10 * SECOND_US)
    clock.us += SECOND_US
    const refusal = {
      status: Status.blocked,
      granted: 0,
      remaining: 0,
      waitUs: 9 * SECOND_US,
      resetUs: 9 * SECOND_US,
    }
    for (const op of [Op.consume, Op.grant, Op.peek]) {
      expect(engine.decideSync([checkOf(perHour, 'ada', { op })]).checks).toEqual([refusal])
    }
    clock.us += 9 * SECOND_US
    expect(statuses(checkOf(perHour, 'ada'))).toEqual([Status.allowed])
  })

  test('keeps the counters, which go on changing under it', () => {
    engine.decideSync([checkOf(perHour, 'ada', { n: 3 })])
    block(SECOND_US)
    engine.decideSync([checkOf(perHour, 'ada', { op: Op.debit })])
    engine.decideSync([checkOf(perHour, 'ada', { op: Op.refund, n: 2 })])
    clock.us += SECOND_US
    expect(engine.decideSync([checkOf(perHour, 'ada', { op: Op.peek })]).checks[0]?.remaining).toBe(3)
    expect(engine.decideSync([checkOf(perHour, 'ada')]).checks[0]?.remaining).toBe(2)
  })

  test('is lifted alone by unblock, with everything by reset', () => {
    engine.decideSync([checkOf(perHour, 'ada', { n: 3 })])
    block(SECOND_US)
    engine.decideSync([checkOf(perHour, 'ada', { op: Op.unblock })])
    expect(engine.decideSync([checkOf(perHour, 'ada')]).checks[0]?.remaining).toBe(1)
    block(SECOND_US)
    engine.decideSync([checkOf(perHour, 'ada', { op: Op.reset })])
    expect(engine.stats().keys).toBe(0)
    expect(engine.decideSync([checkOf(perHour, 'ada')]).checks[0]?.remaining).toBe(4)
  })

  test('outlives the state under it, and leaves nothing behind', () => {
    engine.decideSync([checkOf(perHour, 'ada', { n: 3 })])
    block(DAY_US)
    clock.us += DAY_US - 1
    expect(statuses(checkOf(perHour, 'ada'))).toEqual([Status.blocked])
    engine.decideSync([checkOf(perHour, 'ada', { op: Op.unblock })])
    expect(engine.stats().keys).toBe(0)
  })

  test('refuses the whole request of its check', () => {
    block(SECOND_US)
    expect(statuses(checkOf(log, 'ada', { n: 2 }), checkOf(perHour, 'ada'))).toEqual([
      Status.allowed,
      Status.blocked,
    ])
    expect(statuses(checkOf(log, 'ada', { n: 2 }))).toEqual([Status.allowed])
  })
})

describe('a key that has ended', () => {
  test.each([
    ['10 ms', 10 * MS_US],
    ['30 days', 30 * DAY_US],
    ['a year', YEAR_US],
  ])('decides as an absent one and is taken out by later calls: a window of %s', (_, windowUs) => {
    const limit = limitOf(`window-${windowUs}`, { algorithm: 'fixed_window', limit: 1, windowUs })
    expect(statuses(checkOf(limit, 'ada'))).toEqual([Status.allowed])
    clock.us += windowUs - 1
    expect(statuses(checkOf(limit, 'ada'))).toEqual([Status.denied])
    clock.us += 1
    expect(statuses(checkOf(limit, 'ada', { op: Op.peek }))).toEqual([Status.allowed])
    clock.us += 2 * MS_US
    engine.decideSync([checkOf(limit, 'grace', { op: Op.peek })])
    expect(engine.stats()).toMatchObject({ keys: 0, evicted: 0 })
  })

  test('does not wait for others: 2,000 that end together are taken out by 600 calls', () => {
    const brief = limitOf('brief', { algorithm: 'fixed_window', limit: 1, windowUs: 10 * MS_US })
    for (let i = 0; i < 2_000; i++) engine.decideSync([checkOf(brief, `subject ${i}`)])
    expect(engine.stats().keys).toBe(2_000)
    clock.us += 20 * MS_US
    for (let i = 0; i < 600; i++) engine.decideSync([checkOf(perHour, 'ada', { op: Op.peek })])
    expect(engine.stats().keys).toBe(0)
  })

  test('is gone after a leap of the clock over 20 years', () => {
    for (let i = 0; i < 100; i++) engine.decideSync([checkOf(perMinute, `subject ${i}`, { n: 3 })])
    clock.us += 20 * YEAR_US
    for (let i = 0; i < 100; i++)
      expect(statuses(checkOf(perMinute, `subject ${i}`, { n: 3 }))).toEqual([Status.allowed])
    expect(engine.stats().keys).toBe(100)
  })
})

describe('the clock', () => {
  test('may step back: nobody is locked out for longer than a window, nobody gets more than the limit', () => {
    engine.decideSync([checkOf(perHour, 'ada', { n: 5 })])
    clock.us -= YEAR_US
    expect(statuses(checkOf(perHour, 'ada'))).toEqual([Status.denied])
    clock.us += 60 * MINUTE_US
    expect(statuses(checkOf(perHour, 'ada', { n: 5 }))).toEqual([Status.allowed])
  })

  test.each([Number.NaN, 0, 1e18])('that tells %d is refused', us => {
    clock.us = us
    expect(() => engine.decideSync([checkOf(perHour, 'ada')])).toThrow(
      /clock: .* is not a time between 1985 and 2053/,
    )
  })
})

describe('an engine that was closed', () => {
  test('rejects and throws, twice closed as well', async () => {
    await engine.close()
    await engine.close()
    await expect(engine.decide([checkOf(perHour, 'ada')])).rejects.toMatchObject({
      code: 'ERR_SLUICE_CLOSED',
    })
    await expect(engine.ready()).rejects.toMatchObject({ code: 'ERR_SLUICE_CLOSED' })
    expect(() => engine.decideSync([checkOf(perHour, 'ada')])).toThrow('closed')
  })

  test('rejects with the reason of a signal that has aborted', async () => {
    const signal = AbortSignal.abort(new Error('gone home'))
    await expect(engine.decide([checkOf(perHour, 'ada')], { signal })).rejects.toThrow('gone home')
  })
})
