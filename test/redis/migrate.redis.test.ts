import fc from 'fast-check'
import { Redis } from 'ioredis'
import { RateLimiterRedis } from 'rate-limiter-flexible'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  createDialectEngine,
  type GatewayConfig,
  type MigrateOptions,
  type MigrationPlace,
  type MigrationSide,
  migrate,
} from '../../src/compat/index.js'
import { DEFAULT_SHARDS } from '../../src/keys.js'
import { createLimiter } from '../../src/limiter.js'
import type { PoliciesInput } from '../../src/policy.js'
import { type RedisServer, startRedis } from '../support/redis-server.js'

const HOUR_MS = 3_600_000

let server: RedisServer
let redis: Redis
const closers: (() => Promise<unknown>)[] = []

beforeAll(async () => {
  server = await startRedis()
  redis = new Redis(server.url)
})

afterAll(async () => {
  for (const close of closers) await close()
  await redis.quit()
  await server.stop()
})

beforeEach(() => redis.flushall())

const LIMITERS = { login: { points: 10, duration: 3600, keyPrefix: 'login' } }
const flexible = (): MigrationSide => ({
  dialect: 'rate-limiter-flexible',
  store: server.url,
  limiters: LIMITERS,
})
const sluice = (policies: PoliciesInput): MigrationSide => ({
  dialect: 'sluice',
  store: server.url,
  policies,
})
const hourly = (algorithm: string, limit = 10) =>
  ({ login: { algorithm, limit, window: '1h' } }) as PoliciesInput

/** Not waiting: nobody but the test uses the server. */
const run = (options: Omit<MigrateOptions, 'settleMs'>) => migrate({ settleMs: 0, apply: true, ...options })

function limiterOf(policies: PoliciesInput) {
  const limiter = createLimiter({ store: server.url, policies, deadline: '10s' })
  closers.push(() => limiter.close())
  return limiter
}

const theirs = () => new RateLimiterRedis({ storeClient: redis, ...LIMITERS.login })

/** Every key with what it holds and its end. */
async function everything(): Promise<Record<string, unknown>> {
  const keys = (await redis.keys('*')).filter(key => key !== 'sl1:meta').sort()
  const read = async (key: string) => [key, (await redis.dump(key))?.toString(), await redis.pexpiretime(key)]
  return Object.fromEntries((await Promise.all(keys.map(read))).map(([key, ...state]) => [key, state]))
}

describe('what rate-limiter-flexible has counted', () => {
  test.each(['fixed_window', 'sliding_window', 'sliding_counter', 'token_bucket', 'leaky_bucket', 'gcra'])(
    'is used up in a %s too, and its own keys stay as they are',
    async algorithm => {
      await theirs().consume('ann', 7)
      await theirs().consume('bob', 10)
      const before = await redis.mget('login:ann', 'login:bob')
      const report = await run({ from: flexible(), to: sluice(hourly(algorithm)) })
      expect(report).toMatchObject({ applied: true, scanned: 2, counts: { carried: 2 }, live: undefined })

      const limiter = limiterOf(hourly(algorithm))
      expect(await limiter.peek('login', 'ann')).toMatchObject({ allowed: true, remaining: 3 })
      expect(await limiter.check('login', 'bob', { cost: 10 })).toMatchObject({ allowed: false })
      expect(await redis.mget('login:ann', 'login:bob')).toEqual(before)
    },
  )

  test.each(['fixed_window', 'sliding_window'])(
    'comes back in a %s when it would have come back there',
    async algorithm => {
      await redis.set('login:ann', '10', 'PX', 600_000)
      await run({ from: flexible(), to: sluice(hourly(algorithm)) })
      const refused = await limiterOf(hourly(algorithm)).check('login', 'ann')
      expect(refused.allowed).toBe(false)
      expect(refused.retryAfterMs).toBeLessThanOrEqual(600_001)
      expect(refused.retryAfterMs).toBeGreaterThan(HOUR_MS / 10)
    },
  )

  test('with refused hits above its points takes no more than the limit', async () => {
    await redis.set('login:ann', '500', 'PX', 600_000)
    await run({ from: flexible(), to: sluice(hourly('sliding_window')) })
    expect(await limiterOf(hourly('sliding_window')).peek('login', 'ann')).toMatchObject({ remaining: 0 })
  })
})

