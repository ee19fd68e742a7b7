import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, inject } from 'vitest'
import type { Store } from '../../src/engine/engine-options.js'
import { openEngine } from '../../src/engine/open-engine.js'
import { withoutNative } from '../support/native.js'
import { type RedisCluster, startRedisCluster } from '../support/redis-cluster.js'
import { describeEngine } from './engine-contract.js'
import { describeLimiter } from './limiter-contract.js'

describe.skipIf(withoutNative !== undefined)('in Rust', () => {
  const native = (store: Store) => ({
    store,
    prefix: `conformance-${randomUUID()}`,
    native: 'require' as const,
  })

  describe('on one server', () => {
    const store = () => native(inject('redisUrl'))
    describeEngine('the native Redis engine', clock => openEngine({ ...store(), clock }))
    describeLimiter('native Redis', store)
  })

  describe('on a cluster', () => {
    let cluster: RedisCluster
    beforeAll(async () => {
      cluster = await startRedisCluster({ replicas: 0 })
    })
    afterAll(() => cluster.stop())

    const store = () => native(cluster.store)
    describeEngine('the native Redis engine on a cluster', clock => openEngine({ ...store(), clock }))
    describeLimiter('native Redis on a cluster', store)
  })
})
