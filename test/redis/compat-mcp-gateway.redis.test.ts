import { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createDialectEngine, type GatewayConfig } from '../../src/compat/index.js'
import type { GatewayGeneration } from '../../src/compat/mcp-gateway/config.js'
import type { GatewayCall } from '../../src/compat/mcp-gateway/dimensions.js'
import { createLimiter } from '../../src/limiter.js'
import { loadScript } from '../../src/redis/scripts.js'
import { GatewayKeys, numbersOf, recorded, type Stored } from '../support/gateway-recording.js'
import { type RedisServer, startRedis } from '../support/redis-server.js'

const START_S = 1_700_000_000

let server: RedisServer
let redis: Redis
let keys: GatewayKeys
const closers: (() => Promise<unknown>)[] = []
const clock = { nowS: START_S, nowUs: () => clock.nowS * 1_000_000 }

beforeAll(async () => {
  server = await startRedis()
  redis = new Redis(server.url)
  keys = new GatewayKeys(redis)
})

afterAll(async () => {
  for (const close of closers) await close()
  await redis.quit()
  await server.stop()
})

beforeEach(() => redis.flushall())

function gateway(config: GatewayConfig, generation?: GatewayGeneration, ownClock = true) {
  const engine = createDialectEngine({
    dialect: 'mcp-gateway',
    store: server.url,
    config,
    ...(generation !== undefined && { generation }),
    ...(ownClock && { clock }),
  })
  closers.push(() => engine.close())
  return engine
}

describe('on what its own limiter has left behind, Sluice answers and stores as it would', () => {
  test.each(recorded.scenarios.map(scenario => [scenario.name, scenario] as const))(
    'taking turns: %s',
    async (_, { config, calls }) => {
      const engine = gateway(config)
      let before: Stored = {}
      for (const { call, nowS, answer, stored: after } of calls) {
        await keys.store(before)
        clock.nowS = nowS
        expect(await keys.inNoTime(() => engine.evaluate(call))).toEqual(answer)
        expect(numbersOf(await keys.stored())).toEqual(numbersOf(after))
        before = after
      }
    },
  )

  test.each(recorded.scenarios.map(scenario => [scenario.name, scenario] as const))(
    'alone: %s',
    async (_, { config, calls }) => {
      const engine = gateway(config)
      for (const { call, nowS, answer } of calls) {
        clock.nowS = nowS
        const said = await keys.inNoTime(async () => ({
          answer: await engine.evaluate(call),
          lives: await keys.lives(),
        }))
        expect(said.answer).toEqual(answer)
        expect(said.lives).not.toContain(-1)
      }
    },
  )
})

describe('its own limiter goes on from what Sluice has left behind', () => {
  test('which was recorded with this very script', () => {
    expect(recorded.turns.script).toBe(loadScript('compat/mcp_gateway').sha1)
  })

  test.each(recorded.turns.fleets.map(fleet => [fleet.config.algorithm, fleet] as const))(
    'and answers as where all were Sluice: %s',
    async (_, { config, call, turns }) => {
      const engine = gateway(config)
      for (const { nowS, answer, stored: after } of turns) {
        clock.nowS = nowS
        const said = await keys.inNoTime(() => engine.evaluate(call))
        if (answer !== undefined) expect(answer).toEqual(said)
        expect(numbersOf(await keys.stored())).toEqual(numbersOf(after))
      }
    },
  )
})