describe('a second run', () => {
  test.each(['fixed_window', 'sliding_window', 'sliding_counter', 'gcra', 'token_bucket'])(
    'changes nothing: %s',
    async algorithm => {
      for (let user = 0; user < 20; user++) await theirs().consume(`u${user}`, 1 + (user % 10))
      const options = { from: flexible(), to: sluice(hourly(algorithm)) }
      expect((await run(options)).counts).toMatchObject({ carried: 20, stricter: 0 })
      const after = await everything()
      expect((await run(options)).counts).toMatchObject({ carried: 0, stricter: 20 })
      expect(await everything()).toEqual(after)
    },
  )

  test('never makes a stricter state laxer, nor shortens it', async () => {
    const limiter = limiterOf(hourly('fixed_window'))
    await limiter.check('login', 'ann', { cost: 9 })
    await redis.set('login:ann', '4', 'PX', 600_000)
    await redis.set('login:bob', '9', 'PX', HOUR_MS)
    await limiter.check('login', 'bob', { cost: 2 })
    await run({ from: flexible(), to: sluice(hourly('fixed_window')) })
    expect(await limiter.peek('login', 'ann')).toMatchObject({ remaining: 1 })
    expect((await limiter.peek('login', 'ann')).resetAfterMs).toBeGreaterThan(600_001)
    expect(await limiter.peek('login', 'bob')).toMatchObject({ remaining: 1 })
  })

  test('leaves a block of the new limiter in its place', async () => {
    const limiter = limiterOf(hourly('fixed_window'))
    await limiter.block('login', 'ann', { for: '10m' })
    await theirs().consume('ann', 4)
    await run({ from: flexible(), to: sluice(hourly('fixed_window')) })
    expect(await limiter.check('login', 'ann')).toMatchObject({ allowed: false, reason: 'blocked' })
    await limiter.unblock('login', 'ann')
    expect(await limiter.peek('login', 'ann')).toMatchObject({ remaining: 6 })
  })
})

describe('a dry run', () => {
  test('says what would be done, and writes nothing', async () => {
    await theirs().consume('ann', 7)
    const before = await everything()
    const report = await migrate({ from: flexible(), to: sluice(hourly('fixed_window')), settleMs: 0 })
    expect(report).toMatchObject({ applied: false, counts: { carried: 1 } })
    expect(await everything()).toEqual(before)
    expect(await redis.exists('sl1:meta')).toBe(0)
  })

  test('is refused where the limiters on the new keys are set up otherwise', async () => {
    await theirs().consume('ann', 7)
    await redis.set('sl1:meta', '{"stateVersion":1,"shards":64}')
    const options = { from: flexible(), to: sluice(hourly('gcra')), settleMs: 0 }
    await expect(migrate(options)).rejects.toMatchObject({ code: 'ERR_SLUICE_META_MISMATCH' })
  })

  test('touches no key of anybody else, and tells what it cannot read', async () => {
    await redis.mset('login:text', 'hello', 'logins:ann', '3', 'other', 'x', 'login:none', '0')
    await redis.rpush('login:list', 'a')
    const before = await everything()
    const report = await run({ from: flexible(), to: sluice(hourly('fixed_window')) })
    expect(report.counts).toMatchObject({ carried: 0, unknown: 1, wrongType: 1, unused: 1 })
    expect(report.examples).toEqual({ unknown: ['login:text'], wrongType: ['login:list'] })
    expect(await everything()).toEqual(before)
  })
})

