import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { circuitBlock, readCircuitReply } from '../../../src/breaker/circuit-wire.js'
import { loadScript } from '../../../src/redis/scripts.js'
import { readCircuitVectors } from '../../support/circuit-vectors.js'

const { source } = loadScript('breaker')

let redis: Redis
beforeAll(() => {
  redis = new Redis(inject('redisUrl'))
})
afterAll(() => redis.quit())

const bytesOf = (numbers: readonly number[]) => Buffer.from(new Float64Array(numbers).buffer)

describe('circuits in Lua', () => {
  test.each(readCircuitVectors())('$name', async ({ name, steps }) => {
    const key = `vectors:circuit:${name}`
    await redis.del(key)
    let stored: Buffer | null = null
    for (const { nowUs, plan, request, random, expect: expected, state } of steps) {
      const block = Buffer.from(circuitBlock(plan, [request], nowUs, random))
      const reply = await redis.callBuffer('EVAL', [source, 1, key, block])
      expect(readCircuitReply(reply, 1)).toEqual({ nowUs, results: [expected] })
      if (state !== undefined) stored = bytesOf(state)
      expect(await redis.getBuffer(key)).toEqual(stored)
      // With an injected clock a key outlives an hour of the server's time.
      if (stored !== null) expect(await redis.pttl(key)).toBeGreaterThan(3_500_000)
    }
    await redis.del(key)
  })

  const plan = readCircuitVectors()[0]?.steps[0]?.plan
  const look = { op: 1, generation: 0, a: 0, b: 0, ticket: 0 } as const

  test.each([
    ['nothing', Buffer.alloc(0)],
    ['half a number', Buffer.alloc(4)],
    ['too few numbers', Buffer.alloc(8 * 19)],
    ['another version', Buffer.alloc(8 * 20)],
  ])('refuse a block of %s, and write nothing', async (_, block) => {
    await expect(redis.eval(source, 1, 'vectors:refused', block)).rejects.toThrow(/^SLUICE/)
    expect(await redis.exists('vectors:refused')).toBe(0)
  })

  test('refuse a plan that no breaker goes by', async () => {
    if (plan === undefined) throw new Error('there is no story')
    for (const wrong of [
      { slotUs: 0 },
      { successesMin: Number.NaN },
      { jitter: 2 },
      { openMaxUs: 1 },
      { factor: 0.5 },
    ]) {
      const block = Buffer.from(circuitBlock({ ...plan, ...wrong }, [look], 0, 0))
      await expect(redis.eval(source, 1, 'vectors:refused', block)).rejects.toThrow(/^SLUICE the plan/)
    }
  })

  test('tell of values of another kind, and leave them as they are, without harm to the step beside', async () => {
    if (plan === undefined) throw new Error('there is no story')
    const foreign = [
      Buffer.from('hello'),
      bytesOf([1, 2, 3]),
      bytesOf(Array(33).fill(-1)),
      bytesOf([2, ...Array(32).fill(0)]),
    ]
    const keys = foreign.map((_, i) => `vectors:foreign:${i}`)
    await Promise.all(keys.map((key, i) => redis.set(key, foreign[i] as Buffer)))
    await redis.del('vectors:list', 'vectors:own')
    await redis.lpush('vectors:list', 'mine')
    const all = [...keys, 'vectors:list', 'vectors:own']
    const report = { ...look, op: 3, a: 1 } as const
    const block = Buffer.from(
      circuitBlock(
        plan,
        all.map(() => report),
        0,
        0,
      ),
    )
    const reply = readCircuitReply(
      await redis.callBuffer('EVAL', [source, all.length, ...all, block]),
      all.length,
    )
    expect(reply.results.map(({ status }) => status)).toEqual([-3, -3, -3, -3, -2, 1])
    expect(await redis.mgetBuffer(keys)).toEqual(foreign)
    expect(await redis.lrange('vectors:list', 0, -1)).toEqual(['mine'])
    await redis.del(all)
  })

  test('refuse steps that no circuit takes', async () => {
    if (plan === undefined) throw new Error('there is no story')
    const wrong = [
      { op: 0 },
      { op: 9 },
      { a: -1 },
      { b: 0.5 },
      { generation: Number.NaN },
      { op: 4, a: 3 },
      { a: 2 ** 53 },
    ]
    const steps = wrong.map(one => ({ ...look, ...one }) as typeof look)
    const keys = steps.map((_, i) => `vectors:wrong:${i}`)
    const block = Buffer.from(circuitBlock(plan, steps, 0, 0))
    const reply = await redis.callBuffer('EVAL', [source, keys.length, ...keys, block])
    expect(readCircuitReply(reply, keys.length).results.map(({ status }) => status)).toEqual(
      wrong.map(() => -5),
    )
    expect(await redis.exists(keys)).toBe(0)
  })
})
