import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createDialectEngine, type GatewayConfig, type MigrationSide } from '../../src/compat/index.js'
import { DEFAULT_SHARDS } from '../../src/keys.js'
import { createLimiter } from '../../src/limiter.js'
import { HOUR_MS, hourly, type Move, startMove } from '../support/migration.js'

let move: Move

beforeAll(async () => {
  move = await startMove()
})

afterAll(() => move.stop())

beforeEach(() => move.redis.flushall())

describe('other ways', () => {
  const gateway = (config: GatewayConfig): MigrationSide => ({
    dialect: 'mcp-gateway',
    store: move.url,
    config,
  })

  test.each(['fixed_window', 'sliding_window', 'token_bucket'] as const)(
    'from the MCP gateway, each dimension to its policy: %s',
    async algorithm => {
      const config = { by_user: '10/h', by_tenant: '50/h', by_tool: { search: '5/h' }, algorithm }
      const engine = createDialectEngine({ dialect: 'mcp-gateway', store: move.url, config })
      move.closeLater(() => engine.close())
      for (let i = 0; i < 4; i++) await engine.evaluate({ user: 'a:b', tenantId: 'acme', tool: 'search' })
      await engine.evaluate({ user: 'ann' })

      const policies = {
        by_user: { algorithm, limit: 10, window: '1h' },
        by_tenant: { algorithm, limit: 50, window: '1h', by: 'tenant' },
        'by_tool.search': { algorithm, limit: 5, window: '1h', by: ['tenant', 'tool'] },
      } as const
      const report = await move.run({ from: gateway(config), to: move.sluice(policies), force: true })
      expect(report.counts).toMatchObject({ carried: 4, unknown: 0 })
      const limiter = move.limiterOf(policies)
      expect(await limiter.peek('by_user', { user: 'a:b', tenant: 'acme' })).toMatchObject({ remaining: 6 })
      expect(await limiter.peek('by_user', { user: 'ann' })).toMatchObject({ remaining: 9 })
      expect(await limiter.peek('by_tenant', 'acme')).toMatchObject({ remaining: 46 })
      expect(await limiter.peek('by_tool.search', { tenant: 'acme', tool: 'search' })).toMatchObject({
        remaining: 1,
      })
    },
  )

  test('from the MCP gateway, times ahead of the server are a clock ahead: not later than now, and no sign of life', async () => {
    const aheadS = Math.floor(Date.parse('2100-01-01') / 1000)
    const log = { by_user: '10/h', algorithm: 'sliding_window' } as const
    const bucket = { by_tenant: '10/h', algorithm: 'token_bucket' } as const
    await move.redis.zadd('rl:user:ann:3600', aheadS, 'a', aheadS, 'b')
    const tokens = { acme: 7, deep: -9.8, full: 10 }
    for (const [tenant, left] of Object.entries(tokens)) {
      await move.redis.hset(`rl:${tenant}:tenant:${tenant}:3600`, { tokens: left, last_refill: aheadS })
    }
    const users = { by_user: { algorithm: 'sliding_window', limit: 10, window: '1h' } } as const
    const tenants = { by_tenant: { algorithm: 'gcra', limit: 10, window: '1h', by: 'tenant' } } as const
    await move.run({ from: gateway(log), to: move.sluice(users) })
    const report = await move.run({ from: gateway(bucket), to: move.sluice(tenants) })
    expect(report).toMatchObject({ live: undefined, counts: { carried: 2, unused: 1 } })
    expect(await move.limiterOf(users).peek('by_user', { user: 'ann' })).toMatchObject({ remaining: 8 })
    const limiter = move.limiterOf(tenants)
    expect(await limiter.peek('by_tenant', 'acme')).toMatchObject({ remaining: 7 })
    expect(await limiter.peek('by_tenant', 'deep')).toMatchObject({ remaining: 0 })
  })

  test('from rate-limit-redis, a count without an end is none: its next hit begins anew', async () => {
    await move.redis.mset('hits:ann', '4', 'hits:bob', '4')
    await move.redis.pexpire('hits:bob', HOUR_MS)
    const from: MigrationSide = {
      dialect: 'rate-limit-redis',
      store: move.url,
      limiters: { login: { limit: 10, windowMs: HOUR_MS, prefix: 'hits:' } },
    }
    const report = await move.run({ from, to: move.sluice(hourly('gcra')) })
    expect(report.counts).toMatchObject({ carried: 1, unused: 1 })
    expect(await move.limiterOf(hourly('gcra')).peek('login', 'bob')).toMatchObject({ remaining: 6 })
  })

  test('from one number of shards to another in place: keys of the new one are no keys of the old', async () => {
    const policies = hourly('fixed_window')
    const before = createLimiter({ store: move.url, policies, shards: 1, deadline: '10s' })
    for (let user = 0; user < 40; user++) await before.check('login', `u${user}`, { cost: 1 + (user % 10) })
    await before.close()
    await move.redis.set('sl1:meta', JSON.stringify({ stateVersion: 1, shards: DEFAULT_SHARDS }))
    const options = {
      from: { ...move.sluice(policies), shards: 1 } as MigrationSide,
      to: move.sluice(policies),
    }
    const first = await move.run(options)
    expect(first.counts.carried).toBeGreaterThan(20)
    expect(first.counts.carried + first.counts.stricter).toBe(40)
    const second = await move.run(options)
    expect(second.counts).toMatchObject({ carried: 0, stricter: 40, unknown: 0 })
    const limiter = move.limiterOf(policies)
    for (let user = 0; user < 40; user++) {
      expect(await limiter.peek('login', `u${user}`)).toMatchObject({ remaining: 9 - (user % 10) })
    }
  })

  test('from one number of shards to another, and under another prefix', async () => {
    const policies = hourly('fixed_window')
    const before = createLimiter({ store: move.url, policies, prefix: 'old', shards: 16, deadline: '10s' })
    await before.check('login', 'ann', { cost: 6 })
    await before.check('login', { tenant: 'a b', user: '1' }, { cost: 2 })
    await before.close()
    const old: MigrationSide = { dialect: 'sluice', store: move.url, policies, prefix: 'old', shards: 16 }
    expect((await move.run({ from: old, to: move.sluice(policies) })).counts).toMatchObject({
      carried: 2,
      unknown: 0,
    })
    const limiter = move.limiterOf(policies)
    expect(await limiter.peek('login', 'ann')).toMatchObject({ remaining: 4 })
    expect(await limiter.peek('login', { tenant: 'a b', user: '1' })).toMatchObject({ remaining: 8 })
  })

  test('back again: to rate-limiter-flexible, rate-limit-redis and the MCP gateway', async () => {
    const limiter = move.limiterOf(hourly('gcra'))
    await limiter.check('login', 'ann', { cost: 6 })
    await move.before.consume('ann', 2)
    expect((await move.run({ from: move.sluice(hourly('gcra')), to: move.flexible() })).counts).toMatchObject(
      { carried: 1 },
    )
    expect((await move.before.get('ann'))?.consumedPoints).toBe(6)

    const hits: MigrationSide = {
      dialect: 'rate-limit-redis',
      store: move.url,
      limiters: { login: { limit: 10, windowMs: HOUR_MS, prefix: 'hits:' } },
    }
    await move.run({ from: move.flexible(), to: hits })
    expect(await move.redis.get('hits:ann')).toBe('6')
    expect(await move.redis.pttl('hits:ann')).toBeGreaterThan(0)

    const policies = { by_user: '10/h' } as const
    const users = move.limiterOf(policies)
    await users.check('by_user', { user: 'ann', tenant: 'acme' }, { cost: 3 })
    await move.run({ from: move.sluice(policies), to: gateway({ by_user: '10/h' }) })
    expect(await move.redis.get('rl:acme:user:ann:3600')).toBe('3')
  })
})
