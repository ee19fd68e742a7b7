import { setTimeout as sleep } from 'node:timers/promises'
import { createClient } from 'redis'
import { afterEach, expect, test } from 'vitest'
import { SILENCE_MAX_MS } from '../../src/redis/silence.js'
import { type PartitionedRedis, startPartitionedRedis, whyNoPartition } from '../support/partitioned-redis.js'
import { expectExactButUnanswered, expectNoLeakedKeys, FleetUnderLoad } from './fleet-under-load.js'

const missing = await whyNoPartition()
if (missing !== undefined) console.error(`\nTHE TESTS OF A CUT NETWORK ARE SKIPPED: ${missing}\n`)

const running: { stop(): Promise<void> }[] = []

afterEach(async () => {
  for (const each of running.splice(0).reverse()) await each.stop()
})

/** One replica beside the server, and two at the other end of the link: by ioredis and by node-redis. */
async function start(): Promise<{ redis: PartitionedRedis; fleet: FleetUnderLoad }> {
  const redis = await startPartitionedRedis()
  const { host, port } = redis
  const stores = [`unix://${redis.socketPath}`, redis.url, createClient({ socket: { host, port } })]
  const fleet = new FleetUnderLoad({ stores, limiter: { deadline: '500ms' } })
  running.push(redis, fleet)
  for (const replica of [0, 1, 2]) await untilDecidedBy(fleet, replica)
  return { redis, fleet }
}

async function untilDecidedBy(fleet: FleetUnderLoad, replica: number): Promise<void> {
  const before = fleet.decidedBy(replica)
  while (fleet.decidedBy(replica) < before + 50) await fleet.untilEnded(10)
}

test.skipIf(missing !== undefined).each([
  ['for a moment', 1_000],
  ['for longer than a connection is kept that nothing comes from', SILENCE_MAX_MS + 2_000],
])(
  'replicas cut off from Redis %s: they go on by their shares, and come back, and the counters are exact',
  async (_, cutMs) => {
    const { redis, fleet } = await start()
    await redis.cut()
    await sleep(cutMs)
    await redis.mend()
    for (const replica of [0, 1, 2]) await untilDecidedBy(fleet, replica)
    await fleet.stop()

    expect(fleet.recordings[0]?.every(({ kind }) => kind === 'decided')).toBe(true)
    // Each of the two found out by one deadline, and from then on nobody waited.
    expect(fleet.outages).toBeGreaterThanOrEqual(2)
    expect(fleet.askedWhileDown).toBe(0)
    expectExactButUnanswered(fleet)
    await expectNoLeakedKeys(redis)
  },
)
