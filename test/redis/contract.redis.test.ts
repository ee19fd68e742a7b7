import { readdirSync, readFileSync } from 'node:fs'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Plan } from '../../src/core/plan.js'
import { Op, Status } from '../../src/core/step.js'
import { decodeReply, encodeBlock, type WireCheck } from '../support/decide-block.js'
import { type RedisServer, startRedis } from '../support/redis-server.js'

const HOUR_MS = 3_600_000
const YEAR_US = 31_557_600_000_000
const nowUs = 1_790_000_000_000_000

const lua = new URL('../../lua/', import.meta.url)
const manifest = JSON.parse(readFileSync(new URL('manifest.json', lua), 'utf8'))
const decide = readFileSync(new URL('dist/decide.lua', lua), 'utf8')

const cap = 10 * 8_000_000
const gcra: Plan = {
  algorithm: 'gcra',
  interval: 8_000_000,
  cap,
  burst: 10,
  debtCap: cap,
  horizon: cap,
  settleUs: 0,
}
const window = { limit: 10, windowUs: 60_000_000, debtLimit: 10 }
const bucket = {
  burst: 10,
  debtLimit: 10,
  drainUnits: 1,
  drainUs: 1_000_000,
  emptyAfterUs: 10_000_002,
  settleUs: 0,
}
/** Long enough for the clock of any server. */
const periods = {
  period0Us: nowUs - 20 * YEAR_US,
  period1Us: nowUs + 20 * YEAR_US,
  period2Us: nowUs + 21 * YEAR_US,
}

/** One plan of each algorithm, and a log long enough to be read apart from the other states. */
const PLANS: Record<string, Plan> = {
  gcra,
  fixed_window: { algorithm: 'fixed_window', ...window, clockAnchored: 0, offsetUs: 0 },
  token_bucket: { algorithm: 'token_bucket', ...bucket, shape: 0 },
  leaky_bucket: { algorithm: 'leaky_bucket', ...bucket, shape: 1 },
  sliding_counter: { algorithm: 'sliding_counter', ...window },
  sliding_window: { algorithm: 'sliding_window', ...window, resolutionUs: 1 },
  'a long sliding_window': {
    algorithm: 'sliding_window',
    ...window,
    limit: 5000,
    debtLimit: 5000,
    resolutionUs: 1,
  },
  quota: { algorithm: 'quota', total: 10, ...periods, spread: 0, spreadBurst: 1, debtLimit: 10 },
  concurrency: { algorithm: 'concurrency', limit: 10, leaseUs: 60_000_000 },
}
const named = Object.entries(PLANS)

const consume = (plan: Plan, n = 1): WireCheck => ({
  plan,
  op: Op.consume,
  n,
  at: plan.algorithm === 'concurrency' ? 2 : 0,
})

/** Runs one batch and answers the statuses of its checks. */
async function run(
  redis: Redis,
  keys: readonly string[],
  requests: readonly (readonly WireCheck[])[],
  now = 0,
): Promise<number[]> {
  const reply = await redis.callBuffer(
    'EVAL',
    decide,
    keys.length,
    ...keys,
    encodeBlock(now, requests),
    'lease',
  )
  return decodeReply(reply as Buffer).map(outcome => outcome.status)
}

let server: RedisServer
let redis: Redis
beforeAll(async () => {
  server = await startRedis()
  redis = new Redis(server.url)
})
beforeEach(() => redis.flushall())
afterAll(async () => {
  redis.disconnect()
  await server.stop()
})

/** Another server for one test, with a client that gives up at once. */
async function onServer(
  args: readonly string[],
  story: (client: Redis, own: RedisServer) => Promise<void>,
): Promise<void> {
  const own = await startRedis({ args })
  const client = new Redis(own.url)
  try {
    await story(client, own)
  } finally {
    client.disconnect()
    await own.stop()
  }
}

