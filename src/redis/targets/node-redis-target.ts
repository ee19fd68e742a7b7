import { ClientError } from '../../errors.js'
import { Refusal } from '../../policy/refusal.js'
import {
  type NodeRedis,
  NodeRedisClient,
  type NodeRedisLink,
  type OpenNodeRedisLink,
} from '../node-redis-client.js'
import type { NodeAddress, RedisTarget } from '../redis-client.js'
import { readStoreUrl } from '../store-url.js'
import { mayReplay } from './may-replay.js'

/** The options that Sluice looks at, of the many that a client may have. */
interface ClientOptions {
  readonly disableOfflineQueue?: boolean
  readonly socket?: SocketOptions
}

interface SocketOptions {
  readonly host?: string
  readonly port?: number
  readonly path?: string
  readonly tls?: boolean
}

interface Emitter {
  on(event: string, listener: (error: Error) => void): unknown
}

/** What `createClient` makes. */
export interface NodeRedisClientLike extends NodeRedis, Emitter {
  readonly options: ClientOptions
  connect(): Promise<unknown>
  destroy(): void
  duplicate(overrides: object): NodeRedisClientLike
}

interface ClusterOptions {
  readonly rootNodes: readonly (ClientOptions & { readonly url?: string })[]
  readonly defaults?: ClientOptions
}

/** A node of a cluster, as `nodeClient()` takes it; it puts the client there at once, and connects it. */
interface ClusterNode extends NodeAddress {
  readonly id: string
  readonly address: string
  readonly readonly: false
  client?: NodeRedisClientLike
}

/** What `createCluster` makes. */
export interface NodeRedisClusterLike extends Emitter {
  readonly _options: ClusterOptions
  duplicate(overrides: object): NodeRedisClusterLike
  nodeClient(node: ClusterNode): Promise<NodeRedis>
}

interface SentinelOptions {
  readonly name: string
  readonly sentinelRootNodes: readonly NodeAddress[]
  readonly nodeClientOptions?: ClientOptions
}

/** What `createSentinel` makes. */
export interface NodeRedisSentinelLike extends Emitter {
  readonly _self: unknown
  readonly isReady: boolean
  connect(): Promise<unknown>
  destroy(): Promise<void>
  duplicate(overrides: object): NodeRedisSentinelLike
  /** Hands over the connection to the primary. */
  _execute<T>(isReadonly: boolean, use: (client: NodeRedisClientLike) => T): Promise<T>
}

const CONNECT_TIMEOUT_MS = 5_000

/** Switches off everything by which a client sends a command later, and all that a connection of ours has no use for. */
const PLAIN_CLIENT = {
  url: undefined,
  disableOfflineQueue: true,
  commandsQueueMaxLength: undefined,
  // A deadline belongs to whoever asks, not to the connection.
  commandOptions: { timeout: undefined },
  maintNotifications: 'disabled',
  clientSideCache: undefined,
  emitInvalidate: false,
  keyPrefix: undefined,
  pingInterval: undefined,
  readonly: false,
  // The replies have the same form from every server and client.
  RESP: 2,
}

/** Each connection is opened by us, with our waits. */
const SOCKET = { reconnectStrategy: false, connectTimeout: CONNECT_TIMEOUT_MS, socketTimeout: undefined }

/**
 * Connections like that of the user's client.
 *
 * @throws ClientError when its `duplicate()` does not take our settings, unless the user allows what may follow
 */
export function targetOfNodeRedis(client: NodeRedisClientLike, allowReplay: boolean): RedisTarget {
  const { socket } = client.options
  const overrides = { ...PLAIN_CLIENT, socket: { ...socket, ...SOCKET } }
  const sample = client.duplicate(overrides)
  if (!allowReplay && !sample.options.disableOfflineQueue) throw mayReplay()
  destroy(sample)
  const open: OpenNodeRedisLink = onLost => {
    const own = client.duplicate(overrides)
    own.on('error', onLost)
    return { connected: own.connect().then(() => own), dispose: () => destroy(own) }
  }
  const { path, host = 'localhost', port = 6379, tls = false } = socket ?? {}
  const address = path ?? `${host}:${port}`
  return { kind: 'server', connect: () => new NodeRedisClient({ open, address, tls, use: 'server' }) }
}

/** Version 5 throws where there is nothing to end. */
function destroy(client: NodeRedisClientLike): void {
  try {
    client.destroy()
  } catch {
    // There was nothing.
  }
}

