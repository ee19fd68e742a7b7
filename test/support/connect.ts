import type { RedisClient } from '../../src/redis/redis-client.js'
import { targetOf } from '../../src/redis/targets/target-of.js'

/** A connection to the one server that a store is, or to the primary of Sentinels. */
export function connectServer(store: Parameters<typeof targetOf>[0]): RedisClient {
  const target = targetOf(store)
  if (target.kind === 'cluster') throw new Error('this store is a cluster')
  return target.connect()
}