describe('the scripts on a server', () => {
  test.each(Object.keys(manifest.scripts))('%s has the digest that the manifest names', async name => {
    const text = readFileSync(new URL(`dist/${name}.lua`, lua), 'utf8')
    expect(await redis.script('LOAD', text)).toBe(manifest.scripts[name].sha1)
  })

  test.each(readdirSync(new URL('releases/', lua)))(
    'of release %s are what its manifest says',
    async release => {
      const frozen = new URL(`releases/${release}/`, lua)
      const { scripts } = JSON.parse(readFileSync(new URL('manifest.json', frozen), 'utf8'))
      for (const name of Object.keys(scripts)) {
        const text = readFileSync(new URL(`dist/${name}.lua`, frozen), 'utf8')
        expect(await redis.script('LOAD', text)).toBe(scripts[name].sha1)
      }
    },
  )

  test('a cluster node, which lets a script touch declared keys only, runs every algorithm in one batch', async () => {
    await onServer(['--cluster-enabled', 'yes'], async node => {
      await node.call('CLUSTER', 'ADDSLOTSRANGE', 0, 16383)
      await expect.poll(() => node.call('CLUSTER', 'INFO'), { timeout: 20_000 }).toContain('cluster_state:ok')
      const keys = named.map(([name]) => `sl1:{7}:policy:${encodeURIComponent(name)}:alice`)
      const statuses = await run(node, keys, [named.map(([, plan]) => consume(plan))])
      expect(statuses).toEqual(named.map(() => Status.allowed))
    })
  })

  test.each(named)(
    '%s leaves a key that ends, and an injected clock makes it last an hour',
    async (_, plan) => {
      await run(redis, ['live'], [[consume(plan)]])
      expect(await redis.pttl('live')).toBeGreaterThan(0)
      await run(redis, ['replayed'], [[consume(plan)]], nowUs)
      expect(await redis.pttl('replayed')).toBeGreaterThan(HOUR_MS - 60_000)
    },
  )
})

describe('a value that is not ours', () => {
  const foreign: [string, (key: string) => Promise<unknown>][] = [
    ['a list', key => redis.rpush(key, 'theirs')],
    ['a hash', key => redis.hset(key, 'their', 'field')],
    ['plain text', key => redis.set(key, 'theirs')],
    ['a number Lua reads and Redis does not', key => redis.set(key, '0x10')],
    ['text as long as a window state', key => redis.set(key, 'x'.repeat(24))],
    ['text as long as a bucket state', key => redis.set(key, 'x'.repeat(40))],
    ['text as long as a counter or log state', key => redis.set(key, 'x'.repeat(32))],
  ]
  const statusOf = (plan: Plan, what: string): number =>
    plan.algorithm === 'concurrency' || what === 'a list' || what === 'a hash'
      ? Status.wrongType
      : Status.foreignValue

  describe.each(foreign)('%s', (what, store) => {
    test.each(named)(
      '%s: every operation reports it and leaves it, and the neighbours of the batch are decided',
      async (_, plan) => {
        await store('theirs')
        const before = [await redis.dump('theirs'), await redis.pttl('theirs')].map(String)
        for (const op of [Op.consume, Op.debit, Op.reset, Op.block]) {
          const check = { ...consume(plan), op }
          const statuses = await run(redis, ['a', 'theirs', 'b'], [[consume(gcra)], [check], [consume(gcra)]])
          expect(statuses, `op ${op}`).toEqual([Status.allowed, statusOf(plan, what), Status.allowed])
        }
        expect([await redis.dump('theirs'), await redis.pttl('theirs')].map(String)).toEqual(before)
      },
    )

    test.each(named)('%s: nothing of the request that met it is written', async (_, plan) => {
      await store('theirs')
      const statuses = await run(
        redis,
        ['mine', 'theirs', 'mine too'],
        [[consume(gcra), consume(plan), consume(gcra)]],
      )
      expect(statuses).toEqual([Status.allowed, statusOf(plan, what), Status.allowed])
      expect(await redis.keys('*')).toEqual(['theirs'])
    })

    // 1.0.0 failed the whole batch where gcra met such a key twice in a request.
    test.each(named)('%s: named twice in a request, it fails that request alone', async (_, plan) => {
      await store('theirs')
      const twice = [consume(plan), consume(plan)]
      const [mine, theirs] = await run(redis, ['mine', 'theirs', 'theirs'], [[consume(gcra)], twice])
      expect([mine, theirs]).toEqual([Status.allowed, statusOf(plan, what)])
    })
  })

  // 1.0.0 took the key for absent where the first check that named it had nothing to write, and told a charge that it had not made.
  test.each(named.filter(([, plan]) => plan.algorithm !== 'concurrency'))(
    'a key of another type that a request only looks at first, and then charges: %s',
    async (_, plan) => {
      await redis.rpush('theirs', 'theirs')
      const request = [consume(gcra), { ...consume(plan), op: Op.peek }, consume(plan), consume(plan)]
      const statuses = await run(redis, ['mine', 'theirs', 'theirs', 'theirs'], [request])
      expect(statuses[2]).toBe(Status.wrongType)
      expect(await redis.keys('*')).toEqual(['theirs'])
    },
  )

  test.each(named.filter(([, plan]) => plan.algorithm !== 'concurrency'))(
    'a key that a request takes a lease on, and then charges by %s',
    async (_, plan) => {
      const leases = { ...consume(PLANS.concurrency as Plan), at: 2 }
      const request = [leases, { ...leases, op: Op.peek }, consume(plan), consume(plan)]
      const statuses = await run(redis, ['both', 'both', 'both', 'both'], [request])
      expect(statuses[2]).toBe(Status.wrongType)
      expect(await redis.dbsize()).toBe(0)
    },
  )

  // 1.0.0 failed the whole batch, at every check, once gcra met what another algorithm had left under a block.
  test.each(named)('what another algorithm left under a block that is over, met by %s', async (_, plan) => {
    const other = plan.algorithm.endsWith('bucket') ? 'fixed_window' : 'token_bucket'
    const left = PLANS[other] as Plan
    await run(redis, ['theirs'], [[consume(left)]])
    await run(redis, ['theirs'], [[{ ...consume(left), op: Op.block, n: 1 }]])
    const statuses = await run(
      redis,
      ['a', 'theirs', 'b'],
      [[consume(gcra)], [consume(plan)], [consume(gcra)]],
    )
    expect(statuses).toEqual([Status.allowed, statusOf(plan, 'a state'), Status.allowed])
  })
})

