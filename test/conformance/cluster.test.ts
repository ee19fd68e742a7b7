import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll } from 'vitest'
import { createRedisEngine } from '../../src/engine/redis-engine.js'
import { type RedisCluster, startRedisCluster } from '../support/redis-cluster.js'
import { describeEngine } from './engine-contract.js'
import { describeLimiter } from './limiter-contract.js'

let cluster: RedisCluster
beforeAll(async () => {
  cluster = await startRedisCluster({ replicas: 0 })
})
afterAll(() => cluster.stop())

const store = () => ({ store: cluster.store, prefix: `conformance-${randomUUID()}` })

describeEngine('the Redis engine on a cluster', clock => createRedisEngine({ ...store(), clock }))
describeLimiter('a Redis cluster', store)