/** Connections to the nodes of the user's cluster, with the options that it has for its nodes. */
export function targetOfNodeRedisCluster(cluster: NodeRedisClusterLike): RedisTarget {
  const { rootNodes, defaults } = cluster._options
  // Is never connected itself: it knows how to make clients of nodes.
  const own = cluster.duplicate({
    RESP: PLAIN_CLIENT.RESP,
    clientSideCache: undefined,
    minimizeConnections: true,
    defaults: { ...defaults, ...PLAIN_CLIENT, socket: { ...defaults?.socket, ...SOCKET } },
  })
  own.on('error', () => {})
  const connectNode = ({ host, port }: NodeAddress) => {
    const address = `${host}:${port}`
    const open: OpenNodeRedisLink = onLost => {
      const node: ClusterNode = { host, port, address, id: address, readonly: false }
      const connected = own.nodeClient(node)
      const { client } = node
      client?.on('error', onLost)
      return { connected, dispose: () => client && destroy(client) }
    }
    return new NodeRedisClient({ open, address, tls: defaults?.socket?.tls ?? false, use: 'node' })
  }
  return { kind: 'cluster', seeds: rootNodes.map(seedOf), connectNode }
}

function seedOf({ url, socket }: ClusterOptions['rootNodes'][number]): NodeAddress {
  if (url === undefined) return { host: socket?.host ?? 'localhost', port: socket?.port ?? 6379 }
  const read = readStoreUrl(url)
  if (!(read instanceof Refusal) && read.place.kind === 'server') return read.place.node
  throw new ClientError(
    `client: one of its rootNodes cannot be read: ${read instanceof Refusal ? read.message : url}`,
  )
}

/**
 * Connections to the primary that the user's Sentinels name. Each attempt asks them anew, with a Sentinel client of its
 * own that is used for this one connection: so none of its commands is ever sent again to the next primary.
 */
export function targetOfNodeRedisSentinel(sentinel: NodeRedisSentinelLike): RedisTarget {
  const { name, sentinelRootNodes, nodeClientOptions } = optionsOf(sentinel)
  const socket = nodeClientOptions?.socket
  const overrides = {
    RESP: PLAIN_CLIENT.RESP,
    clientSideCache: undefined,
    keyPrefix: undefined,
    masterPoolSize: 1,
    replicaPoolSize: 0,
    reserveClient: false,
    // An attempt is one attempt.
    maxCommandRediscovers: 0,
    passthroughClientErrorEvents: false,
    nodeClientOptions: { ...nodeClientOptions, ...PLAIN_CLIENT, socket: { ...socket, ...SOCKET } },
  }
  let attempts = 0
  const open: OpenNodeRedisLink = onLost => {
    // They are asked in this order, and one that stands still holds up the attempt: the next one begins with another.
    const first = attempts++ % sentinelRootNodes.length
    const asked = [...sentinelRootNodes.slice(first), ...sentinelRootNodes.slice(0, first)]
    return openPrimary(sentinel.duplicate({ ...overrides, sentinelRootNodes: asked }), onLost)
  }
  const nodes = sentinelRootNodes.map(({ host, port }) => `${host}:${port}`).join(',')
  const address = `the primary '${name}' of the Sentinels at ${nodes}`
  const tls = socket?.tls ?? false
  return { kind: 'server', connect: () => new NodeRedisClient({ open, address, tls, use: 'server' }) }
}

function openPrimary(own: NodeRedisSentinelLike, onLost: (error: Error) => void): NodeRedisLink {
  let failure: unknown
  own.on('error', error => {
    failure = error
  })
  const connect = async (): Promise<NodeRedis> => {
    await own.connect().catch(error => {
      // The last Sentinel that was asked knows better than 'none is available'.
      throw failure instanceof Error ? failure : error
    })
    const client = await own._execute(false, primary => primary)
    client.on('error', onLost)
    client.on('end', () => onLost(new Error('the Sentinels name another primary')))
    own.on('reconnecting', () => onLost(new Error('the Sentinels name another primary')))
    return client
  }
  return { connected: connect(), dispose: () => void own.destroy().catch(() => {}) }
}

/** A Sentinel client shows its options to nothing but the copy that its `duplicate()` makes: this is one that keeps them. */
function optionsOf(sentinel: NodeRedisSentinelLike): SentinelOptions {
  let options: Partial<SentinelOptions> | undefined
  class Copy {
    constructor(given: Partial<SentinelOptions>) {
      options = given
    }
  }
  const original = Object.create(Copy.prototype, { _self: { value: sentinel._self } })
  try {
    sentinel.duplicate.call(original, {})
  } catch {
    // It is of a version that does this in another way: told below.
  }
  const { name, sentinelRootNodes, nodeClientOptions } = options ?? {}
  if (name === undefined || sentinelRootNodes === undefined) {
    throw new ClientError(
      'client: the options of this Sentinel client cannot be read; write { sentinel: { nodes, name } } instead',
    )
  }
  return { name, sentinelRootNodes, ...(nodeClientOptions !== undefined && { nodeClientOptions }) }
}