describe('a server that cannot write', () => {
  test.each(named)(
    'out of memory: %s fails the batch by its kind and has written nothing',
    async (_, plan) => {
      await onServer(['--maxmemory', '1', '--maxmemory-policy', 'noeviction'], async full => {
        await expect(run(full, ['a', 'b'], [[consume(plan)], [consume(gcra)]])).rejects.toThrow(/^OOM /)
        expect(await full.dbsize()).toBe(0)
      })
    },
  )

  test('a replica fails the batch by its kind, and still answers who only asks', async () => {
    await onServer(['--replicaof', '127.0.0.1', String(server.port)], async replica => {
      await expect(run(replica, ['a'], [[consume(gcra)]])).rejects.toThrow(/^READONLY /)
      expect(await run(replica, ['a'], [[{ ...consume(gcra), op: Op.peek }]])).toEqual([Status.allowed])
    })
  })
})

describe('a block that is malformed', () => {
  const good = encodeBlock(nowUs, [[consume(gcra)]])
  const withNumber = (place: number, value: number): Buffer => {
    const block = Buffer.from(good)
    block.writeDoubleLE(value, 8 * place)
    return block
  }
  const broken: [string, Buffer | string, RegExp][] = [
    ['is missing', '', /^SLUICE the block has 0 bytes/],
    ['ends inside a number', good.subarray(0, -3), /^SLUICE the block has 141 bytes/],
    [
      'speaks another version',
      withNumber(0, 2),
      /^SLUICE the block speaks version 2 of the wire; this script speaks 1/,
    ],
    ['has a time before 1985', withNumber(1, 1_700_000_000), /^SLUICE now is/],
    ['has a time that is no integer', withNumber(1, nowUs + 0.5), /^SLUICE now is/],
    [
      'counts other checks than there are keys',
      withNumber(3, 2),
      /^SLUICE the block has 2 checks and the call 1 keys/,
    ],
    ['counts other plans than it has', withNumber(2, 2), /^SLUICE the block has 18 numbers; 2 plans/],
    ['has six columns', withNumber(4, 6), /^SLUICE the block has 18 numbers/],
    ['has a count that is no number', withNumber(2, Number.NaN), /^SLUICE the block has 18 numbers/],
  ]

  test.each(broken)('%s: an error that says so, and nothing is written', async (_, block, message) => {
    await expect(redis.call('EVAL', decide, 1, 'key', block)).rejects.toThrow(message)
    expect(await redis.dbsize()).toBe(0)
  })

  const bad: [string, number, number][] = [
    ['a plan that is not in the table', 13, 2],
    ['a plan between two', 13, 1.5],
    ['a cost of 0', 14, 0],
    ['a cost that is a fraction', 14, 1.5],
    ['a cost without end', 14, Number.POSITIVE_INFINITY],
    ['a cost that is no number', 14, Number.NaN],
    ['an operation there is not', 15, 11],
    ['a time that is a fraction', 16, 1.5],
    ['a time that is no number', 16, Number.NaN],
    ['an operation of another algorithm', 15, Op.renew],
    ['a size that goes past the batch', 17, 2],
    ['a size of 0 where a request begins', 17, 0],
  ]
  test.each(bad)('%s is a bad check, and nothing is written', async (_, place, value) => {
    const reply = await redis.callBuffer('EVAL', decide, 1, 'key', withNumber(place, value))
    expect(decodeReply(reply as Buffer)).toEqual([
      { status: Status.badCheck, granted: 0, remaining: 0, waitUs: 0, resetUs: 0 },
    ])
    expect(await redis.dbsize()).toBe(0)
  })
})

