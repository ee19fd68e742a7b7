import { randomUUID } from 'node:crypto'
import { Redis } from 'iovalkey'
import { inject } from 'vitest'
import { createRedisEngine } from '../../src/engine/redis-engine.js'
import { describeEngine } from './engine-contract.js'
import { describeLimiter } from './limiter-contract.js'

const store = () => ({
  store: new Redis(inject('redisUrl'), { lazyConnect: true }),
  prefix: `conformance-${randomUUID()}`,
})

describeEngine('the Redis engine by iovalkey', clock => createRedisEngine({ ...store(), clock }))
describeLimiter('Redis by iovalkey', store)
