import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createRedisEngine, type RedisEngine } from '../../src/engine/redis-engine.js'
import { ConnectionLostError, isSluiceError, StoreUnavailableError } from '../../src/errors.js'
import { consume } from '../support/checks.js'
import { type ClusterNode, type RedisCluster, startRedisCluster } from '../support/redis-cluster.js'
import { startRedis } from '../support/redis-server.js'
import { ClusterLoad, countedFor, LIMIT, numbered, slotOfSubject } from './cluster-load.js'

let engine: RedisEngine | undefined
afterEach(async () => {
  await engine?.close()
  engine = undefined
})

async function open(store: { readonly cluster: readonly string[] }): Promise<RedisEngine> {
  engine = createRedisEngine({ store })
  await engine.ready()
  return engine
}

/** How often a node was asked with this command. */
async function calls(node: ClusterNode, command: string): Promise<number> {
  const stats = await node.cli('INFO', 'commandstats')
  return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0)
}

describe('a cluster of three masters', () => {
  let cluster: RedisCluster
  beforeAll(async () => {
    cluster = await startRedisCluster({ replicas: 0 })
  })
  afterAll(() => cluster.stop())

  test('shares the work: what one turn asks for is one batch for each slot, at every node', async () => {
    const own = await open(cluster.store)
    const before = await Promise.all(cluster.nodes.map(node => calls(node, 'evalsha')))
    const subjects = numbered('spread', 600)
    await Promise.all(subjects.map(subject => own.decide([consume(LIMIT, subject)])))
    const after = await Promise.all(cluster.nodes.map(node => calls(node, 'evalsha')))
    const batches = after.map((count, i) => count - (before[i] as number))
    const slots = new Set(subjects.map(slotOfSubject)).size
    for (const count of batches) expect(count).toBeGreaterThan(0)
    expect(batches.reduce((sum, count) => sum + count)).toBe(slots)
    expect(await countedFor(own, subjects)).toEqual(subjects.map(() => 1))
  })

  test('is found by one node that answers, whatever else is named', async () => {
    const own = await open({ cluster: ['127.0.0.1:1', cluster.store.cluster[2] as string] })
    const outcomes = await Promise.all(
      numbered('found', 20).map(subject => own.decide([consume(LIMIT, subject)])),
    )
    expect(outcomes.map(({ checks }) => checks[0]?.granted)).toEqual(numbered('found', 20).map(() => 1))
  })

  test('whose nodes announce hostnames is reached by them, and where they announce nothing, by where it was asked', async () => {
    for (const node of cluster.nodes) {
      await node.cli('CONFIG', 'SET', 'cluster-announce-hostname', 'localhost')
      await node.cli('CONFIG', 'SET', 'cluster-preferred-endpoint-type', 'hostname')
    }
    // They tell one another by and by.
    const namesOf = async (node: ClusterNode) => (await node.cli('CLUSTER', 'SLOTS')).match(/^localhost$/gm)
    for (const node of cluster.nodes) while ((await namesOf(node))?.length !== cluster.nodes.length);
    const own = await open(cluster.store)
    expect(own.partOf?.([consume(LIMIT, 'named')])).toMatch(/^localhost:\d+$/)
    expect((await own.decide([consume(LIMIT, 'named')])).checks[0]?.granted).toBe(1)
    for (const node of cluster.nodes) {
      await node.cli('CONFIG', 'SET', 'cluster-preferred-endpoint-type', 'unknown-endpoint')
    }
    const unknown = await open(cluster.store)
    expect(unknown.partOf?.([consume(LIMIT, 'named')])).toMatch(/^127\.0\.0\.1:\d+$/)
    expect((await unknown.decide([consume(LIMIT, 'named')])).checks[0]?.granted).toBe(1)
    for (const node of cluster.nodes) await node.cli('CONFIG', 'SET', 'cluster-preferred-endpoint-type', 'ip')
  })

  test('that forgets its scripts all the time loses nothing and counts nothing twice', async () => {
    const own = await open(cluster.store)
    const subjects = numbered('flushed', 40)
    const load = new ClusterLoad(own, { requests: subjects.map(subject => [subject]) })
    for (let flush = 0; flush < 10; flush++) {
      await load.untilGranted(subjects[0] as string, 2)
      await Promise.all(cluster.nodes.map(node => node.cli('SCRIPT', 'FLUSH')))
    }
    await load.stop()
    expect(load.errors).toEqual([])
    expect(await countedFor(own, subjects)).toEqual(subjects.map(subject => load.granted.get(subject)))
    for (const node of cluster.nodes) expect(await calls(node, 'eval')).toBeGreaterThan(0)
  })

  test('that lost a master without a replica says so, and nothing hangs', async () => {
    const own = await open(cluster.store)
    const victim = await cluster.masterOf(slotOfSubject('victim'))
    await cluster.kill(victim)
    const error = await own.decide([consume(LIMIT, 'victim')]).catch((reason: unknown) => reason)
    expect(
      isSluiceError(error, 'ERR_SLUICE_STORE_UNAVAILABLE') ||
        isSluiceError(error, 'ERR_SLUICE_CONNECTION_LOST'),
    ).toBe(true)
    const survivor = numbered('survivor', 100).find(
      subject => own.partOf?.([consume(LIMIT, subject)]) !== own.partOf?.([consume(LIMIT, 'victim')]),
    ) as string
    // The others refuse as well once they have noticed: a cluster serves all slots or, by default, none.
    for (;;) {
      const refused = await own.decide([consume(LIMIT, survivor)]).catch((reason: unknown) => reason)
      if (refused instanceof StoreUnavailableError) {
        expect(refused.message).toMatch(/CLUSTERDOWN/)
        break
      }
      await sleep(20)
    }
  })
})