describe('the keys of its generations', () => {
  test.each(
    recorded.names.map(({ config, call, keys: names }) => [names.join() || 'none', config, call] as const),
  )('0.1.12: %s', async (names, config, call) => {
    const written = await keys.inNoTime(async () => {
      await gateway(config).evaluate(call)
      return keys.names()
    })
    expect(written.join() || 'none').toBe(names)
  })

  const TABLE: readonly [GatewayConfig, GatewayCall, string, string, string][] = [
    [
      { by_user: '30/m' },
      { user: 'ann', tenantId: 'acme' },
      'rl:user:ann:60',
      'rl:user:ann:60',
      'rl:acme:user:ann:60',
    ],
    [
      { by_tenant: '3/m' },
      { tenantId: 'acme' },
      'rl:tenant:acme:60',
      'rl:tenant:acme:60',
      'rl:acme:tenant:acme:60',
    ],
    [
      { by_tool: { ' Search ': '1/s' } },
      { tool: 'SEARCH ', tenantId: 'acme' },
      'rl:tool:search:1',
      'rl:tool:search:1',
      'rl:acme:tool:search:1',
    ],
    [
      { by_tool: { ['__proto__']: '1/s' } },
      { tool: '__proto__' },
      'rl:tool:__proto__:1',
      'rl:tool:__proto__:1',
      'rl:tool:__proto__:1',
    ],
    [{ by_user: '1/m' }, { user: 'a:b' }, 'rl:user:a_b:60', 'rl:user:a:b:60', 'rl:user:a:b:60'],
    [
      { by_user: '1/s' },
      { user: { email: ' ', sub: 's' } },
      'rl:user:anonymous:1',
      'rl:user:s:1',
      'rl:user:s:1',
    ],
    [{ by_user: '1/s' }, { user: { id: 0 } }, 'rl:user:anonymous:1', 'rl:user:0:1', 'rl:user:0:1'],
    [
      { by_tool: { ÄPFEL: '1/m' } },
      { tool: 'ÄPFEL' },
      'rl:tool:äpfel:60',
      'rl:tool:Äpfel:60',
      'rl:tool:Äpfel:60',
    ],
  ]

  test.each(TABLE)('%j of %j', async (config, call, inTree, early, later) => {
    const generations = [
      ['in-tree', inTree],
      ['0.0.3', early],
      ['0.1.7', later],
      ['0.1.12', later],
    ] as const
    for (const [generation, key] of generations) {
      await redis.flushall()
      const written = await keys.inNoTime(async () => {
        await gateway(config, generation).evaluate(call)
        return keys.names()
      })
      expect([generation, ...written]).toEqual([generation, key])
    }
  })

  test('in-tree, times have fractions', async () => {
    clock.nowS = START_S + 0.25
    await gateway({ by_user: '5/m', algorithm: 'sliding_window' }, 'in-tree').evaluate({ user: 'ann' })
    expect(await keys.stored()).toEqual({ 'rl:user:ann:60': [START_S + 0.25] })
  })
})

describe('what is mended without a trace in the answers', () => {
  test('two refills from a clock behind take no tokens away', async () => {
    const engine = gateway({ by_user: '10/m', algorithm: 'token_bucket' })
    clock.nowS = START_S + 60
    await engine.evaluate({ user: 'ann' })
    clock.nowS = START_S
    expect(await engine.evaluate({ user: 'ann' })).toMatchObject({ allowed: true, meta: { remaining: 8 } })
  })

  test('a count that has lost its expiry gets one again, instead of refusing for ever', async () => {
    await redis.set('rl:user:ann:3600', '99')
    await gateway({ by_user: '10/h' }).evaluate({ user: 'ann' })
    expect(await redis.ttl('rl:user:ann:3600')).toBeGreaterThan(1800)
    expect(await redis.ttl('rl:user:ann:3600')).toBeLessThanOrEqual(3600)
  })

  test('a key of another type fails the call and charges no other dimension', async () => {
    await redis.hset('rl:acme:tenant:acme:60', 'x', '1')
    const engine = gateway({ by_user: '10/m', by_tenant: '10/m' })
    await expect(engine.evaluate({ user: 'ann', tenantId: 'acme' })).rejects.toMatchObject({
      code: 'ERR_SLUICE_WRONG_TYPE',
      policy: 'by_tenant',
    })
    expect(await keys.names()).toEqual(['rl:acme:tenant:acme:60'])
  })

  test('a rate that is no text, a tool named twice, an option of another place: told, not dropped', () => {
    const config = { by_user: 60, by_tool: { a: '1/m', ' A': '2/m' }, fail_mode: 'closed', bye_tool: {} }
    expect(() => gateway(config as unknown as GatewayConfig)).toThrow(
      /config\.by_user: 60 is not a rate[\s\S]*config\.fail_mode: is 'onStoreFailure'[\s\S]*config\.bye_tool: .*did you mean 'by_tool'/,
    )
    expect(() => gateway({ by_tool: { a: '1/m', ' A': '2/m' } })).toThrow(/' A' stands there twice, as 'a'/)
    expect(() => gateway({ by_tool: { a: 5 } } as unknown as GatewayConfig)).toThrow(
      'config.by_tool.a: 5 is not a rate',
    )
    expect(() => gateway({})).toThrow(/sets no limit/)
    expect(() => gateway({ by_user_per_server: '1/m' }, '0.1.7')).toThrow(
      /unknown to the generation '0\.1\.7'/,
    )
    expect(() => gateway({ by_user: '0/m' })).toThrow(/'0\/m' is not a rate of 1 to 1000000/)
  })
})

