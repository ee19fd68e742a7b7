import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { ALGORITHMS } from '../../src/core/plan.js'
import { Op, Status } from '../../src/core/step.js'
import { DecideClient, type KeyedCheck } from '../support/decide-client.js'
import { type DrawnLimit, limitOf, START_US } from '../support/limits.js'

let client: DecideClient
beforeAll(async () => {
  client = await DecideClient.connect(inject('redisUrl'))
})
afterAll(() => client.close())

/** Ops that can share a request. `renew` and leases mean something to `concurrency` only; elsewhere they are bad checks. */
const SHARED_OPS = [
  Op.consume,
  Op.consume,
  Op.consume,
  Op.peek,
  Op.grant,
  Op.debit,
  Op.refund,
  Op.rollback,
  Op.renew,
]
const LONE_OPS = [Op.reset, Op.block, Op.unblock]

interface DrawnCheck {
  readonly place: number
  readonly op: Op
  readonly n: number
  /** `refund` and `rollback`: of a charge at the time of this request, of the one before, or at an unknown time. */
  readonly charged: 'now' | 'before' | 'unknown'
  readonly leaseId: string
}

interface DrawnRequest {
  readonly checks: readonly DrawnCheck[]
  /** 0 to 1, of twice the window of the first key. */
  readonly pause: number
}

const KEYS = 3

const drawnCheck = (ops: readonly Op[]): fc.Arbitrary<DrawnCheck> =>
  fc.record({
    place: fc.nat(KEYS - 1),
    op: fc.constantFrom(...ops),
    n: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 6 })),
    charged: fc.constantFrom('now', 'before', 'unknown'),
    leaseId: fc.constantFrom('a', 'b', 'c'),
  })

const requests = fc.array(
  fc.record({
    checks: fc.oneof(
      fc.array(drawnCheck(SHARED_OPS), { minLength: 1, maxLength: 4 }),
      fc.array(drawnCheck(LONE_OPS), { minLength: 1, maxLength: 1 }),
    ),
    pause: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 1, noNaN: true })),
  }),
  { minLength: 1, maxLength: 12, size: 'max' },
)

const limitsOf = (arbitrary: fc.Arbitrary<DrawnLimit>) =>
  fc.tuple(...Array.from({ length: KEYS }, () => arbitrary))

const limits = limitsOf(fc.constantFrom(...ALGORITHMS).chain(limitOf))

/** By the server's own clock: long enough to look at, and no quotas, whose periods are drawn around another time. */
const lastingLimits = limitsOf(
  fc
    .constantFrom(...ALGORITHMS.filter(algorithm => algorithm !== 'quota'))
    .chain(limitOf)
    .filter(({ windowUs }) => windowUs >= 1_000_000),
)

let drawnKeys = 0
const newKeys = () => Array.from({ length: KEYS }, () => `properties:${drawnKeys++}`)

function keyedCheck(
  drawn: readonly DrawnLimit[],
  keys: readonly string[],
  { place, op, n, charged, leaseId }: DrawnCheck,
  nowUs: number,
  beforeUs: number,
): KeyedCheck {
  const { algorithm, planAt } = drawn[place] as DrawnLimit
  const check = { key: keys[place] as string, plan: planAt(nowUs), op, n }
  if (algorithm === 'concurrency' && !LONE_OPS.some(lone => lone === op)) return { ...check, leaseId }
  if (op !== Op.refund && op !== Op.rollback) return check
  return { ...check, at: { now: nowUs, before: beforeUs, unknown: 0 }[charged] }
}

/** Sends the requests of a walk one after the other, on new keys. */
async function walk(
  drawn: readonly DrawnLimit[],
  requests: readonly DrawnRequest[],
  send: (request: readonly KeyedCheck[], nowUs: number, keys: readonly string[]) => Promise<void>,
): Promise<void> {
  const keys = newKeys()
  let nowUs = START_US
  for (const { checks, pause } of requests) {
    const beforeUs = nowUs
    nowUs += Math.floor(2 * pause * (drawn[0] as DrawnLimit).windowUs)
    await send(
      checks.map(check => keyedCheck(drawn, keys, check, nowUs, beforeUs)),
      nowUs,
      keys,
    )
  }
  await client.redis.del(...keys)
}

const storedAll = (keys: readonly string[]) => Promise.all(keys.map(key => client.stored(key)))

const isRefused = (outcomes: readonly { status: number }[], request: readonly KeyedCheck[]): boolean =>
  outcomes.some(
    ({ status }, i) => status < Status.denied || (status !== Status.allowed && request[i]?.op !== Op.peek),
  )

