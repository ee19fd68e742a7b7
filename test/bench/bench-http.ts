/**
 * `npm run bench:http`: what a limit costs where requests arrive.
 *
 * First in process: what each middleware takes of CPU time for one request, on the request and response of a real server,
 * beside the bare call of the limiter. Then over HTTP: the same route behind Sluice, express-rate-limit and
 * @fastify/rate-limit, in memory and in Redis, every server in a process of its own, on the first core, with the clients
 * and Redis on the second. Requests/s and p99 are what autocannon saw, CPU is what the server's process spent for a
 * request.
 *
 * The contenders take turns within every round, and rounds are short. What else the machine does can only make one worse, so
 * each figure is that of its best round; ratios to the rival are medians of those within the rounds.
 *
 *   SLUICE_BENCH_ROUNDS=5           rounds of each cell over HTTP (default 15); 0: in process alone
 *   SLUICE_BENCH_FRAMEWORK=express  one framework only, over HTTP alone
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import autocannon, { type Client } from 'autocannon'
import { type RedisServer, startRedis } from '../support/redis-server.ts'
import { median } from './support/closed-loop.ts'
import { CONTENDERS, USER_HEADER } from './support/http-contenders.ts'
import { measureOverhead, measureRedisOverhead, type Overhead } from './support/http-overhead.ts'
import { pin } from './support/pin-apart.ts'

const ROUNDS = Number(process.env.SLUICE_BENCH_ROUNDS ?? 15)
const ONLY = process.env.SLUICE_BENCH_FRAMEWORK
const ROUND_SECONDS = 0.4
/** How often autocannon looks whether the round is over. */
const SAMPLE_MS = 20
const WARM_UP_REQUESTS = 8_000
const CONNECTIONS = 50
const USERS_PER_CONNECTION = 20
const IN_FLIGHT_IN_PROCESS = [50, 5]
/** Of the server that is asked. Clients and Redis have the other: left alone, they take turns on both. */
const SERVER_CORE = 0
const OTHER_CORE = 1
/** Not reached. */
const LIMIT = 1_000_000_000

interface Sample {
  readonly requests: number
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
  if (child.pid !== undefined) pin(child.pid, SERVER_CORE)
  return { name, child, url: `http://127.0.0.1:${port}`, samples: [] }
}

async function cpuOf({ child }: Contender): Promise<number> {
  child.send('cpu')
  return (await message(child)).cpuUs as number
}

async function load(contender: Contender): Promise<Sample> {
  let connection = 0
  const before = await cpuOf(contender)
  const result = await autocannon({
    url: contender.url,
    connections: CONNECTIONS,
    duration: ROUND_SECONDS,
    sampleInt: SAMPLE_MS,
    // Users of its own for each connection: to make all of them for all takes longer than the round.
    setupClient(client: Client) {
      const first = USERS_PER_CONNECTION * connection++
      const users = Array.from({ length: USERS_PER_CONNECTION }, (_, i) => `user-${first + i}`)
      client.setRequests(users.map(user => ({ headers: { [USER_HEADER]: user } })))
    },
  })
  if (result.errors > 0 || result.non2xx > 0) throw new Error(`${contender.name} failed: ${result.non2xx}`)
  const requests = result.requests.total
  const cpuUs = ((await cpuOf(contender)) - before) / requests
  return { requests, perSecond: requests / result.duration, p99Ms: result.latency.p99, cpuUs }
}

/** The best of the rounds, in each column by itself. */
function row({ name, samples }: Contender): string {
  const of = (field: keyof Sample) => samples.map(sample => sample[field])
  const perSecond = Math.round(Math.max(...of('perSecond'))).toLocaleString('en-US')
  return `| ${name} | ${perSecond} | ${Math.min(...of('p99Ms'))} | ${Math.min(...of('cpuUs')).toFixed(1)} |`
}

/** Of each round by itself: what disturbs one contender disturbs the one beside it. */
function ratios(ours: Contender, theirs: Contender): string {
  const of = (field: keyof Sample) =>
    median(ours.samples.map((sample, i) => sample[field] / (theirs.samples[i] as Sample)[field])).toFixed(2)
  return `| ${ours.name} to ${theirs.name} | ${of('perSecond')} | ${of('p99Ms')} | ${of('cpuUs')} |`
}

async function overHttp(framework: string, redis: RedisServer): Promise<void> {
  const names = Object.keys(CONTENDERS[framework] ?? {})
  const running = await Promise.all(names.map(name => start(framework, name, `${redis.url}/0`)))
  // Until what V8 compiles is compiled, however slow the machine is.
  for (const contender of running) {
    for (let requests = 0; requests < WARM_UP_REQUESTS; ) requests += (await load(contender)).requests
  }
  for (let round = 0; round < ROUNDS; round++) {
    for (const contender of running) contender.samples.push(await load(contender))
  }
  console.log(`\n| ${framework} | requests/s | p99 ms | CPU us/request |\n|---|---|---|---|`)
  for (const contender of running) console.log(row(contender))
  console.log(`\n| ${framework}, ratios | requests/s | p99 | CPU |\n|---|---|---|---|`)
  for (const store of ['memory', 'Redis']) {
    const [ours, theirs] = running.filter(({ name }) => name.endsWith(store))
    if (ours !== undefined && theirs !== undefined) console.log(ratios(ours, theirs))
  }
  for (const { child } of running) child.disconnect()
}

function print(title: string, measured: readonly Overhead[]): void {
  console.log(`\n| ${title} | CPU us |\n|---|---|`)
  for (const { name, us } of measured) console.log(`| ${name} | ${us.toFixed(2)} |`)
}

const redis = await startRedis()
console.log(`Node ${process.version}, ${CONNECTIONS} connections, ${ROUNDS} rounds of ${ROUND_SECONDS} s`)
if (ONLY === undefined) {
  print('in process, memory, one request', await measureOverhead())
  for (const inFlight of IN_FLIGHT_IN_PROCESS) {
    const measured = await measureRedisOverhead(`${redis.url}/1`, inFlight)
    print(`in process through Redis, ${inFlight} requests at once`, measured)
  }
}
if (ROUNDS > 0) {
  const pinned = [process.pid, redis.pid].every(pid => pin(pid, OTHER_CORE))
  console.log(`\n${pinned ? 'servers on a core of their own' : 'not pinned to cores'}`)
  for (const framework of Object.keys(CONTENDERS)) {
    if (ONLY === undefined || ONLY === framework) await overHttp(framework, redis)
  }
}
await redis.stop()
