import { setTimeout as sleep } from 'node:timers/promises'
import keySlot from 'cluster-key-slot'
import { Redis } from 'ioredis'
import { createClient, createCluster } from 'redis'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type BreakerOptions, type CircuitBreaker, createBreaker } from '../../src/breaker/index.js'
import { createCircuitKeys } from '../../src/keys.js'
import { type RedisCluster, startRedisCluster } from '../support/redis-cluster.js'
import { type SentinelGroup, startSentinels } from '../support/redis-sentinel.js'

const closers: (() => Promise<unknown> | unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

const SUBJECTS = Array.from({ length: 60 }, (_, i) => `https://api-${i}.example.com`)

async function breakerOn(
  store: BreakerOptions['store'],
  options: BreakerOptions = {},
): Promise<CircuitBreaker> {
  const breaker = createBreaker({ store, name: 'up', deadline: '10s', ...options })
  closers.push(() => breaker.close())
  await breaker.ready()
  return breaker
}

/** Five failures of each. */
async function failAll(breaker: CircuitBreaker, subjects: readonly string[]): Promise<void> {
  const fail = () => Promise.reject(new Error('down'))
  const calls = subjects.flatMap(subject =>
    Array.from({ length: 5 }, () => breaker.run(subject, fail).catch(() => {})),
  )
  await Promise.all(calls)
  await breaker.flush()
}

const allowed = async (breaker: CircuitBreaker, subjects: readonly string[]) => {
  const permits = await Promise.all(subjects.map(subject => breaker.permit(subject)))
  return permits.filter(permit => permit.allowed).length
}

describe('circuits on a cluster', () => {
  let cluster: RedisCluster
  beforeAll(async () => {
    cluster = await startRedisCluster({ replicas: 0, args: ['--cluster-require-full-coverage', 'no'] })
  })
  afterAll(() => cluster.stop())

  const evaluated = async () => {
    const stats = await Promise.all(cluster.nodes.map(node => node.cli('INFO', 'commandstats')))
    const calls = stats.map(text => Number(/cmdstat_evalsha:calls=(\d+)/.exec(text)?.[1] ?? 0))
    return calls.reduce((sum, count) => sum + count)
  }

  test('are spread over all nodes, and reports travel by shard, however many circuits they concern', async () => {
    const breaker = await breakerOn(cluster.store, { maxAge: '24d' })
    expect(await allowed(breaker, SUBJECTS)).toBe(60)
    const before = await evaluated()
    await failAll(breaker, SUBJECTS)
    const { shardOf } = createCircuitKeys('up')
    expect((await evaluated()) - before).toBe(new Set(SUBJECTS.map(shardOf)).size)
    const other = await breakerOn(cluster.store)
    expect(await allowed(other, SUBJECTS)).toBe(0)
    const sizes = await Promise.all(cluster.nodes.map(node => node.cli('DBSIZE')))
    expect(sizes.map(Number).filter(size => size > 0)).toHaveLength(3)
  })

  test('go along when their slot moves', async () => {
    const breaker = await breakerOn(cluster.store, { name: 'moving', maxAge: '1ms' })
    await failAll(breaker, ['api'])
    const slot = keySlot(createCircuitKeys('moving').keyOf('api'))
    const from = await cluster.masterOf(slot)
    const to = (await cluster.masters()).find(node => node.id !== from.id)
    if (to === undefined) throw new Error('there is one master alone')
    await cluster.moveSlot(slot, to)
    await sleep(2)
    expect(await allowed(breaker, ['api'])).toBe(0)
    await breaker.reset('api')
    await breaker.updateAll({ failureThreshold: 7 })
    await failAll(breaker, ['api'])
    expect(await allowed(breaker, ['api'])).toBe(1)
  })

  test('B8: of a node that is silent each process decides alone, and of the others the fleet goes on', async () => {
    const [one, other] = [
      await breakerOn(cluster.store, { name: 'parts', deadline: '200ms', maxAge: '1ms' }),
      await breakerOn(cluster.store, { name: 'parts', deadline: '200ms', maxAge: '1ms' }),
    ]
    const told: string[] = []
    for (const event of ['storeDown', 'storeUp'] as const) {
      one.on(event, ({ part }) => told.push(`${event} ${part}`))
    }
    other.on('storeDown', () => {})
    const { keyOf } = createCircuitKeys('parts')
    const silent = await cluster.masterOf(keySlot(keyOf(SUBJECTS[0] as string)))
    const owners = await Promise.all(SUBJECTS.map(subject => cluster.masterOf(keySlot(keyOf(subject)))))
    const [lost, kept] = [true, false].map(isLost =>
      SUBJECTS.filter((_, i) => (owners[i] === silent) === isLost).slice(0, 6),
    ) as [string[], string[]]
    const name = `127.0.0.1:${silent.port}`
    process.kill(silent.pid, 'SIGSTOP')
    try {
      while (told.length === 0) await failAll(one, lost)
      await failAll(one, kept)
      expect(told).toEqual([`storeDown ${name}`])
      // What was found out of the others, everybody knows; of the silent one, nobody but who found out.
      expect(await allowed(other, kept)).toBe(0)
      expect(await allowed(one, lost)).toBe(0)
      expect(await allowed(other, lost)).toBe(lost.length)
    } finally {
      process.kill(silent.pid, 'SIGCONT')
    }
    while (told.length === 1) await sleep(20)
    expect(told).toEqual([`storeDown ${name}`, `storeUp ${name}`])
    await one.flush()
    // What was opened without the store is taken there.
    while ((await allowed(other, lost)) > 0) await sleep(20)
  })

  test('are reached by a cluster of node-redis', async () => {
    const rootNodes = cluster.seeds.map(({ host, port }) => ({ socket: { host, port } }))
    const breaker = await breakerOn(createCluster({ rootNodes }), { name: 'node-redis' })
    await failAll(breaker, SUBJECTS.slice(0, 10))
    const other = await breakerOn(cluster.store, { name: 'node-redis' })
    expect(await allowed(other, SUBJECTS.slice(0, 10))).toBe(0)
  })
})

describe('circuits behind Sentinels', () => {
  let group: SentinelGroup
  beforeAll(async () => {
    group = await startSentinels()
  })
  afterAll(() => group.stop())

  const store = () => ({
    sentinel: { nodes: group.nodes.map(({ host, port }) => `${host}:${port}`), name: group.name },
  })

  test('are those of the primary, and still open after another has become it', async () => {
    const breaker = await breakerOn(store(), { maxAge: '1ms' })
    await failAll(breaker, ['api'])
    const primary = await group.primary()
    // A replica takes over what has reached it.
    const isCopied = async () => {
      const said = await primary.cli('INFO', 'replication')
      const [, offset] = /master_repl_offset:(\d+)/.exec(said) ?? []
      return said.includes(`offset=${offset},`)
    }
    while (!(await isCopied())) await sleep(20)
    await group.failover()
    const other = await breakerOn(store())
    expect(await allowed(other, ['api'])).toBe(0)
    const orders = async () => {
      try {
        await breaker.reset('api')
        return true
      } catch {
        return false
      }
    }
    // Its connection finds the new primary by itself.
    while (!(await orders())) await sleep(20)
    expect(await allowed(breaker, ['api'])).toBe(1)
  })

  test.each([
    ['ioredis', (url: string) => new Redis(url, { lazyConnect: true, keyPrefix: 'app:' })],
    ['node-redis', (url: string) => createClient({ url })],
  ] as const)('and of one server are reached by a client of %s', async (_, clientOf) => {
    const { url } = await group.primary()
    const breaker = await breakerOn(clientOf(url), { name: 'client' })
    await failAll(breaker, ['api'])
    expect(await breaker.state('api')).toMatchObject({ state: 'open' })
  })
})
