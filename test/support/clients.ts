import { Redis } from 'ioredis'
import { Redis as Valkey } from 'iovalkey'
import { createClient, type RedisClientOptions } from 'redis'
import type { RedisStoreOptions, UserClient } from '../../src/redis/store-options.js'

/** What a test wants a client for. */
export interface Wanted {
  port: number
  /** Default: 127.0.0.1. */
  host?: string
  /** Of a Unix socket, in place of host and port. */
  path?: string
  username?: string
  password?: string
  database?: number
  keyPrefix?: string
  tls?: { ca?: string; cert?: string; key?: string; servername?: string }
}

/** One of the ways to say where a store is. */
export interface StoreKind {
  readonly name: string
  store(wanted: Wanted): string | RedisStoreOptions | UserClient
}

const HOST = '127.0.0.1'

const ioredisOptions = ({ host = HOST, port, path, database, ...rest }: Wanted) => ({
  ...rest,
  ...(database !== undefined && { db: database }),
  ...(path === undefined ? { host, port } : { path }),
  lazyConnect: true,
})

function nodeRedisOptions({ host = HOST, port, path, tls, ...rest }: Wanted): RedisClientOptions {
  const way = path === undefined ? { host, port } : { path }
  return { ...rest, socket: tls === undefined ? way : { host, port, ...tls, tls: true as const } }
}

const url = ({ host = HOST, port, path, username = '', password, database, tls }: Wanted): string => {
  const user = password === undefined ? '' : `${username}:${encodeURIComponent(password)}@`
  if (path !== undefined) return `unix://${user}${path}?db=${database ?? 0}`
  return `redis${tls ? 's' : ''}://${user}${host}:${port}/${database ?? 0}`
}

/** Clients that the user made. None is ever connected, as the limiter has no need of theirs. */
export const CLIENT_KINDS: readonly StoreKind[] = [
  {
    name: 'a client of ioredis',
    store: wanted => new Redis(ioredisOptions(wanted)),
  },
  { name: 'a client of iovalkey', store: wanted => new Valkey(ioredisOptions(wanted)) },
  { name: 'a client of node-redis', store: wanted => createClient(nodeRedisOptions(wanted)) },
]

/** Every way to say where one server is. */
export const STORE_KINDS: readonly StoreKind[] = [
  { name: 'an address', store: wanted => (wanted.tls ? { url: url(wanted), tls: wanted.tls } : url(wanted)) },
  ...CLIENT_KINDS,
]