describe('while the old limiter still runs', () => {
  test.each<[string, number, () => Promise<unknown>]>([
    ['counts', 500, () => theirs().penalty('ann')],
    // Idle times are whole seconds.
    ['reads', 3_500, () => theirs().get('ann')],
    ['moves the end of a key', 500, () => redis.pexpire('login:ann', 10_000)],
  ])('and %s, nothing is carried, unless forced', async (_, settleMs, use) => {
    await theirs().consume('ann', 5)
    const isOver = new AbortController()
    const busy = (async () => {
      while (!isOver.signal.aborted) {
        await use()
        await new Promise(resolve => setTimeout(resolve, 50))
      }
    })()
    const options = {
      from: flexible(),
      to: sluice(hourly('fixed_window', 1000)),
      settleMs,
      apply: true,
    }
    await expect(migrate(options)).rejects.toMatchObject({ code: 'ERR_SLUICE_MIGRATION', key: 'login:ann' })
    expect(await redis.keys('sl1:*:login:*')).toEqual([])
    isOver.abort()
    await busy
  })

  test('a key that was written after the beginning stops it', async () => {
    await theirs().consume('ann')
    const options = {
      from: flexible(),
      to: sluice(hourly('fixed_window')),
      place: { ...BEGINNING, startedUs: 1_000_000 },
    }
    await expect(run(options)).rejects.toThrow(
      /'login:ann' shows it \(it was written after the migration began\)/,
    )
    expect(await run({ ...options, force: true })).toMatchObject({
      counts: { carried: 1 },
      live: { key: 'login:ann' },
    })
  })
})

const BEGINNING: MigrationPlace = {
  done: [],
  node: '',
  match: 0,
  cursor: undefined,
  scanned: 0,
  counts: { carried: 0, stricter: 0, unused: 0, expired: 0, unknown: 0, wrongType: 0 },
  startedUs: 0,
}

test('an interrupted run goes on where it was, and in the end every key is carried', async () => {
  const commands = redis.pipeline()
  for (let user = 0; user < 3000; user++)
    commands.set(`login:u${user}`, String(1 + (user % 10)), 'PX', HOUR_MS - 60_000)
  await commands.exec()
  const options = { from: flexible(), to: sluice(hourly('fixed_window')) }
  const stop = new AbortController()
  let reached: MigrationPlace | undefined
  const interrupted = run({
    ...options,
    signal: stop.signal,
    onPage(place) {
      reached = place
      if (place.scanned >= 1000) stop.abort(new Error('enough'))
    },
  })
  await expect(interrupted).rejects.toThrow('enough')
  const carried = (await redis.keys('sl1:*:login:*')).length
  expect(carried).toBeGreaterThanOrEqual(1000)
  expect(carried).toBeLessThan(3000)

  const report = await run({ ...options, place: reached as MigrationPlace })
  expect(report.counts.carried + report.counts.stricter).toBe(3000)
  expect((await redis.keys('sl1:*:login:*')).length).toBe(3000)
})

describe('the property: old and new together admit no more than the limit in a window', () => {
  test.each(['fixed_window', 'sliding_window'])('%s', async algorithm => {
    const limiter = limiterOf(hourly(algorithm))
    for (let used = 0; used <= 12; used++) {
      const user = `u${used}`
      let admitted = 0
      for (let i = 0; i < used; i++) {
        await theirs()
          .consume(user)
          .then(
            () => admitted++,
            () => {},
          )
      }
      await run({ from: flexible(), to: sluice(hourly(algorithm)) })
      for (let i = 0; i < 12; i++) if ((await limiter.check('login', user)).allowed) admitted++
      expect(admitted).toBe(10)
    }
  })
})

