import { ClientError, OptionError } from '../../errors.js'
import { Refusal } from '../../policy/refusal.js'
import type { RedisTarget } from '../redis-client.js'
import { isUserClient, type RedisStoreOptions, readRedisStore, type UserClient } from '../store-options.js'
import {
  type IoredisClientLike,
  type IoredisClusterLike,
  targetOfIoredis,
  targetOfIoredisCluster,
  targetOfSettings,
} from './ioredis-target.js'
import {
  type NodeRedisClientLike,
  type NodeRedisClusterLike,
  type NodeRedisSentinelLike,
  targetOfNodeRedis,
  targetOfNodeRedisCluster,
  targetOfNodeRedisSentinel,
} from './node-redis-target.js'

/**
 * What a store on Redis comes down to. Connects nothing yet.
 *
 * @throws OptionError when the address or an option cannot be accepted
 * @throws ClientError when the client is of no known kind, or could send a check twice
 */
export function targetOf(store: string | RedisStoreOptions | UserClient): RedisTarget {
  const read = readRedisStore(store)
  if (read instanceof Refusal) throw new OptionError(`store: ${read.message}`)
  return 'client' in read ? targetOfClient(read.client, read.allowReplay) : targetOfSettings(read)
}

/** The prefix that a client of the user's writes before its keys; undefined when it has none, or there is no client. */
export function keyPrefixOf(store: string | RedisStoreOptions | UserClient): string | undefined {
  // Commands are methods: `client` is one of them.
  const client = typeof store === 'object' && !isUserClient(store) ? store.client : store
  if (typeof client !== 'object') return undefined
  // Clusters and Sentinels of node-redis show no other option.
  const prefix = '_keyPrefix' in client ? client._keyPrefix : optionOf(client, 'keyPrefix')
  return typeof prefix === 'string' && prefix !== '' ? prefix : undefined
}

function optionOf(client: object, name: string): unknown {
  const options: unknown = 'options' in client ? client.options : undefined
  return typeof options === 'object' && options !== null ? Reflect.get(options, name) : undefined
}

function targetOfClient(client: UserClient, allowReplay: boolean): RedisTarget {
  if (isIoredisCluster(client)) return targetOfIoredisCluster(client)
  if (isIoredis(client)) return targetOfIoredis(client, allowReplay)
  if (isNodeRedis(client) && !('withTypeMapping' in client)) {
    throw new ClientError(
      'client: this is node-redis 4 or older, which cannot give replies as bytes; version 5 can',
    )
  }
  if (isNodeRedisSentinel(client)) return targetOfNodeRedisSentinel(client)
  if (isNodeRedisCluster(client)) return targetOfNodeRedisCluster(client)
  if (isNodeRedisClient(client)) return targetOfNodeRedis(client, allowReplay)
  if (has(client, 'getSentinelNode')) {
    throw new ClientError(
      'client: the Sentinel client of node-redis 5 shows no options; version 6 does, or write { sentinel: { nodes, name } }',
    )
  }
  throw new ClientError(
    'client: this is no client that Sluice knows; give a Redis or Cluster of ioredis or iovalkey, or what createClient, ' +
      'createCluster or createSentinel of node-redis made',
  )
}

const has = (client: object, ...names: string[]): boolean => names.every(name => name in client)

const isIoredisCluster = (client: UserClient): client is UserClient & IoredisClusterLike =>
  'isCluster' in client && client.isCluster === true && has(client, 'startupNodes', 'options')

const isIoredis = (client: UserClient): client is UserClient & IoredisClientLike =>
  'isCluster' in client && client.isCluster === false && has(client, 'duplicate', 'options', 'status')

const isNodeRedis = (client: UserClient): boolean =>
  has(client, 'duplicate', 'isOpen', 'connect', 'disconnect')

const isNodeRedisSentinel = (client: UserClient): client is UserClient & NodeRedisSentinelLike =>
  has(client, 'duplicate', 'getSentinelNode', '_self', '_execute')

const isNodeRedisCluster = (client: UserClient): client is UserClient & NodeRedisClusterLike =>
  has(client, 'duplicate', 'nodeClient', '_options')

const isNodeRedisClient = (client: UserClient): client is UserClient & NodeRedisClientLike =>
  has(client, 'duplicate', 'isReady', 'options', 'destroy')
