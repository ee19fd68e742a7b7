import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest'
import type { ConcurrencyPlan, Plan } from '../../src/core/plan.js'
import { Op, Status } from '../../src/core/step.js'
import { DecideClient, type KeyedCheck } from '../support/decide-client.js'

const plan: ConcurrencyPlan = { algorithm: 'concurrency', limit: 3, leaseUs: 30_000_000 }
const START_US = 1_790_000_000_000_000
const HOUR_MS = 3_600_000

let client: DecideClient
let key = ''
let keys = 0
beforeAll(async () => {
  client = await DecideClient.connect(inject('redisUrl'))
})
afterAll(() => client.close())
beforeEach(() => {
  key = `concurrency:${keys++}`
})

const held = (op: Op, leaseId: string, n = 1, by: Plan = plan): KeyedCheck => ({
  key,
  plan: by,
  op,
  n,
  leaseId,
})
const lone = (op: Op, n = 1): KeyedCheck => ({ key, plan, op, n })
const members = () => client.redis.zrange(key, '0', '-1')

describe('leases in a sorted set', () => {
  test('two checks of a request on one key see each other, and both are written', async () => {
    const [first, second] = await client.decide(START_US, [held(Op.consume, 'a', 2), held(Op.consume, 'b')])
    expect(first).toMatchObject({ status: Status.allowed, remaining: 1 })
    expect(second).toMatchObject({ status: Status.allowed, remaining: 0 })
    expect(await members()).toEqual(['0:a', '0:b', '1:a'])
  })

  test('a release makes room for what comes after it in the request', async () => {
    await client.check(START_US, held(Op.consume, 'a', 3))
    const [release, acquire] = await client.decide(START_US, [held(Op.refund, 'a'), held(Op.consume, 'b', 3)])
    expect(release).toMatchObject({ granted: 3, remaining: 3 })
    expect(acquire).toMatchObject({ status: Status.allowed, granted: 3, remaining: 0 })
    expect(await members()).toEqual(['0:b', '1:b', '2:b'])
  })

  test('a refused request writes nothing, and the wait counts what came before it in the request', async () => {
    const short = { ...plan, leaseUs: 10_000_000 }
    const request = [held(Op.consume, 'a', 2), held(Op.consume, 'b', 1, short), held(Op.consume, 'c', 1)]
    const [, , refused] = await client.decide(START_US, request)
    expect(refused).toMatchObject({
      status: Status.denied,
      granted: 0,
      remaining: 3,
      waitUs: 10_000_000,
      resetUs: 0,
    })
    expect(await client.redis.exists(key)).toBe(0)
  })

  test('a block refuses newcomers, lets holders renew and release, and lives as long as it must', async () => {
    await client.check(0, held(Op.consume, 'a'))
    await client.check(0, lone(Op.block, 600_000_000))
    expect(await client.redis.pttl(key)).toBeGreaterThan(590_000)
    const blocked = await client.check(0, held(Op.consume, 'b'))
    expect(blocked).toMatchObject({ status: Status.blocked, granted: 0, remaining: 0 })
    expect(blocked.waitUs).toBeGreaterThan(590_000_000)
    expect(blocked.resetUs).toBe(blocked.waitUs)
    expect(await client.check(0, lone(Op.peek))).toMatchObject({ status: Status.blocked })

    expect(await client.check(0, held(Op.renew, 'a'))).toMatchObject({
      status: Status.allowed,
      granted: 1,
      remaining: 2,
    })
    expect(await client.redis.pttl(key)).toBeGreaterThan(590_000)
    expect(await client.check(0, held(Op.refund, 'a'))).toMatchObject({
      granted: 1,
      remaining: 3,
      resetUs: 0,
    })
    expect(await members()).toEqual(['B'])

    await client.check(0, lone(Op.unblock))
    expect(await client.redis.exists(key)).toBe(0)
    expect(await client.check(0, held(Op.consume, 'b'))).toMatchObject({ status: Status.allowed })
  })

  test('a block that has ended is taken out with the next charge', async () => {
    await client.check(START_US, lone(Op.block, 1_000_000))
    expect(await client.check(START_US + 999_999, held(Op.consume, 'a'))).toMatchObject({
      status: Status.blocked,
      waitUs: 1,
    })
    expect(await client.check(START_US + 1_000_000, held(Op.consume, 'a'))).toMatchObject({ remaining: 2 })
    expect(await members()).toEqual(['0:a'])
  })

  test('a reset takes leases and block', async () => {
    await client.check(START_US, held(Op.consume, 'a'))
    await client.check(START_US, lone(Op.block, 1_000_000))
    await client.check(START_US, lone(Op.reset))
    expect(await client.redis.exists(key)).toBe(0)
  })

  test('a key lives as long as its longest lease, and gets its expiry back when it was lost', async () => {
    const short = { ...plan, leaseUs: 10_000_000 }
    await client.check(0, held(Op.consume, 'a'))
    await client.check(0, held(Op.consume, 'b', 1, short))
    expect(await client.redis.pttl(key)).toBeGreaterThan(25_000)
    await client.redis.persist(key)
    await client.check(0, held(Op.renew, 'b', 1, short))
    expect(await client.redis.pttl(key)).toBeGreaterThan(25_000)
    expect(await client.redis.pttl(key)).toBeLessThanOrEqual(30_000)
  })

  test('by an injected time a key lives for an hour at least', async () => {
    await client.check(START_US, held(Op.consume, 'a'))
    expect(await client.redis.pttl(key)).toBeGreaterThan(HOUR_MS - 10_000)
    await client.redis.del(key)
    await client.check(START_US, lone(Op.block, 1))
    expect(await client.redis.pttl(key)).toBeGreaterThan(HOUR_MS - 10_000)
  })

  test.each([
    ['a string', () => client.redis.set(key, 'mine')],
    ['a string that looks like a block', () => client.redis.set(key, `B${'\0'.repeat(8)}`)],
    ['a list', () => client.redis.lpush(key, 'mine')],
  ])('%s is of the wrong type and stays as it is', async (_, put) => {
    await put()
    const before = await client.stored(key)
    for (const check of [
      held(Op.consume, 'a'),
      lone(Op.peek),
      held(Op.refund, 'a'),
      lone(Op.reset),
      lone(Op.block),
    ]) {
      expect(await client.check(START_US, check)).toMatchObject({ status: Status.wrongType })
    }
    expect(await client.stored(key)).toEqual(before)
    await client.redis.del(key)
  })
})
