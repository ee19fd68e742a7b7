/**
 * `npm run bench:cluster`: `limiter.check()` on a Redis Cluster of 3 masters at 512 in flight, against one EVALSHA for
 * each check: by the cluster client of ioredis, and over the limiter's own connections; then what the number of shards
 * does, on 3 and on 6 masters.
 *
 * Contenders take turns within every round. What else runs on the machine can only take from them, so each figure is that
 * of the best round: the most checks, the least CPU time. No limit is reached.
 *
 *   SLUICE_BENCH_ROUNDS=40   rounds of each cell (default 15)
 */
import { Redis } from 'ioredis'
import { createLimiter, type Store } from '../../src/index.ts'
import { createKeyBuilder, DEFAULT_SHARDS } from '../../src/keys.ts'
import { slotOf } from '../../src/redis/cluster-slots.ts'
import { hourly } from '../support/checks.ts'
import { type RedisCluster, startRedisCluster } from '../support/redis-cluster.ts'
import { type Ask, closedLoop, type Sample } from './support/closed-loop.ts'
import { IoredisClusterEngine } from './support/ioredis-cluster.ts'
import { OneByOneEngine } from './support/one-by-one.ts'
import { pinApart } from './support/pin-apart.ts'

const ROUNDS = Number(process.env.SLUICE_BENCH_ROUNDS ?? 15)
const ROUND_MS = 150
const SHARD_ROUND_MS = 100
const KEYS = 10_000
const UNREACHED = 1_000_000
const IN_FLIGHT = 512
const SHARDS = [16, 32, 64, 128, 256, 512, 1024]
const SLOTS = 16_384

const BY_CLIENT = 'one EVALSHA per check by the Cluster of ioredis'
const BY_CONNECTION = 'one EVALSHA per check over our connections'

const POLICIES = {
  gcra: { limit: UNREACHED, window: '1h' },
  window: { limit: UNREACHED, window: '1h', algorithm: 'fixed_window' },
} as const
const LIMIT = hourly(UNREACHED)
const subjects = Array.from({ length: KEYS }, (_, i) => `user-${i}`)

interface Contender {
  readonly ask: Ask
  close(): Promise<void>
}

async function contender(
  store: Store,
  policy: keyof typeof POLICIES,
  keys: { readonly prefix?: string; readonly shards?: number } = {},
): Promise<Contender> {
  // Long enough that only the store decides.
  const limiter = createLimiter({ store, ...keys, policies: POLICIES, deadline: '10s' })
  await limiter.ready()
  return {
    ask: async subject => (await limiter.check(policy, subject)).allowed,
    close: () => limiter.close(),
  }
}

/** The samples of each contender, round by round. */
async function measure(
  contenders: ReadonlyMap<string, Contender>,
  masters: readonly Redis[],
  ms: number,
): Promise<Map<string, Sample[]>> {
  const samples = new Map<string, Sample[]>()
  for (let round = -1; round < ROUNDS; round++) {
    for (const [name, { ask }] of contenders) {
      const sample = await closedLoop(ask, masters, subjects, IN_FLIGHT, ms, round + 2)
      if (sample.admitted !== sample.checks) {
        throw new Error(
          `${name} admitted ${sample.admitted} of ${sample.checks} under a limit nobody reaches`,
        )
      }
      // The first round makes the keys and warms the code up.
      if (round >= 0) samples.set(name, [...(samples.get(name) ?? []), sample])
    }
  }
  return samples
}

type Figure = 'perSecond' | 'p50Us' | 'clientCpuUs' | 'serverCpuUs'

/** Of the round that was disturbed least. */
function best(samples: readonly Sample[] | undefined, figure: Figure): number {
  const figures = (samples ?? []).map(sample => sample[figure])
  return figure === 'perSecond' ? Math.max(...figures) : Math.min(...figures)
}

/** How much more the busiest master has than it would if all had the same, for as many subjects as there are keys. */
function unevenness(masters: number, shards: number): number {
  const keyOf = createKeyBuilder({ shards })
  const counts = new Array<number>(masters).fill(0)
  for (const subject of subjects) {
    const master = Math.floor((slotOf(keyOf(LIMIT, subject)) * masters) / SLOTS)
    counts[master] = (counts[master] as number) + 1
  }
  return Math.max(...counts) / (KEYS / masters)
}

