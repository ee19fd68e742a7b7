import keySlot from 'cluster-key-slot'
import { Cluster } from 'iovalkey'
import { createCluster } from 'redis'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemClock } from '../../src/core/time.js'
import type { GuardSettings } from '../../src/engine/guard-options.js'
import { createKeyBuilder } from '../../src/keys.js'
import { type ClusterNode, type RedisCluster, startRedisCluster } from '../support/redis-cluster.js'
import {
  expectBoundAndLost,
  expectExact,
  expectExactButUnanswered,
  expectNoLeakedKeys,
  FleetUnderLoad,
  replicatedUntilUs,
} from './fleet-under-load.js'

/** Whose keys are in the way of every fault. All of them are in one slot. */
const USER = 'user-0'

let cluster: RedisCluster
let fleet: FleetUnderLoad
let slot: number
let master: ClusterNode

beforeEach(async () => {
  cluster = await startRedisCluster({ masters: 3, replicas: 1 })
})

async function startFleet(limiter: GuardSettings = {}): Promise<void> {
  // No replica is like the other: each client, and scripts as functions.
  const { seeds } = cluster
  const stores = [
    { cluster: seeds.map(({ host, port }) => `${host}:${port}`), scripts: 'functions' } as const,
    new Cluster([...seeds], { lazyConnect: true }),
    createCluster({ rootNodes: seeds.map(socket => ({ socket })) }),
  ]
  fleet = new FleetUnderLoad({ stores, limiter })
  await fleet.untilDecided(100)
  slot = keySlot(createKeyBuilder()(fleet.limitOf('gcra'), USER))
  master = await cluster.masterOf(slot)
}

afterEach(async () => {
  await fleet.stop()
  await cluster.stop()
})

async function expectNoLeaksAnywhere(): Promise<void> {
  for (const node of await cluster.masters()) await expectNoLeakedKeys(node)
}

test('a slot that moves to another node and back under load: no check fails, and every one is counted once', async () => {
  // A busy machine is no fault: neither do calls give up, nor nodes each other.
  for (const node of cluster.nodes) await node.cli('CONFIG', 'SET', 'cluster-node-timeout', '15000')
  await startFleet({ deadline: '10s' })
  const others = (await cluster.masters()).filter(({ id }) => id !== master.id)
  for (const to of [others[0] as ClusterNode, master]) {
    const move = await cluster.beginMove(slot, to)
    await fleet.untilEnded(50)
    // Some keys of the slot are here, some there: what is asked together is asked again apart.
    await move.moveKeys(2)
    await fleet.untilEnded(50)
    await move.finish()
    await fleet.untilDecidedFor(USER, 20, systemClock.nowUs())
  }
  await fleet.stop()
  expect(fleet.storeErrors).toEqual([])
  expectExact(fleet)
  await expectNoLeaksAnywhere()
})

test('A10: a planned failover in the cluster: the bound itself', async () => {
  await startFleet()
  const [replica] = await cluster.replicasOf(master)
  await cluster.failover(replica as ClusterNode)
  await fleet.untilDecidedFor(USER, 50, systemClock.nowUs())
  await fleet.stop()
  expectExactButUnanswered(fleet)
  await cluster.untilHealthy()
  await expectNoLeaksAnywhere()
})

test('two masters of three stopped: the cluster decides nothing, nobody waits twice, and it is found again', async () => {
  await startFleet()
  const masters = await cluster.masters()
  const stopped = masters.filter(({ id }) => id !== master.id)
  const all = [...stopped, ...(await Promise.all(stopped.map(node => cluster.replicasOf(node)))).flat()]
  for (const { pid } of all) process.kill(pid, 'SIGSTOP')
  while (!(await master.cli('CLUSTER', 'INFO')).includes('cluster_state:fail')) await fleet.untilEnded(10)
  const downUs = systemClock.nowUs()
  await fleet.untilUndecided(200)
  for (const { pid } of all) process.kill(pid, 'SIGCONT')
  await cluster.untilHealthy()
  await fleet.untilDecidedFor(USER, 50, downUs)
  await fleet.stop()
  expect(fleet.askedWhileDown).toBe(0)
  expectExactButUnanswered(fleet)
  await expectNoLeaksAnywhere()
})

test('a master that stands still: its replica is found while it stands, and nobody waits for the old one twice', async () => {
  await startFleet()
  const [replica] = await cluster.replicasOf(master)
  const replicatedUs = await replicatedUntilUs(master, replica as ClusterNode)
  process.kill(master.pid, 'SIGSTOP')
  const stillUs = systemClock.nowUs()
  await fleet.untilDecidedFor(USER, 50, stillUs)
  await fleet.stop()
  process.kill(master.pid, 'SIGCONT')

  expect(fleet.outages).toBeGreaterThan(0)
  expect(fleet.askedWhileDown).toBe(0)
  expectBoundAndLost(fleet, replicatedUs, stillUs)
  await cluster.untilHealthy()
  await expectNoLeaksAnywhere()
})

test('A10: a master of the cluster killed: the bound, and once more what had not reached its replica', async () => {
  await startFleet()
  const [replica] = await cluster.replicasOf(master)
  const replicatedUs = await replicatedUntilUs(master, replica as ClusterNode)
  await cluster.kill(master)
  const deadUs = systemClock.nowUs()
  await fleet.untilDecidedFor(USER, 50, deadUs)
  await fleet.stop()

  expectBoundAndLost(fleet, replicatedUs, deadUs)
  await cluster.untilHealthy()
  await expectNoLeaksAnywhere()
})
