import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { createGatewayLimits, loadGatewayConfig } from '../../src/inbound/index.js'
import { type RedisServer, startRedis } from '../support/redis-server.js'

let server: RedisServer
const closers: (() => Promise<unknown>)[] = []

beforeAll(async () => {
  server = await startRedis()
})
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})
afterAll(() => server.stop())

function replica(file: object, redis_url = server.url) {
  const config = loadGatewayConfig({ backend: 'redis', redis_url, ...file })
  const limits = createGatewayLimits({ ...config, deadline: '5s' })
  limits.limiter.on('warning', () => undefined)
  closers.push(() => limits.close())
  return limits
}

test('A10: replicas share every dimension, on keys of our layout behind the prefix, each with a TTL', async () => {
  const file = {
    by_user: '5/h',
    by_user_per_server: '4/h',
    by_tenant: '100/h',
    by_tool: { 'db_*': '3/h' },
    redis_key_prefix: 'mcp:rate_limit:',
  }
  const replicas = [replica(file), replica(file)]
  const request = { user: '{a}:b%', tenant: 'acme', server: 's', tool: 'DB_read' }
  const verdicts = await Promise.all([0, 1, 0, 1, 0, 1].map(index => replicas[index]?.check(request)))
  expect(verdicts.filter(verdict => verdict?.allowed)).toHaveLength(3)
  const refused = verdicts.find(verdict => !verdict?.allowed)
  expect(refused?.violated.map(({ dimension }) => dimension)).toEqual(['by_tool'])

  const keys = (await server.cli('--raw', 'KEYS', '*')).trim().split('\n')
  const counters = keys.filter(key => key !== 'mcp:rate_limit:sl1:meta')
  expect(counters.map(key => key.replace(/\{[^}]+\}/, '{…}')).sort()).toEqual(
    [
      'mcp:rate_limit:sl1:{…}:by_tenant:fixed_window:acme',
      'mcp:rate_limit:sl1:{…}:by_tool.db_%2A:fixed_window:acme:db_read',
      'mcp:rate_limit:sl1:{…}:by_user:fixed_window:acme:%7Ba%7D%3Ab%25',
      'mcp:rate_limit:sl1:{…}:by_user_per_server:fixed_window:acme:%7Ba%7D%3Ab%25:s',
    ].sort(),
  )
  for (const key of counters) expect(Number(await server.cli('TTL', key))).toBeGreaterThan(0)
})

test.each([
  ['open', { allowed: true, reason: 'ok', violated: [] }],
  ['closed', { allowed: false, reason: 'store-unavailable', violated: [] }],
  ['local', { allowed: true, reason: 'ok' }],
])('fail_mode: %s holds while nobody answers', async (fail_mode, expected) => {
  const limits = replica({ by_user: '5/h', by_tenant: '9/h', fail_mode }, 'redis://127.0.0.1:1')
  expect(await limits.check({ user: 'ann', tenant: 'acme' })).toMatchObject(expected)
})

test('a tenant that is no text is refused whatever fail_mode says', async () => {
  const limits = replica({ by_tenant: '9/h', fail_mode: 'open' }, 'redis://127.0.0.1:1')
  await expect(limits.check({ tenant: 7 as never })).rejects.toMatchObject({ code: 'ERR_SLUICE_SUBJECT' })
})