async function withMasters<T>(
  masters: number,
  use: (cluster: RedisCluster, connections: readonly Redis[]) => Promise<T>,
): Promise<T> {
  const cluster = await startRedisCluster({ masters, replicas: 0 })
  const connections = cluster.nodes.map(({ url }) => new Redis(url))
  for (const { pid } of cluster.nodes) pinApart(pid)
  try {
    return await use(cluster, connections)
  } finally {
    for (const connection of connections) connection.disconnect()
    await cluster.stop()
  }
}

async function againstOneByOne(cluster: RedisCluster, masters: readonly Redis[]): Promise<void> {
  const stores = new Map<string, Store>([
    ['sluice', cluster.store],
    [BY_CLIENT, new IoredisClusterEngine(cluster.store, 'by-client')],
    [BY_CONNECTION, new OneByOneEngine(cluster.store, 'by-connection')],
  ])
  const contenders = new Map<string, Contender>()
  for (const [name, store] of stores) {
    contenders.set(`${name}, gcra`, await contender(store, 'gcra'))
    contenders.set(`${name}, fixed_window`, await contender(store, 'window'))
  }
  const samples = await measure(contenders, masters, ROUND_MS)
  console.log(`## ${IN_FLIGHT} in flight, 3 masters, ${DEFAULT_SHARDS} shards\n`)
  console.log('| | checks/s | p50 us | client CPU us | CPU us of all masters |\n|---|---|---|---|---|')
  for (const [name, own] of samples) {
    console.log(
      `| ${name} | ${best(own, 'perSecond').toFixed(0)} | ${best(own, 'p50Us').toFixed(0)} | ` +
        `${best(own, 'clientCpuUs').toFixed(2)} | ${best(own, 'serverCpuUs').toFixed(2)} |`,
    )
  }
  for (const other of [BY_CLIENT, BY_CONNECTION]) {
    for (const algorithm of ['gcra', 'fixed_window']) {
      const ratio = (figure: Figure) =>
        best(samples.get(`sluice, ${algorithm}`), figure) /
        best(samples.get(`${other}, ${algorithm}`), figure)
      console.log(
        `\nover ${other}, ${algorithm}: checks/s ${ratio('perSecond').toFixed(2)}, per CPU us of this process ` +
          `${(1 / ratio('clientCpuUs')).toFixed(2)}, of the masters ${(1 / ratio('serverCpuUs')).toFixed(2)}`,
      )
    }
  }
  await Promise.all([...contenders.values()].map(({ close }) => close()))
}

async function sweepShards(cluster: RedisCluster, masters: readonly Redis[]): Promise<Map<string, Sample[]>> {
  const contenders = new Map<string, Contender>()
  for (const shards of SHARDS) {
    contenders.set(
      String(shards),
      await contender(cluster.store, 'gcra', { prefix: `shards-${shards}`, shards }),
    )
  }
  const samples = await measure(contenders, masters, SHARD_ROUND_MS)
  await Promise.all([...contenders.values()].map(({ close }) => close()))
  return samples
}

console.log(`Node ${process.version}, ${KEYS} keys, the best of ${ROUNDS} rounds\n`)
const three = await withMasters(3, async (cluster, masters) => {
  await againstOneByOne(cluster, masters)
  return sweepShards(cluster, masters)
})
const six = await withMasters(6, sweepShards)
console.log(
  `\n## shards, gcra at ${IN_FLIGHT} in flight; unevenness is the busiest master's part over an even one\n`,
)
console.log(
  '| shards | 3 masters, checks/s | CPU us, client + masters | unevenness | 6 masters, checks/s | CPU us | unevenness |\n' +
    '|---|---|---|---|---|---|---|',
)
for (const shards of SHARDS) {
  const columns = [three, six].flatMap((samples, i) => {
    const own = samples.get(String(shards))
    return [
      best(own, 'perSecond').toFixed(0),
      `${best(own, 'clientCpuUs').toFixed(2)} + ${best(own, 'serverCpuUs').toFixed(2)}`,
      unevenness(3 * (i + 1), shards).toFixed(3),
    ]
  })
  console.log(`| ${shards} | ${columns.join(' | ')} |`)
}
