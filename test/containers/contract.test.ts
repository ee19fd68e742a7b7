import { randomUUID } from 'node:crypto'
import { createClient } from 'redis'
import { afterAll, beforeAll, describe, inject } from 'vitest'
import { createRedisEngine, type RedisEngineOptions } from '../../src/engine/redis-engine.js'
import { describeEngine } from '../conformance/engine-contract.js'
import { describeLimiter } from '../conformance/limiter-contract.js'
import { hasDocker, type ServerContainer, ServerContainers } from '../support/server-container.js'

describe.skipIf(!hasDocker()).each(inject('serverImages'))('on %s', image => {
  const servers = new ServerContainers()
  let server: ServerContainer
  beforeAll(async () => {
    server = await servers.start(image)
  })
  afterAll(() => servers.stop())

  const prefix = () => `contract-${randomUUID()}`
  const stores: Record<string, () => RedisEngineOptions['store']> = {
    'ioredis, by EVALSHA': () => server.url,
    'ioredis, by FCALL': () => ({ url: server.url, scripts: 'functions' }),
    'node-redis, by EVALSHA': () => createClient({ url: server.url }),
  }
  for (const [name, store] of Object.entries(stores)) {
    describeEngine(`the Redis engine on ${name},`, clock =>
      createRedisEngine({ store: store(), prefix: prefix(), clock }),
    )
  }
  describeLimiter('this server', () => ({ store: server.url, prefix: prefix() }))
})
