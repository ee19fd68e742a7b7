import { afterAll, beforeAll, beforeEach, describe, expect, inject, onTestFinished, test, vi } from 'vitest'
import { ALGORITHMS, type Algorithm, type Plan } from '../../src/core/plan.js'
import { Op, Status } from '../../src/core/step.js'
import { DecideClient, type KeyedCheck } from '../support/decide-client.js'
import { drawnLimit, START_US } from '../support/limits.js'

/** What went wrong in other limiters on Redis, each as a test of ours. */

const SECOND_US = 1_000_000
const MINUTE_US = 60 * SECOND_US
/** Expiries move in steps of 16.8 s. */
const GRANULE_MS = 16_778

let client: DecideClient
let prefix = ''
let prefixes = 0
beforeAll(async () => {
  client = await DecideClient.connect(inject('redisUrl'))
})
afterAll(() => client.close())
beforeEach(() => {
  prefix = `regressions:${prefixes++}`
})

const limitOf = (algorithm: Algorithm, limit: number, windowUs = MINUTE_US) =>
  drawnLimit(algorithm, { limit, windowUs, clock: false })

let leases = 0
/** A check of a key of this test. Every one has a lease of its own where the algorithm knows leases. */
function checkOf(plan: Plan, name: string, n = 1, op: Op = Op.consume): KeyedCheck {
  const check = { key: `${prefix}:${name}`, plan, op, n }
  return plan.algorithm === 'concurrency' ? { ...check, leaseId: `lease-${leases++}` } : check
}

/** The server's own time, and the plan of that time. */
async function planNow(algorithm: Algorithm, limit: number, windowUs?: number): Promise<Plan> {
  const [seconds] = await client.redis.time()
  return limitOf(algorithm, limit, windowUs).planAt(Number(seconds) * SECOND_US)
}

describe.each(ALGORITHMS)('%s', algorithm => {
  test('a key never got its expiry: set before the first write, or compared as text', async () => {
    const plan = await planNow(algorithm, 5)
    const check = checkOf(plan, 'once')
    expect(await client.check(0, check)).toMatchObject({ status: Status.allowed })
    const lifeMs = await client.redis.pttl(check.key)
    expect(lifeMs).toBeGreaterThan(0)
    expect(lifeMs).toBeLessThanOrEqual(2 * 60_000 + 2 * GRANULE_MS)
  })

  test('a key that lost its expiry lived, and refused, for ever', async () => {
    const limit = limitOf(algorithm, 5)
    const [full, later] = [START_US, START_US + 3 * MINUTE_US]
    const first = checkOf(limit.planAt(full), 'immortal', 5)
    expect(await client.check(full, first)).toMatchObject({ granted: 5 })
    await client.redis.persist(first.key)
    const next = checkOf(limit.planAt(later), 'immortal', 5)
    expect(await client.check(later, next)).toMatchObject({ status: Status.allowed, granted: 5 })
    expect(await client.redis.pttl(first.key)).toBeGreaterThan(0)
  })

  test('a refund of what had expired left a key below zero, without an expiry', async () => {
    const plan = limitOf(algorithm, 5).planAt(START_US)
    for (const op of [Op.refund, Op.rollback]) {
      const check = checkOf(plan, 'gone', 3, op)
      expect(await client.check(START_US, check)).toMatchObject({
        status: Status.allowed,
        granted: 0,
        remaining: 5,
      })
      expect(await client.redis.exists(check.key)).toBe(0)
    }
  })

  test('callers at one instant overwrote one another, and more than the limit passed', async () => {
    const plan = limitOf(algorithm, 20).planAt(START_US)
    const requests = Array.from({ length: 100 }, () => [checkOf(plan, 'crowd')])
    const calls = [requests.slice(0, 30), requests.slice(30, 31), requests.slice(31)]
    const outcomes = (await Promise.all(calls.map(call => client.decide(START_US, ...call)))).flat()
    expect(outcomes.filter(({ status }) => status === Status.allowed)).toHaveLength(20)
  })

  test('one poisoned key broke the call of everybody', async () => {
    const plan = limitOf(algorithm, 5).planAt(START_US)
    const [good, poisoned, alsoGood] = ['good', 'poisoned', 'also-good'].map(name => checkOf(plan, name)) as [
      KeyedCheck,
      KeyedCheck,
      KeyedCheck,
    ]
    await client.redis.hset(poisoned.key, 'a', 'b')
    const outcomes = await client.decide(START_US, [good], [poisoned], [alsoGood])
    expect(outcomes.map(({ status }) => status)).toEqual([Status.allowed, Status.wrongType, Status.allowed])
    expect(await client.redis.hgetall(poisoned.key)).toEqual({ a: 'b' })
    await client.redis.del(poisoned.key)
  })

  test('a union of limits charged the others for what one refused', async () => {
    const plan = limitOf(algorithm, 1).planAt(START_US)
    const other = limitOf('fixed_window', 100).planAt(START_US)
    for (let i = 0; i < 10; i++) {
      await client.decide(START_US, [checkOf(other, 'tenant'), checkOf(plan, 'tool'), checkOf(other, 'user')])
    }
    for (const name of ['tenant', 'user']) {
      expect(await client.check(START_US, checkOf(other, name, 1, Op.peek))).toMatchObject({ remaining: 99 })
    }
  })

  test('a refused check kept the key alive, and its caller out', async () => {
    const plan = limitOf(algorithm, 2).planAt(START_US)
    await client.check(START_US, checkOf(plan, 'retrying', 2))
    const before = await client.stored(`${prefix}:retrying`)
    for (let i = 1; i <= 20; i++) {
      const refused = await client.check(START_US + i, checkOf(plan, 'retrying', 2))
      expect(refused).toMatchObject({ status: Status.denied })
    }
    expect(await client.stored(`${prefix}:retrying`)).toEqual(before)
  })
})