describe('its dimensions as policies of a limiter', () => {
  const limiterOf = (config: GatewayConfig) => {
    const engine = gateway(config, '0.1.12', false)
    const limiter = createLimiter({ store: engine, policies: engine.policies, deadline: '10s' })
    closers.push(() => limiter.close())
    return { engine, limiter }
  }

  test.each(['fixed_window', 'sliding_window', 'token_bucket'] as const)(
    'check, peek and reset on the same counters as whole calls: %s',
    async algorithm => {
      const { engine, limiter } = limiterOf({ by_user: '3/h', by_tool: { search: '2/h' }, algorithm })
      await engine.evaluate({ user: 'ann', tenantId: 'acme', tool: 'search' })
      const subject = { user: 'ann', tenant: 'acme' }
      expect(await limiter.peek('by_user', subject)).toMatchObject({ allowed: true, remaining: 2 })
      expect(await limiter.check('by_user', subject, { cost: 2 })).toMatchObject({
        allowed: true,
        remaining: 0,
      })
      const refused = await limiter.check('by_user', subject)
      expect(refused).toMatchObject({ allowed: false, remaining: 0 })
      expect(refused.retryAfterMs).toBeGreaterThan(0)
      expect(refused.retryAfterMs).toBeLessThanOrEqual(3_600_000)
      expect(await limiter.check('by_tool.search', { tenant: 'acme' })).toMatchObject({ remaining: 0 })
      await limiter.reset('by_user', subject)
      expect(await limiter.peek('by_user', subject)).toMatchObject({ remaining: 3, resetAfterMs: 0 })
    },
  )

  test('several as one request are charged each on its own, as the gateway does', async () => {
    const { limiter } = limiterOf({ by_user: '5/h', by_tenant: '1/h' })
    const items = [
      { policy: 'by_user', subject: { user: 'ann', tenant: 'acme' } },
      { policy: 'by_tenant', subject: { tenant: 'acme' } },
    ]
    expect((await limiter.checkAll(items)).allowed).toBe(true)
    expect((await limiter.checkAll(items)).allowed).toBe(false)
    expect(await limiter.peek('by_user', { user: 'ann', tenant: 'acme' })).toMatchObject({ remaining: 3 })
  })

  test('what its keys have no form for is refused', async () => {
    const { limiter } = limiterOf({ by_user: '5/h', by_tenant: '1/h' })
    await expect(limiter.debit('by_user', 'ann')).rejects.toMatchObject({ code: 'ERR_SLUICE_DIALECT' })
    await expect(limiter.check('by_tenant', { user: 'ann' })).rejects.toThrow(/without a tenant/)
  })

  test('a server that the gateway would not take is refused before anything is counted', async () => {
    const engine = gateway({ by_user: '5/h', by_user_per_server: '1/h' })
    await expect(engine.evaluate({ user: 'ann' })).rejects.toThrow(/serverId is required/)
    await expect(engine.evaluate({ user: 'ann', serverId: 'a b' })).rejects.toMatchObject({
      code: 'ERR_SLUICE_SUBJECT',
    })
    expect(await keys.names()).toEqual([])
  })
})
