import keySlot from 'cluster-key-slot'
import { describe, expect, test } from 'vitest'
import { ALGORITHMS, type Algorithm, type SlidingWindowPlan } from '../../src/core/plan.js'
import { Op, Status } from '../../src/core/step.js'
import { createKeyBuilder } from '../../src/keys.js'
import { compilePlan, type LimitConfig } from '../../src/policy.js'
import { ReplyReader } from '../../src/redis/reply.js'
import { identify } from '../../src/subject.js'
import { createTestLimiter } from '../../src/testing/index.js'
import { drawnLimit, START_US } from '../support/limits.js'
import { TimedKey } from '../support/walk.js'

/** What went wrong in other limiters, each as a test of ours. */

const SECOND_US = 1_000_000
const MINUTE_US = 60 * SECOND_US

const limitOf = (algorithm: Algorithm, limit: number, windowUs = MINUTE_US) =>
  drawnLimit(algorithm, { limit, windowUs, clock: false })

const exact = ALGORITHMS.filter(algorithm => algorithm !== 'concurrency')

describe.each(ALGORITHMS)('%s', algorithm => {
  test('a refused large cost was counted, so that the small one after it was refused too', () => {
    const key = new TimedKey(limitOf(algorithm, 5))
    expect(key.decide(Op.consume, 4, 0, START_US, 'a')).toMatchObject({ granted: 4 })
    expect(key.decide(Op.consume, 5, 0, START_US, 'b')).toMatchObject({ status: Status.denied, granted: 0 })
    expect(key.decide(Op.consume, 1, 0, START_US, 'c')).toMatchObject({ status: Status.allowed, granted: 1 })
  })

  test('the check ignored the cost, and what it refused was stored', () => {
    const key = new TimedKey(limitOf(algorithm, 10))
    expect(key.decide(Op.consume, 9, 0, START_US, 'a')).toMatchObject({ granted: 9 })
    expect(key.decide(Op.consume, 9, 0, START_US, 'b')).toMatchObject({ status: Status.denied, remaining: 1 })
    expect(key.decide(Op.consume, 9, 0, START_US, 'c')).toMatchObject({ status: Status.denied, remaining: 1 })
    expect(key.decide(Op.consume, 1, 0, START_US, 'd')).toMatchObject({
      status: Status.allowed,
      remaining: 0,
    })
  })

  test('a refund after the end of the window left a counter below zero', () => {
    const limit = limitOf(algorithm, 5)
    const key = new TimedKey(limit)
    key.decide(Op.consume, 1, 0, START_US, 'a')
    const laterUs = START_US + 3 * MINUTE_US
    expect(key.decide(Op.refund, 1, START_US, laterUs, 'a')).toMatchObject({
      granted: 0,
      remaining: 5,
      wrote: false,
    })
    expect(key.decide(Op.refund, 1, 0, laterUs, 'a')).toMatchObject({
      granted: 0,
      remaining: 5,
      wrote: false,
    })
    expect(key.decide(Op.consume, 6, 0, laterUs, 'a').status).toBe(Status.impossible)
  })

  test('the advertised time was shorter or longer than the state lasted', () => {
    const key = new TimedKey(limitOf(algorithm, 5))
    key.decide(Op.consume, 5, 0, START_US, 'a')
    const { resetUs } = key.decide(Op.consume, 1, 0, START_US + 1, 'b')
    expect(key.decide(Op.peek, 1, 0, START_US + resetUs, 'b').remaining).toBeLessThan(5)
    expect(key.decide(Op.peek, 1, 0, START_US + 1 + resetUs, 'b')).toMatchObject({ remaining: 5, resetUs: 0 })
  })

  test('the wait was rounded down, so that an obedient client came early and was refused again', () => {
    const limit = limitOf(algorithm, 7, 3 * SECOND_US)
    const key = new TimedKey(limit)
    let nowUs = START_US
    for (let i = 0; i < 50; i++) {
      const { status, waitUs } = key.decide(Op.consume, 2, 0, nowUs, `lease-${i}`)
      if (status === Status.allowed) continue
      nowUs += Math.ceil(waitUs / 1_000) * 1_000
      expect(key.decide(Op.consume, 2, 0, nowUs, `lease-${i}`).status).toBe(Status.allowed)
    }
  })

  test('a clock in whole seconds let twice the limit through within milliseconds', () => {
    // One millisecond before a second begins, and one after.
    const limit = limitOf(algorithm, 5, 10 * SECOND_US)
    const key = new TimedKey(limit)
    const secondUs = START_US + 5 * SECOND_US
    const granted =
      key.decide(Op.grant, 5, 0, secondUs - 1_000, 'a').granted +
      key.decide(Op.grant, 5, 0, secondUs + 1_000, 'b').granted
    expect(granted).toBe(5)
  })

  test('a store with another clock starved its callers or filled them up', () => {
    const limit = limitOf(algorithm, 5)
    const key = new TimedKey(limit)
    key.decide(Op.consume, 5, 0, START_US, 'a')
    // A replica that is promoted is 4 s behind, and later right again.
    expect(key.decide(Op.consume, 5, 0, START_US - 4 * SECOND_US, 'b').status).toBe(Status.denied)
    expect(key.decide(Op.consume, 5, 0, START_US, 'b').status).toBe(Status.denied)
    expect(key.decide(Op.consume, 5, 0, START_US + 2 * MINUTE_US, 'b').status).toBe(Status.allowed)
  })
})

