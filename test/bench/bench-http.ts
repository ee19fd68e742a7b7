/**
 * `npm run bench:http`: what a limit costs where requests arrive.
 *
 * First in process: what each middleware takes of CPU time for one request, on the request and response of a real server,
 * beside the bare call of the limiter. Then over HTTP: the same route behind Sluice, express-rate-limit and
 * @fastify/rate-limit, in memory and in Redis, every server in a process of its own and asked by turns within every round;
 * requests/s and p99 are what autocannon saw, CPU is what the server's process spent for a request. What else the machine does
 * can only make a round worse, so each figure is that of its best round.
 *
 *   SLUICE_BENCH_ROUNDS=5          rounds of each cell (default 5)
 *   SLUICE_BENCH_FRAMEWORK=express  one framework only
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import autocannon from 'autocannon'
import { startRedis } from '../support/redis-server.ts'
import { CONTENDERS, USER_HEADER } from './support/http-contenders.ts'
import { measureOverhead, measureRedisOverhead } from './support/http-overhead.ts'
import { pinApart } from './support/pin-apart.ts'

const ROUNDS = Number(process.env.SLUICE_BENCH_ROUNDS ?? 5)
const ONLY = process.env.SLUICE_BENCH_FRAMEWORK
const ROUND_REQUESTS = 5_000
const CONNECTIONS = 50
const USERS = 1_000
/** Not reached. */
const LIMIT = 1_000_000_000

interface Sample {
  readonly perSecond: number
  readonly p99Ms: number
  readonly cpuUs: number
}

interface Contender {
  readonly name: string
  readonly child: ChildProcess
  readonly url: string
  readonly samples: Sample[]
}

const message = async (child: ChildProcess): Promise<Record<string, number>> => {
  const [said] = (await once(child, 'message')) as [Record<string, number>]
  return said
}

async function start(framework: string, name: string, redisUrl: string): Promise<Contender> {
  const program = new URL('./support/http-server.ts', import.meta.url)
  const child = fork(program, [framework, name, String(LIMIT), redisUrl], { execArgv: process.execArgv })
  const { port } = await message(child)
  if (child.pid !== undefined) pinApart(child.pid)
  return { name, child, url: `http://127.0.0.1:${port}`, samples: [] }
}

async function cpuOf({ child }: Contender): Promise<number> {
  child.send('cpu')
  return (await message(child)).cpuUs as number
}

const requests = Array.from({ length: USERS }, (_, user) => ({ headers: { [USER_HEADER]: `user-${user}` } }))

async function load(contender: Contender): Promise<Sample> {
  const before = await cpuOf(contender)
  const result = await autocannon({
    url: contender.url,
    connections: CONNECTIONS,
    amount: ROUND_REQUESTS,
    requests,
  })
  if (result.errors > 0 || result.non2xx > 0) throw new Error(`${contender.name} failed: ${result.non2xx}`)
  const cpuUs = ((await cpuOf(contender)) - before) / result.requests.total
  return { perSecond: result.requests.total / result.duration, p99Ms: result.latency.p99, cpuUs }
}

/** The best of the rounds, in each column by itself. */
function row({ name, samples }: Contender): string {
  const of = (field: keyof Sample) => samples.map(sample => sample[field])
  const perSecond = Math.round(Math.max(...of('perSecond'))).toLocaleString('en-US')
  return `| ${name} | ${perSecond} | ${Math.min(...of('p99Ms'))} | ${Math.min(...of('cpuUs')).toFixed(1)} |`
}

console.log('| in process, one request | CPU us |\n|---|---|')
for (const { name, us } of await measureOverhead()) console.log(`| ${name} | ${us.toFixed(2)} |`)

const redis = await startRedis()
console.log(`\n| in process through Redis, ${CONNECTIONS} requests at once | CPU us |\n|---|---|`)
for (const { name, us } of await measureRedisOverhead(`${redis.url}/1`, CONNECTIONS)) {
  console.log(`| ${name} | ${us.toFixed(2)} |`)
}
console.log(
  `\nNode ${process.version}, ${CONNECTIONS} connections, ${USERS} users, the best of ${ROUNDS} rounds of ${ROUND_REQUESTS} requests`,
)
for (const [framework, contenders] of Object.entries(CONTENDERS)) {
  if (ONLY !== undefined && ONLY !== framework) continue
  const running = await Promise.all(
    Object.keys(contenders).map(name => start(framework, name, `${redis.url}/0`)),
  )
  for (const contender of running) await load(contender)
  for (let round = 0; round < ROUNDS; round++) {
    for (const contender of running) contender.samples.push(await load(contender))
  }
  console.log(`\n| ${framework} | requests/s | p99 ms | CPU us/request |\n|---|---|---|---|`)
  for (const contender of running) console.log(row(contender))
  for (const { child } of running) child.disconnect()
}
await redis.stop()
