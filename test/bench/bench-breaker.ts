/**
 * `npm run bench:breaker`: what a breaker adds to a call while its circuits are closed, in CPU time of this process, and
 * what its script costs a server.
 *
 * A call is an async function that answers at once, alone and through a breaker by turns within every round. What else
 * runs on the machine can only add to CPU time, so each figure is that of the round that took least, less the call
 * alone. Subjects are strings of their own, as requests bring them. Fails above the limits.
 *
 *   SLUICE_BENCH_ROUNDS=40   rounds of each cell (default 15)
 */
import { Redis } from 'ioredis'
import { circuitBlock } from '../../src/breaker/circuit-wire.ts'
import { type BreakerOptions, createBreaker } from '../../src/breaker/index.ts'
import { readBreakerOptions } from '../../src/breaker/read-options.ts'
import { CircuitOp } from '../../src/core/circuit-plan.ts'
import { loadScript } from '../../src/redis/scripts.ts'
import { startRedis } from '../support/redis-server.ts'
import { sequence } from './support/closed-loop.ts'

const ROUNDS = Number(process.env.SLUICE_BENCH_ROUNDS ?? 15)
const WARM_UP_ROUNDS = 3
const ROUND_CALLS = 40_000
const BATCH_CALLS = 500
const LIMIT_NS = 1_000
const SCRIPT_LIMIT_US = 20
const SCRIPT_ROUNDS = 5
const SCRIPT_CALLS = 5_000

const call = async (): Promise<number> => 42

type Run = (subject: string) => Promise<unknown>

const server = await startRedis()
const CELLS: Readonly<Record<string, { readonly subjects: number; readonly options: BreakerOptions }>> = {
  'memory, 1 circuit': { subjects: 1, options: {} },
  'memory, 10,000 circuits': { subjects: 10_000, options: {} },
  'memory, 1 circuit, share of failures': { subjects: 1, options: { failureRate: 0.5 } },
  'memory, 1,000 circuits, share of failures': { subjects: 1_000, options: { failureRate: 0.5 } },
  'Redis, 1 circuit': { subjects: 1, options: { store: server.url, deadline: '10s' } },
  'Redis, 100 circuits, share of failures': {
    subjects: 100,
    options: { store: server.url, name: 'rate', failureRate: 0.5, deadline: '10s' },
  },
}

/** CPU ns per call of one round. */
async function cpuNs(run: Run, subjects: number, draw: () => number): Promise<number> {
  let cpuUs = 0
  for (let calls = 0; calls < ROUND_CALLS; calls += BATCH_CALLS) {
    const batch = Array.from({ length: BATCH_CALLS }, () => `https://api-${draw() % subjects}.example.com`)
    const before = process.cpuUsage()
    for (const subject of batch) await run(subject)
    const { user, system } = process.cpuUsage(before)
    cpuUs += user + system
  }
  return (cpuUs * 1000) / ROUND_CALLS
}

let failed = false
console.log(`Node ${process.version}, the best of ${ROUNDS} rounds of ${ROUND_CALLS} calls\n`)
console.log(
  '| circuits | the call alone: ns | with breaker.run: ns | added: ns | limit |\n|---|---|---|---|---|',
)
for (const [cell, { subjects, options }] of Object.entries(CELLS)) {
  const breaker = createBreaker(options)
  await breaker.ready()
  const draw = sequence(7)
  const bare: number[] = []
  const guarded: number[] = []
  for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round++) {
    const alone = await cpuNs(call, subjects, draw)
    const through = await cpuNs(subject => breaker.run(subject, call), subjects, draw)
    if (round < 0) continue
    bare.push(alone)
    guarded.push(through)
  }
  const { totalRequests, successfulRequests } = breaker.metrics()
  if (totalRequests !== successfulRequests) throw new Error(`${cell}: a call was refused or failed`)
  await breaker.close()
  const [alone, through] = [Math.min(...bare), Math.min(...guarded)]
  const isLimited = !cell.startsWith('Redis')
  failed ||= isLimited && through - alone > LIMIT_NS
  const figures = [alone, through, through - alone].map(ns => ns.toFixed(0))
  console.log(`| ${cell} | ${figures.join(' | ')} | ${isLimited ? `≤ ${LIMIT_NS}` : ''} |`)
}

const redis = new Redis(server.url)

/** CPU us of the server's main thread per call, of the round that took least. */
async function serverUs(source: string, args: readonly Buffer[]): Promise<number> {
  const sha1 = String(await redis.script('LOAD', source))
  const rounds: number[] = []
  for (let round = 0; round < SCRIPT_ROUNDS; round++) {
    const before = await mainThreadUs()
    for (let calls = 0; calls < SCRIPT_CALLS; calls += BATCH_CALLS) {
      await Promise.all(Array.from({ length: BATCH_CALLS }, () => redis.evalsha(sha1, 1, 'circuit', ...args)))
    }
    rounds.push(((await mainThreadUs()) - before) / SCRIPT_CALLS)
  }
  return Math.min(...rounds)
}

async function mainThreadUs(): Promise<number> {
  const info = await redis.info('cpu')
  const seconds = (kind: string) =>
    Number(new RegExp(`used_cpu_${kind}_main_thread:([0-9.]+)`).exec(info)?.[1])
  return (seconds('user') + seconds('sys')) * 1e6
}

const { source } = loadScript('breaker')
const { plan } = readBreakerOptions({ failureRate: 0.5, minimumVolume: 1_000_000_000 })
const step = (op: CircuitOp, successes: number) => {
  const request = { op, generation: 0, a: 0, b: successes, ticket: 0 }
  return [Buffer.from(circuitBlock(plan, [request], 0, 0.5))]
}
// What any call costs, without its script.
const callUs = await serverUs('return 1', [])
const costs = {
  'a look at a circuit that was never used': (await serverUs(source, step(CircuitOp.look, 0))) - callUs,
  'a report of one success': (await serverUs(source, step(CircuitOp.report, 1))) - callUs,
  'a look at a closed circuit': (await serverUs(source, step(CircuitOp.look, 0))) - callUs,
}
console.log('\n| the script | CPU us on the server | limit |\n|---|---|---|')
for (const [name, us] of Object.entries(costs)) {
  failed ||= us > SCRIPT_LIMIT_US
  console.log(`| ${name} | ${us.toFixed(1)} | ≤ ${SCRIPT_LIMIT_US} |`)
}
await redis.quit()
await server.stop()
if (failed) process.exitCode = 1