test('of two waits the shorter was told, and who came back then was refused', async () => {
  const [short, long] = [limitOf('fixed_window', 1, SECOND_US), limitOf('sliding_window', 1, MINUTE_US)]
  const request = [checkOf(short.planAt(0), 'short'), checkOf(long.planAt(0), 'long')]
  await client.decide(START_US, request)
  const waits = (await client.decide(START_US, request)).map(({ waitUs }) => waitUs)
  expect(waits).toEqual([SECOND_US, MINUTE_US])
  const statusesAt = async (nowUs: number) =>
    (await client.decide(nowUs, request)).map(({ status }) => status)
  expect(await statusesAt(START_US + Math.min(...waits))).toContain(Status.denied)
  expect(await statusesAt(START_US + Math.max(...waits))).toEqual([Status.allowed, Status.allowed])
})

test('a window of half a second was rounded to none: a key without an end, a user locked out for ever', async () => {
  const plan = await planNow('fixed_window', 1, 500_000)
  const check = checkOf(plan, 'half')
  const first = await client.check(0, check)
  expect(first).toMatchObject({ status: Status.allowed, resetUs: 500_000 })
  const lifeMs = await client.redis.pttl(check.key)
  expect(lifeMs).toBeGreaterThan(0)
  expect(lifeMs).toBeLessThanOrEqual(500)
})

test('the time came from the callers, and one whose clock was behind was starved', async () => {
  const plan = await planNow('gcra', 2)
  onTestFinished(() => {
    vi.useRealTimers()
  })
  // Neither clock reaches the server.
  for (const time of ['2001-01-01T00:00:00Z', '2040-01-01T00:00:00Z']) {
    vi.setSystemTime(time)
    expect(await client.check(0, checkOf(plan, 'skewed'))).toMatchObject({ status: Status.allowed })
  }
  expect(await client.check(0, checkOf(plan, 'skewed'))).toMatchObject({ status: Status.denied })
})

test('a log grew with the limit', async () => {
  const plan = limitOf('sliding_window', 1_000_000).planAt(0)
  for (let i = 0; i < 3_000; i += 50) {
    const requests = Array.from({ length: 50 }, () => [checkOf(plan, 'log', 300)])
    await client.decide(START_US + i * 20_000, ...requests)
  }
  expect(await client.redis.strlen(`${prefix}:log`)).toBeLessThanOrEqual(16 + 16 * 2 * 1_027)
})
