import { afterEach, expect, test } from 'vitest'
import { type RedisServer, startRedis } from '../support/redis-server.js'
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js'
import {
  expectExactButUnanswered,
  expectNoLeakedKeys,
  FleetUnderLoad,
  POLICY_NAMES,
} from './fleet-under-load.js'

const running: { stop(): Promise<void> }[] = []

afterEach(async () => {
  for (const each of running.splice(0).reverse()) await each.stop()
})

/** Three replicas on one server; the first reaches it through a way that can be disturbed. */
async function start(): Promise<{ redis: RedisServer; proxy: TcpProxy; fleet: FleetUnderLoad }> {
  const redis = await startRedis()
  const proxy = await startTcpProxy(redis.port)
  const fleet = new FleetUnderLoad({ stores: [proxy.url, redis.url, redis.url] })
  running.push(redis, { stop: () => proxy.close() }, fleet)
  await fleet.untilDecided(200)
  return { redis, proxy, fleet }
}

test('a replica whose replies get lost: what it asked is charged at most once, and the others count on exactly', async () => {
  const { redis, proxy, fleet } = await start()
  proxy.holdReplies()
  await fleet.untilEnded(200)
  // The network gives the connection up; what the replies said is lost with it.
  proxy.killConnections()
  proxy.releaseReplies()
  const decidedBefore = fleet.decidedBy(0)
  while (fleet.decidedBy(0) < decidedBefore + 50) await fleet.untilEnded(10)
  await fleet.stop()

  expect(fleet.recordings[0]?.some(({ kind }) => kind === 'undecided')).toBe(true)
  expect(
    fleet.recordings
      .slice(1)
      .flat()
      .every(({ kind }) => kind === 'decided'),
  ).toBe(true)
  expectExactButUnanswered(fleet)
  await expectNoLeakedKeys(redis)
})

test('connections that end again and again: no check hangs, none is sent twice, and the fleet recovers', async () => {
  const { redis, proxy, fleet } = await start()
  for (let cuts = 0; cuts < 5; cuts++) {
    proxy.killConnections()
    await fleet.untilEnded(100)
  }
  const decidedBefore = fleet.decidedBy(0)
  while (fleet.decidedBy(0) < decidedBefore + 50) await fleet.untilEnded(10)
  await fleet.stop()
  expectExactButUnanswered(fleet)
  for (const policy of POLICY_NAMES) expect(fleet.replay(policy).allowed).toBeGreaterThan(0)
  await expectNoLeakedKeys(redis)
})
