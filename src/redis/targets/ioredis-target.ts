import { Redis, type RedisOptions } from 'ioredis'
import { ClientError } from '../../errors.js'
import { AT_MOST_ONCE, connectIoredis } from '../ioredis-client.js'
import type { NodeAddress, RedisTarget } from '../redis-client.js'
import type { ConnectionSettings, TlsOptions } from '../store-options.js'
import { mayReplay } from './may-replay.js'

/** Connections of our own, by the ioredis that Sluice comes with. */
export function targetOfSettings(settings: ConnectionSettings): RedisTarget {
  const { place, sentinel } = settings
  const access: RedisOptions = {
    db: settings.database,
    ...(settings.username !== undefined && {
      username: settings.username,
      password: settings.password ?? '',
    }),
    ...(settings.password !== undefined && { password: settings.password }),
    ...(settings.tls !== undefined && { tls: tlsOf(settings.tls) }),
  }
  switch (place.kind) {
    case 'server':
      return serverOf({ ...access, host: place.node.host, port: place.node.port })
    case 'socket':
      return serverOf({ ...access, path: place.path })
    case 'sentinel':
      return serverOf({
        ...access,
        sentinels: place.nodes.map(({ host, port }) => ({ host, port })),
        name: place.name,
        enableTLSForSentinelMode: settings.tls !== undefined,
        ...(sentinel.username !== undefined && { sentinelUsername: sentinel.username }),
        ...(sentinel.password !== undefined && { sentinelPassword: sentinel.password }),
        ...(sentinel.tls !== undefined && { sentinelTLS: tlsOf(sentinel.tls) }),
      })
    case 'cluster':
      return clusterOf(place.nodes, ({ host, port }) => ({ ...access, host, port }))
  }
}

const redisOf = (own: RedisOptions, ours: RedisOptions): Redis =>
  new Redis({ ...own, ...ours, replyMapping: 'legacy' })

const serverOf = (own: RedisOptions): RedisTarget => ({
  kind: 'server',
  connect: () => connectIoredis(ours => redisOf(own, ours), 'server'),
})

const clusterOf = (
  seeds: readonly NodeAddress[],
  optionsOf: (address: NodeAddress) => RedisOptions,
): RedisTarget => ({
  kind: 'cluster',
  seeds,
  connectNode: address => connectIoredis(ours => redisOf(optionsOf(address), ours), 'node'),
})

function tlsOf({
  ca,
  cert,
  key,
  passphrase,
  servername,
  rejectUnauthorized,
}: TlsOptions): RedisOptions['tls'] {
  const bytes = (pem: string | Uint8Array) => (typeof pem === 'string' ? pem : Buffer.from(pem))
  return {
    ...(ca !== undefined && { ca: [ca].flat().map(bytes) }),
    ...(cert !== undefined && { cert: bytes(cert) }),
    ...(key !== undefined && { key: bytes(key) }),
    ...(passphrase !== undefined && { passphrase }),
    ...(servername !== undefined && { servername }),
    ...(rejectUnauthorized !== undefined && { rejectUnauthorized }),
  }
}

/** What Sluice looks at in a client of ioredis or iovalkey; both have the same names for it. */
export interface IoredisClientLike {
  readonly options: RedisOptions
  duplicate(override: RedisOptions): Redis
}

export interface IoredisClusterLike {
  readonly options: {
    readonly redisOptions?: RedisOptions
    readonly natMap?: Readonly<Record<string, NodeAddress>> | ((address: string) => NodeAddress | null) | null
    readonly useSRVRecords?: boolean
  }
  readonly startupNodes: readonly unknown[]
}

/**
 * Connections like that of the user's client, made by the same library.
 *
 * @throws ClientError when its `duplicate()` does not take our settings, unless the user allows what may follow
 */
export function targetOfIoredis(client: IoredisClientLike, allowReplay: boolean): RedisTarget {
  // Is made and not connected.
  const sample = client.duplicate(AT_MOST_ONCE).options
  const obeys =
    sample.enableOfflineQueue === false &&
    sample.autoResendUnfulfilledCommands === false &&
    sample.maxRetriesPerRequest === 0
  if (!obeys && !allowReplay) throw mayReplay()
  return { kind: 'server', connect: () => connectIoredis(ours => client.duplicate(ours), 'server') }
}

/** Connections to the nodes of the user's cluster, with the options that it has for its nodes. */
export function targetOfIoredisCluster({ options, startupNodes }: IoredisClusterLike): RedisTarget {
  if (options.useSRVRecords) {
    throw new ClientError(
      "client: this Cluster finds its nodes by SRV records, which Sluice does not look up; give { cluster: ['host:port'] }",
    )
  }
  const mapped = (address: NodeAddress): NodeAddress => {
    const { natMap } = options
    const name = `${address.host}:${address.port}`
    return (typeof natMap === 'function' ? natMap(name) : natMap?.[name]) ?? address
  }
  const seeds = startupNodes.map(startupNode)
  return clusterOf(seeds.map(addressOf), address => {
    const { host, port } = mapped(address)
    const own = seeds.find(seed => seed.host === host && seed.port === port)
    return { ...options.redisOptions, ...(own && accessOf(own)), host, port }
  })
}

/** The options of a node that was given as a port, a URL or options: as ioredis reads it. Nothing is connected. */
function startupNode(node: unknown): RedisOptions {
  return new Redis(node as string, { lazyConnect: true }).options
}

const addressOf = ({ host = '127.0.0.1', port = 6379 }: RedisOptions): NodeAddress => ({
  host,
  port: Number(port),
})

/** What a node has that the others need not have. */
function accessOf({ username, password, tls }: RedisOptions): RedisOptions {
  return { ...(username && { username }), ...(password && { password }), ...(tls && { tls }) }
}
