import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest'
import type { SlidingWindowPlan } from '../../src/core/plan.js'
import {
  applyLogChange,
  createLogChange,
  encodeLog,
  LOG_TOTAL_MAX,
  slidingWindow,
  type WindowLog,
} from '../../src/core/sliding-window.js'
import { createStep, Op, Status, Write } from '../../src/core/step.js'
import { DecideClient } from '../support/decide-client.js'
import { answerOf } from '../support/walk.js'

/** Logs of this limit are too long to be fetched with the other keys of a batch. */
const plan: SlidingWindowPlan = {
  algorithm: 'sliding_window',
  limit: 1_000,
  windowUs: 60_000_000,
  debtLimit: 2_000,
  resolutionUs: 1,
}
const START_US = 1_790_000_000_000_000

let client: DecideClient
let key = ''
let keys = 0
beforeAll(async () => {
  client = await DecideClient.connect(inject('redisUrl'))
})
afterAll(() => client.close())
beforeEach(() => {
  key = `sliding-window:${keys++}`
})

/** The TypeScript beside the Lua, on the same log. */
class Twin {
  log: WindowLog | undefined
  readonly #step = createStep()
  readonly #change = createLogChange()

  async check(op: Op, n: number, nowUs: number, at = 0): Promise<number> {
    slidingWindow(this.#step, this.#change, plan, this.log, op, n, at, nowUs)
    if (this.#step.write !== Write.none) this.log = applyLogChange(this.log, this.#change)
    expect(await client.check(nowUs, { key, plan, op, n, at })).toEqual(answerOf(this.#step))
    expect(await client.redis.getBuffer(key)).toEqual(
      this.log === undefined ? null : Buffer.from(encodeLog(this.log)),
    )
    return this.#step.status
  }

  /** Puts a log in both places. */
  async store(log: WindowLog): Promise<void> {
    this.log = log
    await client.redis.set(key, Buffer.from(encodeLog(log)), 'PX', 3_600_000)
  }
}

/** A log of `count` entries of one unit, `gapUs` apart. */
function steadyLog(count: number, gapUs: number, firstTotal = 1): WindowLog {
  const entries = Array.from({ length: count }, (_, i) => [START_US + i * gapUs, firstTotal + i])
  const numbers = Float64Array.from([firstTotal - 1, START_US + 120_000_000, ...entries.flat()])
  return { numbers, length: numbers.length }
}

describe('a log that is read in places', () => {
  test('is decided, written and cut as the TypeScript does', async () => {
    const twin = new Twin()
    await twin.store(steadyLog(1_000, 50_000))
    const endUs = START_US + 999 * 50_000
    expect(await twin.check(Op.consume, 1, endUs)).toBe(Status.denied)
    expect(await twin.check(Op.consume, 700, endUs)).toBe(Status.denied)
    expect(await twin.check(Op.refund, 150, endUs, endUs)).toBe(Status.allowed)
    // From here on the oldest leave, until more than half of the pairs are dead and are cut off.
    for (let i = 0; i < 700; i += 7) {
      await twin.check(i % 3 === 0 ? Op.grant : Op.consume, 1 + (i % 5), endUs + i * 100_000, 0)
    }
    expect(twin.log?.numbers[2]).toBeGreaterThan(START_US)
    expect(await twin.check(Op.consume, 1_000, endUs + 200_000_000)).toBe(Status.allowed)
    expect(twin.log?.length).toBe(4)
  })

  test('is repaired when the clock steps back', async () => {
    const twin = new Twin()
    await twin.store(steadyLog(1_000, 50_000))
    expect(await twin.check(Op.consume, 1, START_US - 20_000_000)).toBe(Status.denied)
    expect(twin.log?.length).toBe(4)
    expect(await twin.check(Op.consume, 1, START_US + 40_000_000)).toBe(Status.allowed)
  })

  test('shows its block, and is what it was once the block is lifted', async () => {
    const twin = new Twin()
    await twin.store(steadyLog(600, 1_000))
    const nowUs = START_US + 1_000_000
    await client.check(nowUs, { key, plan, op: Op.block, n: 5_000_000 })
    const blocked = {
      status: Status.blocked,
      granted: 0,
      remaining: 0,
      waitUs: 4_000_000,
      resetUs: 4_000_000,
    }
    expect(await client.check(nowUs + 1_000_000, { key, plan, op: Op.consume, n: 1 })).toEqual(blocked)
    expect(await client.check(nowUs + 1_000_000, { key, plan, op: Op.debit, n: 2 })).toMatchObject({
      granted: 2,
    })
    await client.check(nowUs + 1_000_000, { key, plan, op: Op.unblock, n: 1 })
    expect(await client.check(nowUs + 1_000_000, { key, plan, op: Op.peek, n: 1 })).toMatchObject({
      remaining: 398,
    })
    await client.check(nowUs + 1_000_000, { key, plan, op: Op.reset, n: 1 })
    expect(await client.redis.exists(key)).toBe(0)
  })

  test('shares a request with a second check on the same key', async () => {
    const twin = new Twin()
    await twin.store(steadyLog(600, 1_000))
    const consume = { key, plan, op: Op.consume, n: 300 }
    const nowUs = START_US + 1_000_000
    const [first, second] = await client.decide(nowUs, [consume, consume])
    expect([first?.status, second?.status]).toEqual([Status.allowed, Status.denied])
    expect(await client.redis.getBuffer(key)).toEqual(Buffer.from(encodeLog(twin.log as WindowLog)))
  })
})

describe('totals of a log', () => {
  test.each([
    ['by a new entry', START_US + 1_000_000],
    ['by a unit that joins the last entry', START_US + 999 * 1_000],
  ])('start at 0 again before they grow too large, %s', async (_, nowUs) => {
    const twin = new Twin()
    await twin.store(steadyLog(900, 1_000, LOG_TOTAL_MAX - 899))
    expect(await twin.check(Op.consume, 1, nowUs)).toBe(Status.allowed)
    expect(twin.log?.numbers[0]).toBe(0)
    expect(twin.log?.numbers[3]).toBe(1)
    expect(await twin.check(Op.peek, 1, nowUs)).toBe(Status.allowed)
    expect(await twin.check(Op.consume, 100, nowUs)).toBe(Status.denied)
  })
})

describe('what is no log', () => {
  const doubles = (...values: number[]) => Buffer.from(new Float64Array(values).buffer)
  test.each([
    ['text', Buffer.from('hello')],
    ['a header without entries', doubles(0, START_US)],
    ['half a pair', doubles(0, START_US, START_US)],
    ['more dead than there is', doubles(2, START_US, START_US, 1)],
    ['a fraction of a unit', doubles(0, START_US, START_US, 1.5)],
    ['a number that is none', doubles(0, START_US, START_US, Number.NaN)],
    ['an endless time', doubles(0, START_US, Number.POSITIVE_INFINITY, 1)],
    ['times that descend', doubles(0, START_US, START_US + 1, 1, START_US, 2)],
    ['long text', Buffer.alloc(10_000, 'x')],
  ])('%s is a foreign value and stays as it is', async (_, bytes) => {
    await client.redis.set(key, bytes, 'PX', 60_000)
    for (const op of [Op.consume, Op.peek, Op.debit, Op.refund]) {
      expect(await client.check(START_US, { key, plan, op, n: 1 })).toMatchObject({
        status: Status.foreignValue,
      })
    }
    expect(await client.redis.getBuffer(key)).toEqual(bytes)
  })

  test('a list is of the wrong type and stays as it is', async () => {
    await client.redis.lpush(key, 'mine')
    expect(await client.check(START_US, { key, plan, op: Op.consume, n: 1 })).toMatchObject({
      status: Status.wrongType,
    })
    expect(await client.redis.lrange(key, 0, -1)).toEqual(['mine'])
    await client.redis.del(key)
  })
})