test('whatever both sides have counted, the new one is never laxer afterwards, and a second run finds nothing to do', async () => {
  const ALGORITHMS = [
    'fixed_window',
    'sliding_window',
    'sliding_counter',
    'gcra',
    'token_bucket',
    'leaky_bucket',
  ]
  let runs = 0
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...ALGORITHMS),
      fc.array(
        fc.record({
          old: fc.integer({ min: 0, max: 15 }),
          lifeMs: fc.integer({ min: 600_000, max: HOUR_MS }),
          used: fc.integer({ min: 0, max: 10 }),
        }),
        { minLength: 1, maxLength: 12 },
      ),
      async (algorithm, drawn) => {
        const turn = ++runs
        const policies = hourly(algorithm)
        const limiter = limiterOf(policies)
        const users = drawn.map((user, i) => ({ ...user, name: `r${turn}-${i}`, before: 0 }))
        await redis.flushall()
        for (const user of users) {
          if (user.old > 0) await redis.set(`login:${user.name}`, user.old, 'PX', user.lifeMs)
          if (user.used > 0) await limiter.check('login', user.name, { cost: user.used })
          user.before = (await limiter.peek('login', user.name)).remaining
        }
        const options = { from: flexible(), to: sluice(policies) }
        await run(options)
        const after = await everything()
        for (const { name, old, lifeMs, before } of users) {
          const { remaining, resetAfterMs } = await limiter.peek('login', name)
          expect(remaining).toBe(Math.min(before, Math.max(0, 10 - old)))
          // What all comes back together does so no sooner than it would have.
          if (algorithm === 'fixed_window' && old > 0) expect(resetAfterMs).toBeGreaterThan(lifeMs - 10_000)
        }
        expect((await run(options)).counts).toMatchObject({ carried: 0 })
        expect(await everything()).toEqual(after)
      },
    ),
    { numRuns: 25 },
  )
})

test('a server that evicts by frequency keeps no idle times, and is migrated all the same', async () => {
  await redis.config('SET', 'maxmemory-policy', 'allkeys-lfu')
  await theirs().consume('ann', 3)
  expect(await run({ from: flexible(), to: sluice(hourly('gcra')) })).toMatchObject({
    counts: { carried: 1 },
  })
  await redis.config('SET', 'maxmemory-policy', 'noeviction')
})

