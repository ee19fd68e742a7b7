import { Redis } from 'iovalkey'
import { createSentinel } from 'redis'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemClock } from '../../src/core/time.js'
import { type SentinelGroup, startSentinels } from '../support/redis-sentinel.js'
import type { RedisServer } from '../support/redis-server.js'
import {
  expectBoundAndLost,
  expectNoLeakedKeys,
  FleetUnderLoad,
  replicatedUntilUs,
} from './fleet-under-load.js'

let group: SentinelGroup
let fleet: FleetUnderLoad

beforeEach(async () => {
  group = await startSentinels()
  // No replica is like the other: each client.
  const { nodes, name } = group
  const stores = [
    { sentinel: { nodes: nodes.map(({ host, port }) => `${host}:${port}`), name } },
    new Redis({ sentinels: [...nodes], name, lazyConnect: true }),
    createSentinel({ name, sentinelRootNodes: [...nodes] }),
  ]
  fleet = new FleetUnderLoad({ stores })
  await fleet.untilDecided(200)
})

afterEach(async () => {
  await fleet.stop()
  await group.stop()
})

test('the primary killed, and Sentinel promotes its replica: the bound, and once more what had not reached it', async () => {
  const [primary, replica] = group.servers
  const replicatedUs = await replicatedUntilUs(primary, replica)
  await primary.stop()
  const deadUs = systemClock.nowUs()
  await fleet.untilDecided(200)
  await fleet.stop()
  expect(await group.primary()).toBe(replica)
  expect(fleet.outages).toBeGreaterThan(0)
  expect(fleet.askedWhileDown).toBe(0)
  expectBoundAndLost(fleet, replicatedUs, deadUs)
  await expectNoLeakedKeys(replica)
})

test('a failover on demand: the fleet follows, and admits once more only what the old primary let pass on the way', async () => {
  const [primary, replica] = group.servers
  const replicatedUs = await replicatedUntilUs(primary, replica)
  await group.failover()
  // Until they have heard of it, replicas ask the old one.
  while ((await askersOf(primary)) > 0) await fleet.untilEnded(1)
  const movedUs = systemClock.nowUs()
  await fleet.untilDecided(200)
  await fleet.stop()
  expect(await group.primary()).toBe(replica)
  expectBoundAndLost(fleet, replicatedUs, movedUs)
  await expectNoLeakedKeys(replica)
})

/** Connections of limiters to a server: all but those of Sentinels and the one that asks. */
async function askersOf(server: RedisServer): Promise<number> {
  const connections = (await server.cli('CLIENT', 'LIST', 'TYPE', 'normal')).split('\n')
  return connections.filter(line => !/ name=sentinel-| cmd=client/.test(line)).length
}
