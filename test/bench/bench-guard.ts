/**
 * `npm run bench:guard`: what the guard and the deny cache add to a check, in CPU time of this process, and what a check
 * takes while the store is down.
 *
 * The same dispatcher asks the same Redis through one engine that is bare and one that is guarded, by turns within every
 * round. What else runs on the machine can only add to the CPU time of a check, so each figure is that of the round that
 * took least. Fails when the guard adds over 10 %, and when a check without the store takes more than one with it.
 *
 *   SLUICE_BENCH_ROUNDS=40   rounds of each cell (default 25)
 */
import { Redis } from 'ioredis'
import { Op } from '../../src/core/step.ts'
import { systemClock } from '../../src/core/time.ts'
import { timersOf } from '../../src/core/timers.ts'
import type { Engine } from '../../src/engine/engine.ts'
import { guard } from '../../src/engine/guard.ts'
import { createRedisEngine } from '../../src/engine/redis-engine.ts'
import { Events } from '../../src/events.ts'
import { createKeyBuilder } from '../../src/keys.ts'
import { Dispatcher } from '../../src/limiter/dispatcher.ts'
import { planChecks } from '../../src/limiter/request.ts'
import { Tally } from '../../src/limiter/tally.ts'
import { STORE_FAILURE_POLICIES } from '../../src/policy/options.ts'
import { type CompiledPolicy, compilePolicies, type PoliciesInput } from '../../src/policy.ts'
import { startRedis } from '../support/redis-server.ts'
import { type Ask, closedLoop, type Sample } from './support/closed-loop.ts'
import { pinApart } from './support/pin-apart.ts'

const ROUNDS = Number(process.env.SLUICE_BENCH_ROUNDS ?? 25)
const ROUND_MS = 150
const IN_FLIGHT = 512
const RATIO_MAX = 1.1
const DOWN_ROUND_MS = 50
/** A port that nothing listens on: TCPMUX is on no machine. */
const NOBODY = 1

const CELLS: Readonly<Record<string, { readonly policy: PoliciesInput; readonly subjects: number }>> = {
  'admitted, 10,000 subjects': { policy: { api: { limit: 1_000_000, window: '1h' } }, subjects: 10_000 },
  'refused, 100 subjects': { policy: { api: { limit: 1, window: '1h' } }, subjects: 100 },
}

/** Asks as `limiter.check` does. */
function askOf(engine: Engine, policies: PoliciesInput): Ask {
  const policy = compilePolicies(policies).byName.get('api') as CompiledPolicy
  const dispatcher = new Dispatcher(engine, createKeyBuilder(), new Events(), new Tally())
  return async subject => {
    const plan = () => planChecks(policy, subject, Op.consume)
    return (await dispatcher.decide({ call: 'check', asked: [{ policy: 'api', subject }], plan })).allowed
  }
}

const surroundings = () => ({
  timers: timersOf(systemClock),
  events: new Events(),
  clock: undefined,
  maxKeys: undefined,
})
const numbered = (stem: string, count: number) => Array.from({ length: count }, (_, i) => `${stem}-${i}`)

const server = await startRedis()
const redis = new Redis(server.url)
const pinned = pinApart(server.pid)
console.log(
  `Node ${process.version}, ${IN_FLIGHT} in flight on loopback, the best of ${ROUNDS} rounds of ${ROUND_MS} ms, ` +
    `${pinned ? 'server and client on a core each' : 'not pinned to cores'}\n`,
)
console.log('| cell | bare: CPU us | guarded: CPU us | ratio |\n|---|---|---|---|')
let bareUs = 0
for (const [cell, { policy, subjects: count }] of Object.entries(CELLS)) {
  const open = (name: string) => createRedisEngine({ store: server.url, prefix: `${name}:${count}` })
  const bare = open('bare')
  // A machine that is busy with something else is no outage: what is measured is the way through the guard.
  const guarded = guard(open('guarded'), { deadline: '10s' }, surroundings())
  await Promise.all([bare.ready(), guarded.ready()])
  const asks = { bare: askOf(bare, policy), guarded: askOf(guarded, policy) }
  const subjects = numbered(cell, count)
  const rounds: Record<keyof typeof asks, Sample>[] = []
  for (let round = -2; round < ROUNDS; round++) {
    const take = (name: keyof typeof asks) =>
      closedLoop(asks[name], redis, subjects, IN_FLIGHT, ROUND_MS, round + 3)
    // Who goes first changes: the second finds the machine as the first has left it.
    const [first, second] = round % 2 === 0 ? (['bare', 'guarded'] as const) : (['guarded', 'bare'] as const)
    const samples = { [first]: await take(first), [second]: await take(second) }
    if (round >= 0) rounds.push(samples as Record<keyof typeof asks, Sample>)
  }
  const cpuUs = (name: keyof typeof asks) => Math.min(...rounds.map(round => round[name].clientCpuUs))
  const ratio = cpuUs('guarded') / cpuUs('bare')
  console.log(
    `| ${cell} | ${cpuUs('bare').toFixed(2)} | ${cpuUs('guarded').toFixed(2)} | ${ratio.toFixed(2)} |`,
  )
  if (ratio > RATIO_MAX) process.exitCode = 1
  bareUs = Math.max(bareUs, cpuUs('bare'))
  await Promise.all([bare.close(), guarded.close()])
}

console.log('\n| while the store is down | CPU us |\n|---|---|')
for (const onStoreFailure of STORE_FAILURE_POLICIES) {
  const policy = { api: { limit: 1_000_000, window: '1h' } }
  const { events, ...rest } = surroundings()
  const down = new Promise(resolve => events.on('storeDown', resolve))
  const engine = guard(
    createRedisEngine({ store: `redis://127.0.0.1:${NOBODY}` }),
    { onStoreFailure, replicas: 3 },
    { ...rest, events },
  )
  const ask = askOf(engine, policy)
  await ask('the first one finds out')
  await down
  const subjects = numbered('down', 10_000)
  const rounds: number[] = []
  for (let round = -2; round < ROUNDS; round++) {
    // One after the other: nobody waits.
    const { clientCpuUs } = await closedLoop(ask, redis, subjects, 1, DOWN_ROUND_MS, round + 3)
    if (round >= 0) rounds.push(clientCpuUs)
  }
  const us = Math.min(...rounds)
  console.log(`| ${onStoreFailure} | ${us.toFixed(2)} |`)
  if (us > bareUs) process.exitCode = 1
  await engine.close()
}
await redis.quit()
await server.stop()
