import { afterAll, beforeAll, expect, test } from 'vitest'
import { createGatewayLimits } from '../../src/inbound/index.js'
import { type RedisCluster, startRedisCluster } from '../support/redis-cluster.js'

let cluster: RedisCluster
beforeAll(async () => {
  cluster = await startRedisCluster({ replicas: 0 })
})
afterAll(() => cluster.stop())

test('dimensions whose counters are at different nodes are one decision: what the tool refuses nobody is charged', async () => {
  const names = Array.from({ length: 8 }, (_, index) => `user${index}`)
  await using limits = createGatewayLimits({
    store: cluster.store,
    deadline: '5s',
    algorithm: 'fixed_window',
    by_user: '10/h',
    by_tenant: '100/h',
    by_tool: { search: '5/h' },
  })
  limits.limiter.on('warning', () => undefined)
  const admitted: string[] = []
  for (const user of names) {
    const { allowed } = await limits.check({ user, tenant: 'acme', tool: 'search' })
    if (allowed) admitted.push(user)
  }
  expect(admitted).toEqual(names.slice(0, 5))

  const remaining: (number | undefined)[] = []
  for (const user of names) {
    const { dimensions } = await limits.check({ user, tenant: 'acme' })
    remaining.push(dimensions[0]?.remaining)
  }
  expect(remaining).toEqual([8, 8, 8, 8, 8, 9, 9, 9])
})

test('A10: the users of one tenant are spread over all nodes, so that none carries a tenant alone', async () => {
  await using limits = createGatewayLimits({
    store: cluster.store,
    deadline: '5s',
    name: 'spread',
    by_user: '10/h',
  })
  await limits.limiter.ready()
  const users = Array.from({ length: 300 }, (_, index) => `user${index}`)
  await Promise.all(users.map(user => limits.check({ user, tenant: 'acme' })))
  const counts = await Promise.all(
    cluster.nodes.map(async node => {
      const keys = await node.cli('KEYS', '*:spread.by_user:*')
      return keys.split('\n').filter(key => key.includes('acme')).length
    }),
  )
  expect(counts.reduce((sum, count) => sum + count)).toBe(300)
  for (const count of counts) expect(count).toBeGreaterThan(60)
})
