/**
 * `npm run bench:redis`: `limiter.check()` on Redis against rate-limiter-flexible and against raw INCR, all through
 * ioredis, on the same server, in the same process, over the same 10,000 keys. The script alone is the same EVALSHA with
 * nothing around it, one for each check: what is left of a check that nothing delays.
 *
 * Contenders take turns within every round, and ratios are the medians of the rounds' ratios: what disturbs a round
 * disturbs all of it. No limit is reached while time is measured; afterwards a limit that is reached counts admissions.
 *
 *   SLUICE_BENCH_ROUNDS=9   rounds of each cell (default 5)
 */
import { Redis } from 'ioredis'
import { RateLimiterRedis } from 'rate-limiter-flexible'
import { Op, Status } from '../../src/core/step.ts'
import { createLimiter, type Decision } from '../../src/index.ts'
import { createKeyBuilder } from '../../src/keys.ts'
import { compilePlan } from '../../src/policy.ts'
import { EvaluateCommand } from '../../src/redis/evaluate-command.ts'
import { ReplyReader } from '../../src/redis/reply.ts'
import { RequestBlock } from '../../src/redis/request-block.ts'
import { loadScripts } from '../../src/redis/scripts.ts'
import { startRedis } from '../support/redis-server.ts'
import { type Ask, closedLoop, median, type Sample, sequence } from './support/closed-loop.ts'
import { pinApart } from './support/pin-apart.ts'
import { startSlowLink } from './support/slow-link.ts'

const ROUNDS = Number(process.env.SLUICE_BENCH_ROUNDS ?? 5)
const ROUND_MS = 400
const KEYS = 10_000
const UNREACHED = 1_000_000
const HOUR_S = 3600
/** So long that no call is decided without the store, however busy the machine. */
const DEADLINE = '60s'
const WARM_UP_IN_FLIGHT = 64
const WARM_UP_MS = 1000
const SLOW_LINK_MS = 1
const REACHED = 3
const REACHED_CHECKS = 40_000

interface Contenders {
  readonly asks: Readonly<Record<string, Ask>>
  readonly redis: Redis
  close(): Promise<unknown>
}

/** @param limit units per key and hour */
async function contenders(url: string, limit: number): Promise<Contenders> {
  const redis = new Redis(url)
  const limiter = createLimiter({
    store: url,
    deadline: DEADLINE,
    prefix: String(limit),
    policies: {
      gcra: { limit, window: '1h' },
      window: { limit, window: '1h', algorithm: 'fixed_window' },
    },
  })
  await limiter.ready()
  const flexible = new RateLimiterRedis({
    storeClient: redis,
    points: limit,
    duration: HOUR_S,
    keyPrefix: `flexible:${limit}`,
  })
  return {
    asks: {
      'sluice gcra': async subject => passedRedis(await limiter.check('gcra', subject)),
      'sluice fixed_window': async subject => passedRedis(await limiter.check('window', subject)),
      'the script alone': bareScript(redis, limit),
      'rate-limiter-flexible': subject =>
        flexible.consume(subject).then(
          () => true,
          () => false,
        ),
      'raw INCR': async subject => (await redis.incr(`incr:${limit}:${subject}`)) <= limit,
    },
    redis,
    close: () => Promise.all([limiter.close(), redis.quit()]),
  }
}

function passedRedis({ allowed, source }: Decision): boolean {
  if (source !== 'redis') throw new Error(`decided by ${source}: this is not what is to be measured`)
  return allowed
}

/** EVALSHA of `decide` for one check of `gcra`, under keys of its own. */
function bareScript(redis: Redis, limit: number): Ask {
  const { sha1 } = loadScripts().decide
  const plan = compilePlan({ algorithm: 'gcra', limit, windowUs: HOUR_S * 1e6 })
  const keyed = { policy: 'bare', keyName: 'bare', slot: 0, plan, limit, windowMs: HOUR_S * 1000 }
  const keyOf = createKeyBuilder({ prefix: `bare:${limit}` })
  const block = new RequestBlock()
  const reader = new ReplyReader()
  return async subject => {
    const check = { limit: keyed, plan, subject, op: Op.consume, n: 1, at: 0 }
    block.add({ checks: [check], keys: [keyOf(keyed, subject)], nowUs: 0 })
    const { keys, args } = block.take()
    const command = new EvaluateCommand('evalsha', sha1, keys, args)
    redis.sendCommand(command)
    reader.read(await command.promise, 1)
    return reader.outcome(0, 1).checks[0]?.status === Status.allowed
  }
}

const subjects = Array.from({ length: KEYS }, (_, i) => `user-${i}`)

/** Makes the keys, and lets each contender's code become as fast as it gets in a process that has been up for a while. */
async function warmUp({ asks, redis }: Contenders): Promise<void> {
  for (const ask of Object.values(asks)) {
    await closedLoop(ask, redis, subjects, WARM_UP_IN_FLIGHT, WARM_UP_MS, 1)
  }
}