describe('whatever is asked, in requests of one check and of several', () => {
  test('every key that is there has an expiry', async () => {
    await fc.assert(
      fc.asyncProperty(limits, requests, async (drawn, requests) => {
        await walk(drawn, requests, async (request, nowUs, keys) => {
          await client.decide(nowUs, request)
          // A key that is absent answers -2, one without an expiry -1. By an injected time a life is an hour at least.
          const lives = await Promise.all(keys.map(key => client.redis.pttl(key)))
          for (const lifeMs of lives) if (lifeMs !== -2) expect(lifeMs).toBeGreaterThan(3_500_000)
        })
      }),
      { numRuns: 300 },
    )
  })

  test('a refused request changes no byte and no expiry of any key', async () => {
    await fc.assert(
      fc.asyncProperty(limits, requests, async (drawn, requests) => {
        await walk(drawn, requests, async (request, nowUs, keys) => {
          const before = await storedAll(keys)
          const outcomes = await client.decide(nowUs, request)
          if (!isRefused(outcomes, request)) return
          expect(await storedAll(keys)).toEqual(before)
          for (const { granted } of outcomes) expect(granted).toBe(0)
        })
      }),
      { numRuns: 300 },
    )
  })

  test('a request does what its checks would do one after the other, or nothing', async () => {
    await fc.assert(
      fc.asyncProperty(limits, requests, async (drawn, requests) => {
        await walk(drawn, requests, async (request, nowUs, keys) => {
          const copyOf = (key: string) => `${key}:copy`
          for (const key of keys) await client.redis.copy(key, copyOf(key), 'REPLACE')
          const alone = []
          for (const check of request)
            alone.push(await client.check(nowUs, { ...check, key: copyOf(check.key) }))
          const outcomes = await client.decide(nowUs, request)

          expect(outcomes.map(({ status }) => status)).toEqual(alone.map(({ status }) => status))
          if (isRefused(outcomes, request)) {
            for (const [i, outcome] of outcomes.entries()) {
              if (outcome.status === Status.denied) expect(outcome.waitUs).toBe(alone[i]?.waitUs)
            }
          } else {
            expect(outcomes).toEqual(alone)
            for (const key of keys) {
              const [mine, copied] = await storedAll([key, copyOf(key)])
              expect(mine?.value).toBe(copied?.value)
              // The server's clock goes on between the two.
              expect(Math.abs((mine?.endMs as number) - (copied?.endMs as number))).toBeLessThan(5_000)
            }
          }
          await client.redis.del(...keys.map(copyOf))
        })
      }),
      { numRuns: 300 },
    )
  })

  test('the requests of a batch do what they would do one after the other', async () => {
    await fc.assert(
      fc.asyncProperty(limits, requests, async (drawn, requests) => {
        const [batched, apart] = [newKeys(), newKeys()]
        const askedAt = (keys: readonly string[]) =>
          requests.map(({ checks }) =>
            checks.map(check => keyedCheck(drawn, keys, check, START_US, START_US)),
          )
        const outcomes = await client.decide(START_US, ...askedAt(batched))
        const alone = []
        for (const request of askedAt(apart)) alone.push(...(await client.decide(START_US, request)))
        expect(outcomes).toEqual(alone)
        const values = async (keys: readonly string[]) => (await storedAll(keys)).map(({ value }) => value)
        expect(await values(batched)).toEqual(await values(apart))
        await client.redis.del(...batched, ...apart)
      }),
      { numRuns: 300 },
    )
  })

  test("by the server's own clock, a key lives until its state equals an absent one", async () => {
    await fc.assert(
      fc.asyncProperty(lastingLimits, requests, async (drawn, requests) => {
        await walk(drawn, requests, async request => {
          const nowUs = await serverTimeUs()
          const outcomes = await client.decide(0, request)
          if (isRefused(outcomes, request)) return
          for (const [i, { op, key }] of request.entries()) {
            const isLast = request.findLastIndex(check => check.key === key) === i
            if (op === Op.reset || !isLast) continue
            const endMs = await client.redis.pexpiretime(key)
            // A key that ends at this millisecond is there until it is over. One that is gone ended before now.
            const endUs = endMs === -2 ? await serverTimeUs() : (endMs + 1) * 1_000
            expect(endUs).toBeGreaterThanOrEqual(nowUs + (outcomes[i]?.resetUs as number))
          }
        })
      }),
      { numRuns: 300 },
    )
  })
})

async function serverTimeUs(): Promise<number> {
  const [seconds, us] = await client.redis.time()
  return Number(seconds) * 1_000_000 + Number(us)
}
