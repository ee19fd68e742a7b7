import { randomUUID } from 'node:crypto'
import { createClient, createCluster } from 'redis'
import { afterAll, beforeAll, inject } from 'vitest'
import { createRedisEngine } from '../../src/engine/redis-engine.js'
import { type RedisCluster, startRedisCluster } from '../support/redis-cluster.js'
import { describeEngine } from './engine-contract.js'
import { describeLimiter } from './limiter-contract.js'

let cluster: RedisCluster
beforeAll(async () => {
  cluster = await startRedisCluster({ replicas: 0 })
})
afterAll(() => cluster.stop())

const prefix = () => `conformance-${randomUUID()}`
const one = () => ({ store: createClient({ url: inject('redisUrl') }), prefix: prefix() })
const many = () => ({
  store: createCluster({ rootNodes: cluster.seeds.map(socket => ({ socket })) }),
  prefix: prefix(),
})

describeEngine('the Redis engine by node-redis', clock => createRedisEngine({ ...one(), clock }))
describeLimiter('Redis by node-redis', one)
describeEngine('the Redis engine on a cluster by node-redis', clock =>
  createRedisEngine({ ...many(), clock }),
)
describeLimiter('a Redis cluster by node-redis', many)