/** The samples of each contender, round by round. */
async function measure({ asks, redis }: Contenders, inFlight: number): Promise<Map<string, Sample[]>> {
  const samples = new Map<string, Sample[]>()
  for (let round = -1; round < ROUNDS; round++) {
    for (const [name, ask] of Object.entries(asks)) {
      const sample = await closedLoop(ask, redis, subjects, inFlight, ROUND_MS, round + 2)
      if (sample.admitted !== sample.checks) {
        throw new Error(
          `${name} admitted ${sample.admitted} of ${sample.checks} under a limit nobody reaches`,
        )
      }
      // The first round is for what the change of the load changes.
      if (round >= 0) samples.set(name, [...(samples.get(name) ?? []), sample])
    }
  }
  return samples
}

function printTable(samples: Map<string, Sample[]>): void {
  console.log('| | checks/s | p50 us | p99 us | client CPU us | server CPU us |\n|---|---|---|---|---|---|')
  for (const [name, rounds] of samples) {
    const of = (figure: keyof Sample, digits: number) =>
      median(rounds.map(sample => sample[figure])).toFixed(digits)
    console.log(
      `| ${name} | ${of('perSecond', 0)} | ${of('p50Us', 0)} | ${of('p99Us', 0)} | ` +
        `${of('clientCpuUs', 2)} | ${of('serverCpuUs', 2)} |`,
    )
  }
}

/** Median over the rounds of one contender's figure over another's in the same round. */
function ratio(samples: Map<string, Sample[]>, name: string, other: string, figure: keyof Sample): number {
  const others = samples.get(other) ?? []
  return median((samples.get(name) ?? []).map((sample, i) => sample[figure] / (others[i] as Sample)[figure]))
}

function printRatios(samples: Map<string, Sample[]>, figure: 'perSecond' | 'p50Us', other: string): void {
  const what = figure === 'perSecond' ? 'checks/s' : 'p50'
  const ratios = [...samples.keys()]
    .filter(name => name !== other)
    .map(name => `${name} ${ratio(samples, name, other, figure).toFixed(2)}`)
  console.log(`\n${what} over ${other}: ${ratios.join(', ')}\n`)
}

/** Counts what is admitted when most keys reach their limit, against what a count of the same draws says. */
async function countAdmissions(url: string): Promise<void> {
  const { asks, close } = await contenders(url, REACHED)
  const draws = new Map<string, number>()
  const draw = sequence(1)
  const order = Array.from({ length: REACHED_CHECKS }, () => subjects[draw() % KEYS] as string)
  for (const subject of order) draws.set(subject, (draws.get(subject) ?? 0) + 1)
  const expected = [...draws.values()].reduce((sum, count) => sum + Math.min(count, REACHED), 0)
  console.log(
    `## admissions of ${REACHED_CHECKS} checks at ${REACHED} per key; a count of the draws says ${expected}\n`,
  )
  for (const [name, ask] of Object.entries(asks)) {
    const admitted = (await Promise.all(order.map(ask))).filter(Boolean).length
    // In this time gcra gives nothing back: a unit takes 20 minutes.
    console.log(`${name}: ${admitted}${admitted === expected ? '' : ' WRONG'}`)
    if (admitted !== expected) process.exitCode = 1
  }
  await close()
}

const server = await startRedis()
const slowLink = await startSlowLink(server.port, SLOW_LINK_MS)
const pinned = pinApart(server.pid)
try {
  const near = await contenders(server.url, UNREACHED)
  const version = /redis_version:(\S+)/.exec(await near.redis.info('server'))?.[1]
  console.log(
    `Redis ${version}, Node ${process.version}, ${KEYS} keys, medians of ${ROUNDS} rounds of ${ROUND_MS} ms, ` +
      `${pinned ? 'server and client on a core each' : 'not pinned to cores'}\n`,
  )
  await warmUp(near)
  for (const inFlight of [1, 64, 512]) {
    console.log(`## ${inFlight} in flight, loopback\n`)
    const samples = await measure(near, inFlight)
    printTable(samples)
    if (inFlight === 1) printRatios(samples, 'p50Us', 'raw INCR')
    else printRatios(samples, 'perSecond', 'rate-limiter-flexible')
  }
  await near.close()

  const far = await contenders(slowLink.url, UNREACHED)
  await warmUp(far)
  console.log(`## 1 in flight, ${SLOW_LINK_MS} ms added to each round trip\n`)
  const samples = await measure(far, 1)
  printTable(samples)
  printRatios(samples, 'p50Us', 'raw INCR')
  await far.close()

  await countAdmissions(server.url)
} finally {
  await slowLink.close()
  await server.stop()
}
