import { Cluster } from 'ioredis'
import { Cluster as ValkeyCluster } from 'iovalkey'
import { createCluster } from 'redis'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createRedisEngine, type RedisEngineOptions } from '../../src/engine/redis-engine.js'
import { consume, hourly } from '../support/checks.js'
import { NEEDED_COMMANDS, NEEDED_ON_CLUSTERS } from '../support/needed-commands.js'
import { type RedisCluster, startRedisCluster } from '../support/redis-cluster.js'
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js'

const PASSWORD = 'p@ss'
const LIMIT = hourly(10)

let cluster: RedisCluster
beforeAll(async () => {
  cluster = await startRedisCluster({ replicas: 0 })
  for (const node of cluster.nodes) {
    const rules = ['~*', ...NEEDED_COMMANDS, ...NEEDED_ON_CLUSTERS, '+keys']
    await node.cli('ACL', 'SETUSER', 'sluice', 'on', `>${PASSWORD}`, ...rules)
    await node.cli('ACL', 'SETUSER', 'default', 'resetpass', 'on', '>other')
  }
})
afterAll(() => cluster.stop())

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

interface Address {
  readonly host: string
  readonly port: number
}

interface ClusterKind {
  readonly name: string
  /** @param map from the addresses that the nodes have for themselves to those that the test reaches them by */
  store(seeds: readonly Address[], map: Record<string, Address>, prefix?: string): RedisEngineOptions['store']
}

const access = { username: 'sluice', password: PASSWORD }
const ioredisOptions = (natMap: Record<string, Address>, keyPrefix = '') => ({
  redisOptions: { ...access, keyPrefix },
  natMap,
  lazyConnect: true,
})

const KINDS: readonly ClusterKind[] = [
  {
    name: 'a Cluster of ioredis',
    store: (seeds, natMap, prefix) => new Cluster([...seeds], ioredisOptions(natMap, prefix)),
  },
  {
    name: 'a Cluster of iovalkey',
    store: (seeds, natMap, prefix) => new ValkeyCluster([...seeds], ioredisOptions(natMap, prefix)),
  },
  {
    name: 'a cluster of node-redis',
    store: (seeds, nodeAddressMap, keyPrefix = '') =>
      createCluster({
        rootNodes: seeds.map(socket => ({ socket: { ...socket } })),
        defaults: access,
        nodeAddressMap,
        keyPrefix,
      }),
  },
]

/** Checks so many subjects that every node decides some, and answers how many keys each node has for them. */
async function keysAfterChecks(store: RedisEngineOptions['store'], prefix: string): Promise<number[]> {
  const engine = createRedisEngine({ store })
  closers.push(() => engine.close())
  await engine.ready()
  const subjects = Array.from({ length: 64 }, (_, i) => `${prefix}-${i}`)
  const outcomes = await Promise.all(subjects.map(subject => engine.decide([consume(LIMIT, subject)])))
  for (const { checks } of outcomes) expect(checks[0]?.remaining).toBe(9)
  const held = cluster.nodes.map(async node => {
    const keys = await node.cli('--user', 'sluice', '--pass', PASSWORD, '--no-auth-warning', 'KEYS', '*')
    return keys.split('\n').filter(key => key.includes(`:${prefix}-`)).length
  })
  return Promise.all(held)
}

describe.each(KINDS)('by $name', ({ name, store }) => {
  test('every node is reached, with its user and password', async () => {
    const prefix = name.replaceAll(' ', '-')
    const held = await keysAfterChecks(store(cluster.seeds, {}), prefix)
    expect(held.reduce((sum, keys) => sum + keys)).toBe(64)
    for (const keys of held) expect(keys).toBeGreaterThan(0)
  })

  test('nodes are reached by the addresses that they are mapped to', async () => {
    const proxies: TcpProxy[] = []
    const map: Record<string, Address> = {}
    for (const { host, port } of cluster.seeds) {
      const proxy = await startTcpProxy(port)
      closers.unshift(() => proxy.close())
      proxies.push(proxy)
      map[`${host}:${port}`] = { host, port: proxy.port }
    }
    const [first] = proxies as [TcpProxy]
    const connections = proxies.map(proxy => proxy.connections)
    await keysAfterChecks(
      store([{ host: '127.0.0.1', port: first.port }], map),
      `mapped-${name.replaceAll(' ', '-')}`,
    )
    proxies.forEach((proxy, i) => {
      expect(proxy.connections).toBeGreaterThan(connections[i] as number)
    })
  })

  test('its prefix stands before the keys', async () => {
    const engine = createRedisEngine({ store: store(cluster.seeds, {}, 'shop:') })
    closers.push(() => engine.close())
    const subject = name.replaceAll(' ', '-')
    await engine.decide([consume(LIMIT, subject)])
    const keys = await Promise.all(
      cluster.nodes.map(node =>
        node.cli(
          '--user',
          'sluice',
          '--pass',
          PASSWORD,
          '--no-auth-warning',
          'KEYS',
          `shop:sl1:*:${subject}`,
        ),
      ),
    )
    expect(keys.filter(Boolean)).toHaveLength(1)
  })
})

test('a cluster may be given as an address, and as options', async () => {
  const hosts = cluster.seeds.map(({ host, port }) => `${host}:${port}`)
  const text = `redis+cluster://sluice:${encodeURIComponent(PASSWORD)}@${hosts.slice(0, 2).join(',')}`
  for (const [i, store] of [text, { url: text }, { cluster: hosts, ...access }].entries()) {
    const held = await keysAfterChecks(store, `written-${i}`)
    expect(held.reduce((sum, keys) => sum + keys)).toBe(64)
  }
})