describe.each(exact)('%s', algorithm => {
  test('a window of half a second became none, and one of 1.9 s became one of 1 s', () => {
    for (const windowUs of [500_000, 1_900_000]) {
      const key = new TimedKey(limitOf(algorithm, 1, windowUs))
      // At the start of a period, for quota.
      const startUs = Math.ceil(START_US / windowUs) * windowUs
      key.decide(Op.consume, 1, 0, startUs)
      expect(key.endUs).toBeGreaterThan(startUs)
      expect(key.decide(Op.consume, 1, 0, startUs + windowUs - 1).status).toBe(Status.denied)
      const longest = algorithm === 'sliding_counter' ? 2 * windowUs : windowUs
      expect(key.decide(Op.consume, 1, 0, startUs + longest).status).toBe(Status.allowed)
    }
  })
})

test('a timer of 30 days overflowed: it fired after a millisecond, and nothing was limited', () => {
  for (const algorithm of [
    'gcra',
    'fixed_window',
    'sliding_window',
    'token_bucket',
    'sliding_counter',
  ] as const) {
    const { limiter, clock } = createTestLimiter({
      policies: { monthly: { limit: 1, window: '30d', algorithm } },
    })
    expect(limiter.checkSync('monthly', 'user').allowed).toBe(true)
    for (const later of ['1ms', '1m', '29d'] as const) {
      clock.advance(later)
      expect(limiter.checkSync('monthly', 'user').allowed).toBe(false)
    }
    clock.advance('31d')
    expect(limiter.checkSync('monthly', 'user').allowed).toBe(true)
  }
})

test('a bucket asked often lost the part of a token that had come meanwhile', () => {
  const key = new TimedKey(limitOf('token_bucket', 10, SECOND_US))
  key.decide(Op.consume, 10, 0, START_US)
  let granted = 0
  // Three asks for each token, at pauses that are no part of its time.
  for (let nowUs = START_US; nowUs <= START_US + 10 * SECOND_US; nowUs += 33_333) {
    granted += key.decide(Op.consume, 1, 0, nowUs).granted
  }
  expect(granted).toBe(99)
})

test('the reset of one window was told in three ways, a second apart', () => {
  const key = new TimedKey(limitOf('fixed_window', 2))
  const ends = [0, 400_000, 999_999, 1_000_001, 59_999_999].map(afterUs => {
    const nowUs = START_US + afterUs
    return nowUs + key.decide(Op.consume, 1, 0, nowUs).resetUs
  })
  expect(new Set(ends)).toEqual(new Set([START_US + MINUTE_US]))
})

test('a log took as much memory as the limit, and as long to trim as it had expired', () => {
  const limit = limitOf('sliding_window', 1_000_000)
  const { resolutionUs } = limit.planAt(0) as SlidingWindowPlan
  const key = new TimedKey(limit)
  let largest = 0
  for (let i = 0; i < 5_000; i++) {
    key.decide(Op.consume, 100, 0, START_US + i * 20_000)
    largest = Math.max(largest, key.model.stateBytes().length)
  }
  expect(resolutionUs).toBe(58_594)
  expect(largest).toBeLessThanOrEqual(16 + 16 * 2 * 1_027)
})

test('entries of one instant in two processes were one, and both passed', () => {
  const key = new TimedKey(limitOf('sliding_window', 3))
  const granted = Array.from({ length: 10 }, () => key.decide(Op.consume, 1, 0, START_US).granted)
  expect(granted).toEqual([1, 1, 1, 0, 0, 0, 0, 0, 0, 0])
})

describe('keys', () => {
  const limitNamed = (keyName: string, config: LimitConfig) => ({
    policy: keyName,
    keyName,
    slot: 0,
    plan: compilePlan(config),
    limit: config.limit,
    windowMs: 60_000,
  })
  const perMinute = (algorithm: 'gcra' | 'sliding_window') =>
    ({ algorithm, limit: 5, windowUs: MINUTE_US }) as const

  test('a change of algorithm met the key of the old one: a type error for every live user', () => {
    const keyOf = createKeyBuilder()
    const [before, after] = [
      limitNamed('api', perMinute('gcra')),
      limitNamed('api', perMinute('sliding_window')),
    ]
    expect(keyOf(before, 'user')).not.toBe(keyOf(after, 'user'))
  })

  test('two policies of different limits shared a counter', () => {
    const keyOf = createKeyBuilder()
    expect(keyOf(limitNamed('a', perMinute('gcra')), 'user')).not.toBe(
      keyOf(limitNamed('b', perMinute('gcra')), 'user'),
    )
  })

  test('callers without a name shared the counter of the user called anonymous', () => {
    const rule = { name: 'api', by: undefined, group: undefined }
    expect(() => identify(rule, '')).toThrow(/api/)
    expect(() => identify(rule, undefined as unknown as string)).toThrow(/api/)
  })

  test('the keys of one request were in different slots of a cluster: CROSSSLOT for each', () => {
    const keyOf = createKeyBuilder()
    const rule = { name: 'api', by: ['tenant', 'user'], group: ['tenant'] }
    const limits = [limitNamed('api', perMinute('gcra')), limitNamed('api~1', perMinute('sliding_window'))]
    const slots = Array.from({ length: 60 }, (_, i) => {
      const identity = identify(rule, { tenant: 'acme', user: `user-${i}` })
      return limits.map(limit => keySlot(keyOf(limit, identity)))
    })
    expect(new Set(slots.flat()).size).toBe(1)
  })
})

test('a reply that could not be read became zeros', () => {
  const reader = new ReplyReader()
  for (const reply of [null, '', [], 0, new Uint8Array(0), new Uint8Array(64), { status: 1 }]) {
    expect(() => reader.read(reply, 1)).toThrow(/decide/)
  }
})
