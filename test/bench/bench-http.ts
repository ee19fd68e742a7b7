/**
 * `npm run bench:http`: what a limit costs where requests arrive.
 *
 * First in process: what each middleware takes of CPU time for one request, on the request and response of a real server,
 * beside the bare call of the limiter. Then over HTTP: the same route behind Sluice, express-rate-limit and
 * @fastify/rate-limit, in memory and in Redis, every server in a process of its own, on the first core, with the clients
 * and Redis on the second. Each is asked as much as it can answer, by autocannon: there a latency is mostly the wait behind
 * the other connections. Then all are asked at one rate that none of them is busy at: there it is what a client waits for.
 * CPU is what the server's process spent for a request.
 *
 * Rounds are short, and contenders take turns within each, in the one direction and in the other. What else the machine
 * does makes single rounds worse, so figures are medians of the rounds, with their quartiles; ratios to the rival are
 * medians of those within the rounds.
 *
 *   SLUICE_BENCH_ROUNDS=5           rounds of each cell over HTTP (default 7); 0: in process alone
 *   SLUICE_BENCH_FRAMEWORK=express  one framework only, over HTTP alone
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { type RedisServer, startRedis } from '../support/redis-server.ts'
import { CONTENDERS } from './support/http-contenders.ts'
import { type Load, saturate, trickle } from './support/http-load.ts'
import { measureOverhead, measureRedisOverhead, type Overhead } from './support/http-overhead.ts'
import { pin } from './support/pin-apart.ts'

const ROUNDS = Number(process.env.SLUICE_BENCH_ROUNDS ?? 7)
const ONLY = process.env.SLUICE_BENCH_FRAMEWORK
const ROUND_SECONDS = 0.4
const WARM_UP_REQUESTS = 8_000
const CONNECTIONS = 50
/** Of what the slowest contender can answer: none of them is busy there. */
const QUIET_SHARE = 0.5
const IN_FLIGHT_IN_PROCESS = [50, 5]
/** Of the server that is asked. Clients and Redis have the other: left alone, they take turns on both. */
const SERVER_CORE = 0
const OTHER_CORE = 1
/** Not reached. */
const LIMIT = 1_000_000_000

interface Sample extends Load {
  readonly cpuUs: number
}

interface Contender {
  readonly name: string
  readonly child: ChildProcess
  readonly port: number
  readonly busy: Sample[]
  readonly quiet: Sample[]
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
  return { name, child, port: port as number, busy: [], quiet: [] }
}

async function cpuOf({ child }: Contender): Promise<number> {
  child.send('cpu')
  return (await message(child)).cpuUs as number
}

async function sampleOf(contender: Contender, load: (port: number) => Promise<Load>): Promise<Sample> {
  const before = await cpuOf(contender)
  const seen = await load(contender.port)
  return { ...seen, cpuUs: ((await cpuOf(contender)) - before) / seen.requests }
}

const atOnce = (contender: Contender): Promise<Sample> =>
  sampleOf(contender, port => saturate(port, CONNECTIONS, ROUND_SECONDS))

const at = (perSecond: number, contender: Contender): Promise<Sample> =>
  sampleOf(contender, port => trickle(port, CONNECTIONS, ROUND_SECONDS, perSecond))

async function measure(contenders: readonly Contender[]): Promise<number> {
  // Until what V8 compiles is compiled, however slow the machine is.
  for (const contender of contenders) {
    for (let requests = 0; requests < WARM_UP_REQUESTS; ) requests += (await atOnce(contender)).requests
  }
  await inTurns(contenders, async contender => contender.busy.push(await atOnce(contender)))
  const slowest = Math.min(...contenders.map(({ busy }) => quantile(busy.map(of('perSecond')), 0.5)))
  const quietRate = Math.max(1_000, Math.round((slowest * QUIET_SHARE) / 1_000) * 1_000)
  await inTurns(contenders, async contender => contender.quiet.push(await at(quietRate, contender)))
  return quietRate
}

async function inTurns(contenders: readonly Contender[], take: (contender: Contender) => Promise<unknown>) {
  for (let round = 0; round < ROUNDS; round++) {
    for (const contender of round % 2 === 0 ? contenders : contenders.toReversed()) await take(contender)
  }
}

const of =
  (field: keyof Sample) =>
  (sample: Sample): number =>
    sample[field]

const quantile = (values: readonly number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.round((values.length - 1) * share)] as number

/** The median, and the quartiles of the rounds. */
function spread(values: readonly number[], digits: number): string {
  const [low, middle, high] = [0.25, 0.5, 0.75].map(share =>
    quantile(values, share).toLocaleString('en-US', {
      minimumFractionDigits: digits,
      maximumFractionDigits: digits,
    }),
  )
  return `${middle} (${low} to ${high})`
}

/** What the columns of both tables tell: of which load, and in how many digits. */
const COLUMNS = [
  ['busy', 'perSecond', 0],
  ['busy', 'p99Us', 0],
  ['busy', 'cpuUs', 1],
  ['quiet', 'p50Us', 0],
  ['quiet', 'p99Us', 0],
] as const

const headings = (quietRate: number): string => {
  const rate = quietRate.toLocaleString('en-US')
  return `requests/s | p99 us | CPU us/request | p50 us at ${rate}/s | p99 us at ${rate}/s |\n|---|---|---|---|---|---|`
}

const row = (contender: Contender): string =>
  `| ${contender.name} | ${COLUMNS.map(([load, field, digits]) => spread(contender[load].map(of(field)), digits)).join(' | ')} |`

/** Of each round by itself: what disturbs one contender disturbs the one beside it. */
function ratios(ours: Contender, theirs: Contender): string {
  const cells = COLUMNS.map(([load, field]) =>
    spread(
      ours[load].map((sample, i) => sample[field] / (theirs[load][i] as Sample)[field]),
      2,
    ),
  )
  return `| ${ours.name} to ${theirs.name} | ${cells.join(' | ')} |`
}

async function overHttp(framework: string, redis: RedisServer): Promise<void> {
  const names = Object.keys(CONTENDERS[framework] ?? {})
  const running = await Promise.all(names.map(name => start(framework, name, `${redis.url}/0`)))
  const quietRate = await measure(running)
  console.log(`\n| ${framework} | ${headings(quietRate)}`)
  for (const contender of running) console.log(row(contender))
  console.log(`\n| ${framework}, ratios | ${headings(quietRate)}`)
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
