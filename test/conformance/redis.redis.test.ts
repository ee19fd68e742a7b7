import { randomUUID } from 'node:crypto'
import { inject } from 'vitest'
import { createRedisEngine } from '../../src/engine/redis-engine.js'
import { describeEngine } from './engine-contract.js'
import { describeLimiter } from './limiter-contract.js'

const store = () => ({ store: inject('redisUrl'), prefix: `conformance-${randomUUID()}` })

describeEngine('the Redis engine', clock => createRedisEngine({ ...store(), clock }))
describeEngine('the Redis engine by functions', clock => {
  const { store: url, prefix } = store()
  return createRedisEngine({ store: { url, scripts: 'functions' }, prefix, clock })
})
describeLimiter('Redis', store)