describe('a block that leaves columns out', () => {
  /** The block of one check as `encodeBlock` writes it, cut after so many columns. */
  const cut = (check: WireCheck, columns: number): Buffer => {
    const block = encodeBlock(nowUs, [[check]]).subarray(0, 8 * (13 + columns))
    block.writeDoubleLE(columns, 8 * 4)
    return block
  }

  test('two columns are a consume', async () => {
    const reply = await redis.callBuffer('EVAL', decide, 1, 'key', cut(consume(gcra, 4), 2))
    expect(decodeReply(reply as Buffer)).toMatchObject([{ status: Status.allowed, granted: 4, remaining: 6 }])
  })

  test('three columns are an operation at an unknown time: a refund gives back, a peek needs no lease', async () => {
    await run(redis, ['key'], [[consume(gcra, 4)]], nowUs)
    const refund = await redis.callBuffer(
      'EVAL',
      decide,
      1,
      'key',
      cut({ ...consume(gcra, 4), op: Op.refund }, 3),
    )
    expect(decodeReply(refund as Buffer)).toMatchObject([
      { status: Status.allowed, granted: 4, remaining: 10 },
    ])
    const leases = PLANS.concurrency as Plan
    const peek = await redis.callBuffer(
      'EVAL',
      decide,
      1,
      'held',
      cut({ ...consume(leases), op: Op.peek }, 3),
    )
    expect(decodeReply(peek as Buffer)).toMatchObject([{ status: Status.allowed, remaining: 10 }])
  })
})

describe('a key that several checks name', () => {
  test('later requests of the batch see what earlier ones wrote, and a full key refuses from then on', async () => {
    const statuses = await run(redis, Array(12).fill('key'), Array(12).fill([consume(gcra)]), nowUs)
    expect(statuses).toEqual([...Array(10).fill(Status.allowed), Status.denied, Status.denied])
  })

  test.each(named)(
    '%s: within one request the second check sees the first, and a refusal takes both back',
    async (_, plan) => {
      const limit = plan.algorithm === 'sliding_window' ? plan.limit : 10
      const half = limit / 2 + 1
      const twice = [
        consume(plan, half),
        { ...consume(plan, half), at: plan.algorithm === 'concurrency' ? 3 : 0 },
      ]
      const block = encodeBlock(nowUs, [twice])
      const reply = await redis.callBuffer('EVAL', decide, 2, 'key', 'key', block, 'one lease', 'another')
      const [first, second] = decodeReply(reply as Buffer)
      expect(first).toMatchObject({ status: Status.allowed, granted: 0, remaining: limit })
      expect(second).toMatchObject({ status: Status.denied, granted: 0, remaining: limit })
      expect(await redis.dbsize()).toBe(0)
    },
  )
})