describe('other ways', () => {
  const gateway = (config: GatewayConfig): MigrationSide => ({
    dialect: 'mcp-gateway',
    store: server.url,
    config,
  })

  test.each(['fixed_window', 'sliding_window', 'token_bucket'] as const)(
    'from the MCP gateway, each dimension to its policy: %s',
    async algorithm => {
      const config = { by_user: '10/h', by_tenant: '50/h', by_tool: { search: '5/h' }, algorithm }
      const engine = createDialectEngine({ dialect: 'mcp-gateway', store: server.url, config })
      closers.push(() => engine.close())
      for (let i = 0; i < 4; i++) await engine.evaluate({ user: 'a:b', tenantId: 'acme', tool: 'search' })
      await engine.evaluate({ user: 'ann' })

      const policies = {
        by_user: { algorithm, limit: 10, window: '1h' },
        by_tenant: { algorithm, limit: 50, window: '1h', by: 'tenant' },
        'by_tool.search': { algorithm, limit: 5, window: '1h', by: ['tenant', 'tool'] },
      } as const
      const report = await run({ from: gateway(config), to: sluice(policies), force: true })
      expect(report.counts).toMatchObject({ carried: 4, unknown: 0 })
      const limiter = limiterOf(policies)
      expect(await limiter.peek('by_user', { user: 'a:b', tenant: 'acme' })).toMatchObject({ remaining: 6 })
      expect(await limiter.peek('by_user', { user: 'ann' })).toMatchObject({ remaining: 9 })
      expect(await limiter.peek('by_tenant', 'acme')).toMatchObject({ remaining: 46 })
      expect(await limiter.peek('by_tool.search', { tenant: 'acme', tool: 'search' })).toMatchObject({
        remaining: 1,
      })
    },
  )

  test('from one number of shards to another in place: keys of the new one are no keys of the old', async () => {
    const policies = hourly('fixed_window')
    const before = createLimiter({ store: server.url, policies, shards: 1, deadline: '10s' })
    for (let user = 0; user < 40; user++) await before.check('login', `u${user}`, { cost: 1 + (user % 10) })
    await before.close()
    await redis.set('sl1:meta', JSON.stringify({ stateVersion: 1, shards: DEFAULT_SHARDS }))
    const options = { from: { ...sluice(policies), shards: 1 } as MigrationSide, to: sluice(policies) }
    const first = await run(options)
    expect(first.counts.carried).toBeGreaterThan(20)
    expect(first.counts.carried + first.counts.stricter).toBe(40)
    const second = await run(options)
    expect(second.counts).toMatchObject({ carried: 0, stricter: 40, unknown: 0 })
    const limiter = limiterOf(policies)
    for (let user = 0; user < 40; user++) {
      expect(await limiter.peek('login', `u${user}`)).toMatchObject({ remaining: 9 - (user % 10) })
    }
  })

  test('from one number of shards to another, and under another prefix', async () => {
    const policies = hourly('fixed_window')
    const before = createLimiter({ store: server.url, policies, prefix: 'old', shards: 16, deadline: '10s' })
    await before.check('login', 'ann', { cost: 6 })
    await before.check('login', { tenant: 'a b', user: '1' }, { cost: 2 })
    await before.close()
    const old: MigrationSide = { dialect: 'sluice', store: server.url, policies, prefix: 'old', shards: 16 }
    expect((await run({ from: old, to: sluice(policies) })).counts).toMatchObject({ carried: 2, unknown: 0 })
    const limiter = limiterOf(policies)
    expect(await limiter.peek('login', 'ann')).toMatchObject({ remaining: 4 })
    expect(await limiter.peek('login', { tenant: 'a b', user: '1' })).toMatchObject({ remaining: 8 })
  })

  test('back again: to rate-limiter-flexible, rate-limit-redis and the MCP gateway', async () => {
    const limiter = limiterOf(hourly('gcra'))
    await limiter.check('login', 'ann', { cost: 6 })
    await theirs().consume('ann', 2)
    expect((await run({ from: sluice(hourly('gcra')), to: flexible() })).counts).toMatchObject({ carried: 1 })
    expect((await theirs().get('ann'))?.consumedPoints).toBe(6)

    const hits: MigrationSide = {
      dialect: 'rate-limit-redis',
      store: server.url,
      limiters: { login: { limit: 10, windowMs: HOUR_MS, prefix: 'hits:' } },
    }
    await run({ from: flexible(), to: hits })
    expect(await redis.get('hits:ann')).toBe('6')
    expect(await redis.pttl('hits:ann')).toBeGreaterThan(0)

    const policies = { by_user: '10/h' } as const
    const users = limiterOf(policies)
    await users.check('by_user', { user: 'ann', tenant: 'acme' }, { cost: 3 })
    await run({ from: sluice(policies), to: gateway({ by_user: '10/h' }) })
    expect(await redis.get('rl:acme:user:ann:3600')).toBe('3')
  })
})

describe('what cannot be carried', () => {
  const prefixed = new Redis({ keyPrefix: 'app:', lazyConnect: true })

  test.each<[string, () => MigrateOptions, RegExp]>([
    [
      'a limiter without a policy of its name',
      () => ({ from: flexible(), to: sluice({ signup: '5/m' }) }),
      /nowhere to carry login: the new limiter has signup/,
    ],
    [
      'keys without a prefix',
      () => ({
        from: {
          ...flexible(),
          limiters: { all: { points: 1, duration: 1, keyPrefix: '' } },
        } as MigrationSide,
        to: sluice({ all: '5/m' }),
      }),
      /limiter 'all' has keys without a prefix/,
    ],
    [
      'keys of a client that writes a prefix of its own',
      () => ({ from: { ...flexible(), store: prefixed }, to: sluice(hourly('gcra')) }),
      /this client writes 'app:' before every key/,
    ],
    [
      'to a log or bucket of the MCP gateway',
      () => ({
        from: sluice({ by_user: '5/m' }),
        to: {
          dialect: 'mcp-gateway',
          store: server.url,
          config: { by_user: '5/m', algorithm: 'token_bucket' },
        },
      }),
      /carries a fixed_window only/,
    ],
  ])('%s', async (_, options, message) => {
    await expect(run(options())).rejects.toThrow(message)
  })
})