describe('a cluster with replicas', () => {
  let cluster: RedisCluster
  beforeAll(async () => {
    cluster = await startRedisCluster()
  })
  afterAll(() => cluster.stop())

  const subjects = numbered('user', 30)
  const underLoad = (own: RedisEngine, deadlineMs?: number) =>
    new ClusterLoad(own, {
      requests: subjects.map(subject => [subject]),
      ...(deadlineMs !== undefined && { deadlineMs }),
    })

  test('fails over as planned: nothing fails, nothing is lost, nothing is counted twice', async () => {
    const own = await open(cluster.store)
    const load = underLoad(own)
    const master = await cluster.masterOf(slotOfSubject('user0'))
    const [replica] = await cluster.replicasOf(master)
    await load.untilGranted('user0', 5)
    await cluster.failover(replica as ClusterNode)
    await load.untilGranted('user0', 20)
    await load.stop()
    expect(load.errors).toEqual([])
    expect(await countedFor(own, subjects)).toEqual(subjects.map(subject => load.granted.get(subject)))
    expect(own.partOf?.([consume(LIMIT, 'user0')])).toBe(`127.0.0.1:${replica?.port}`)
    await cluster.untilHealthy()
  })

  test('lost a master: what was under way there fails and says so, and its replica goes on', async () => {
    const own = await open(cluster.store)
    const before = await countedFor(own, subjects)
    const load = underLoad(own)
    const master = await cluster.masterOf(slotOfSubject('user0'))
    await load.untilGranted('user0', 5)
    await cluster.kill(master)
    await load.untilFailed(1)
    await load.untilGranted('user0', 20)
    await load.stop()
    for (const error of load.errors) {
      const isExpected = error instanceof ConnectionLostError || error instanceof StoreUnavailableError
      expect(isExpected, String(error)).toBe(true)
    }
    const after = await countedFor(own, subjects)
    for (const [i, subject] of subjects.entries()) {
      const counted = (after[i] as number) - (before[i] as number)
      // Never more than was asked; less only by what had not reached the replica.
      expect(counted).toBeLessThanOrEqual((load.granted.get(subject) ?? 0) + (load.unknown.get(subject) ?? 0))
    }
    await cluster.untilHealthy()
  })

  test('has a master that stands still: its replica takes over while it stands, and no promise hangs', async () => {
    const own = await open(cluster.store)
    const masters = await cluster.masters()
    const replicated = await Promise.all(
      masters.map(async master => ((await cluster.replicasOf(master)).length > 0 ? master : undefined)),
    )
    const master = replicated.find(node => node !== undefined) as ClusterNode
    const subject = numbered('still', 1000).find(
      name => own.partOf?.([consume(LIMIT, name)]) === `127.0.0.1:${master.port}`,
    ) as string
    await own.decide([consume(LIMIT, subject)])
    process.kill(master.pid, 'SIGSTOP')
    try {
      const forgotten = own.decide([consume(LIMIT, subject)])
      const load = new ClusterLoad(own, { requests: [[subject]], inFlight: 4, deadlineMs: 100 })
      await load.untilGranted(subject, 20)
      await load.stop()
      // Nobody gave it a deadline: it ends when its node has lost its place.
      await expect(forgotten).rejects.toThrow(ConnectionLostError)
    } finally {
      process.kill(master.pid, 'SIGCONT')
    }
  })
})

describe('what is no cluster', () => {
  test('a server alone says what it is, and how to write it', async () => {
    const server = await startRedis()
    engine = createRedisEngine({ store: { cluster: `127.0.0.1:${server.port}` } })
    await expect(engine.ready()).rejects.toThrow(/cluster support disabled.*redis:\/\//)
    await expect(engine.decide([consume(LIMIT, 'a')])).rejects.toThrow(StoreUnavailableError)
    await server.stop()
  })

  test('nodes that do not answer are all named', async () => {
    engine = createRedisEngine({ store: { cluster: ['127.0.0.1:1', '127.0.0.1:2'] } })
    const refused = engine.decide([consume(LIMIT, 'a')])
    await expect(refused).rejects.toThrow(StoreUnavailableError)
    await expect(refused).rejects.toThrow(
      /(?=.*127\.0\.0\.1:1 cannot be reached)(?=.*127\.0\.0\.1:2 cannot be reached)/,
    )
  })
})
