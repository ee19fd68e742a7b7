import { monitorEventLoopDelay } from 'node:perf_hooks'
import { createLimiter } from '../../../src/index.ts'
import { startRedis } from '../../support/redis-server.ts'
import { median, sequence } from './closed-loop.ts'
import { threadCpuUs } from './thread-cpu.ts'

const IN_FLIGHT = [1, 64, 512]
const ENGINES = ['never', 'require'] as const
const KEYS = 10_000
const ROUND_MS = 250
const WARM_UP_MS = 1_000

const subjects = Array.from({ length: KEYS }, (_, i) => `user-${i}`)

/** What one engine did in one round. */
interface Sample {
  readonly checks: number
  readonly perSecond: number
  readonly p50Us: number
  readonly p99Us: number
  readonly threadCpuUs: number
  readonly processCpuUs: number
  readonly loopDelayUs: number
}

const open = (store: string, native: 'never' | 'require') =>
  createLimiter({
    store,
    native,
    prefix: native,
    // So long that no call is decided without the store, however busy the machine.
    deadline: '60s',
    policies: { one: { limit: 10_000_000, window: '20d' } },
  })
type Limiter = ReturnType<typeof open>

/** Keeps so many checks unanswered for `ms`, each of a subject drawn evenly. */
async function load(limiter: Limiter, inFlight: number, ms: number, seed: number): Promise<Sample> {
  const draw = sequence(seed)
  const tookMs: number[] = []
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  const [thread, before, startMs] = [threadCpuUs(), process.cpuUsage(), performance.now()]
  const caller = async () => {
    for (;;) {
      const sentMs = performance.now()
      if (sentMs - startMs > ms) return
      const { allowed, source } = await limiter.check('one', subjects[draw() % KEYS] as string)
      if (!allowed || source !== 'redis') throw new Error(`a check was decided by ${source}`)
      tookMs.push(performance.now() - sentMs)
    }
  }
  await Promise.all(Array.from({ length: inFlight }, caller))
  const spentMs = performance.now() - startMs
  const { user, system } = process.cpuUsage(before)
  const checks = tookMs.length
  const threadUs = threadCpuUs() - thread
  delay.disable()
  const sorted = Float64Array.from(tookMs).sort()
  return {
    checks,
    perSecond: (checks / spentMs) * 1000,
    p50Us: (sorted[checks >> 1] as number) * 1000,
    p99Us: (sorted[Math.floor(checks * 0.99)] as number) * 1000,
    threadCpuUs: threadUs,
    processCpuUs: user + system,
    loopDelayUs: delay.percentile(99) / 1000,
  }
}

/** A limiter on Redis, asked by TypeScript and natively: a row of the table for each number of checks in flight. */
export async function measureOnRedis(rounds: number): Promise<readonly string[]> {
  const server = await startRedis()
  const limiters = ENGINES.map(native => open(server.url, native))
  for (const limiter of limiters) {
    await limiter.ready()
    await load(limiter, 64, WARM_UP_MS, 1)
  }
  const rows: string[] = []
  for (const inFlight of IN_FLIGHT) {
    const samples: Sample[][] = ENGINES.map(() => [])
    for (let round = -1; round < rounds; round++) {
      for (const [i, limiter] of limiters.entries()) {
        const sample = await load(limiter, inFlight, ROUND_MS, round + 2)
        // The first round is for what the change of the load changes.
        if (round >= 0) samples[i]?.push(sample)
      }
    }
    rows.push(rowOf(inFlight, samples))
  }
  for (const limiter of limiters) await limiter.close()
  await server.stop()
  return rows
}

function rowOf(inFlight: number, samples: readonly Sample[][]): string {
  const medians = (figure: 'perSecond' | 'p50Us' | 'p99Us' | 'loopDelayUs') =>
    samples.map(rounds => median(rounds.map(sample => sample[figure])))
  // Over all rounds: a kernel may count it in ticks of 4 ms.
  const perCheck = (figure: 'threadCpuUs' | 'processCpuUs') =>
    samples.map(rounds => sum(rounds.map(sample => sample[figure])) / sum(rounds.map(({ checks }) => checks)))
  const both = (values: readonly number[]) => values.map(shown).join(' / ')
  const threadCpu = perCheck('threadCpuUs')
  const [ts = [], native = []] = samples
  const speedUp = median(native.map((sample, round) => sample.perSecond / (ts[round] as Sample).perSecond))
  const cells = [
    both(threadCpu),
    ((threadCpu[0] as number) / (threadCpu[1] as number)).toFixed(2),
    both(perCheck('processCpuUs')),
    both(medians('perSecond')),
    speedUp.toFixed(2),
    both(medians('p50Us')),
    both(medians('p99Us')),
    both(medians('loopDelayUs')),
  ]
  return `| ${inFlight} in flight | ${cells.join(' | ')} |`
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)

const shown = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toPrecision(3))
