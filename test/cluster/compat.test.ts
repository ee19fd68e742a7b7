import { Cluster } from 'ioredis'
import { RateLimiterRedis } from 'rate-limiter-flexible'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createDialectEngine, migrate } from '../../src/compat/index.js'
import { createLimiter } from '../../src/limiter.js'
import { slotOf } from '../../src/redis/cluster-slots.js'
import { type RedisCluster, startRedisCluster } from '../support/redis-cluster.js'

const LOGIN = { points: 10, duration: 3600, keyPrefix: 'login' }
const USERS = Array.from({ length: 60 }, (_, user) => `u${user}`)

let cluster: RedisCluster
let client: Cluster
const closers: (() => Promise<unknown>)[] = []

beforeAll(async () => {
  cluster = await startRedisCluster({ replicas: 0 })
  client = new Cluster([...cluster.seeds])
})

afterAll(async () => {
  for (const close of closers) await close()
  await client.quit()
  await cluster.stop()
})

test('the keys of rate-limiter-flexible are shared wherever they are, and carried to wherever the new ones are', async () => {
  const theirs = new RateLimiterRedis({ storeClient: client, ...LOGIN })
  const engine = createDialectEngine({
    dialect: 'rate-limiter-flexible',
    store: cluster.store,
    limiters: { login: LOGIN },
  })
  const shared = createLimiter({ store: engine, policies: engine.policies, deadline: '10s' })
  closers.push(() => shared.close())
  for (const [i, user] of USERS.entries()) {
    await theirs.consume(user, 1 + (i % 4))
    expect(await shared.check('login', user, { cost: 2 })).toMatchObject({ remaining: 7 - (i % 4) })
    expect((await theirs.get(user))?.consumedPoints).toBe(3 + (i % 4))
  }
  expect(new Set(USERS.map(user => slotOf(`login:${user}`) >> 12)).size).toBe(4)

  const policies = { login: { algorithm: 'sliding_window', limit: 10, window: '1h' } } as const
  const options = {
    from: { dialect: 'rate-limiter-flexible', store: cluster.store, limiters: { login: LOGIN } },
    to: { dialect: 'sluice', store: cluster.store, policies },
    apply: true,
    settleMs: 0,
  } as const
  expect(await migrate(options)).toMatchObject({ scanned: 60, counts: { carried: 60 } })
  expect(await migrate(options)).toMatchObject({ counts: { carried: 0, stricter: 60 } })

  const limiter = createLimiter({ store: cluster.store, policies, deadline: '10s' })
  closers.push(() => limiter.close())
  for (const [i, user] of USERS.entries()) {
    expect(await limiter.peek('login', user)).toMatchObject({ remaining: 7 - (i % 4) })
  }
})

test('the dimensions of the MCP gateway are each asked for where they are', async () => {
  const config = { by_user: '3/h', by_tenant: '100/h', by_tool: { search: '2/h' } }
  const engine = createDialectEngine({ dialect: 'mcp-gateway', store: cluster.store, config })
  closers.push(() => engine.close())
  const call = { user: 'ann', tenantId: 'acme', tool: 'search' }
  const allowed = []
  for (let i = 0; i < 3; i++) allowed.push((await engine.evaluate(call)).allowed)
  expect(allowed).toEqual([true, true, false])
  expect(await client.get('rl:acme:user:ann:3600')).toBe('3')
})
