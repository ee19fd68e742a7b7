/**
 * `npm run bench:native`: a limiter in memory decided in TypeScript (`native: 'never'`) and in Rust (`native: 'require'`), and one on
 * Redis, asked by both, in one run; before it, what the same Rust takes without Node (`native/benches`). This part alone, on a module that is built:
 * `node --import ./scripts/run-source.ts test/bench/bench-native.ts`.
 *
 * The two take turns within every round, and ratios are medians of the rounds' ratios. CPU is that of the JavaScript thread alone;
 * it is what native code could save. A kernel may count it in ticks of 4 ms, so it is summed over all rounds. Subjects are strings made anew, out of the time measured. Every round counts what it
 * admitted. p99 is of single calls, each timed by itself; the delay of the event loop is that of a timer of 1 ms beside a load
 * that takes a turn of 512 calls at a time.
 *
 * On Redis so many checks are kept unanswered at a time, and the p99 is that of all of them; the CPU of the whole process
 * stands beside that of the JavaScript thread, because native work is done in another one.
 *
 *   SLUICE_BENCH_ROUNDS=30   rounds of each workload (default 9)
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setImmediate as turn } from 'node:timers/promises'
import { createLimiter, type Decision, type PoliciesInput } from '../../src/index.ts'
import { median, sequence } from './support/closed-loop.ts'
import { measureOnRedis } from './support/native-redis.ts'
import { threadCpuUs } from './support/thread-cpu.ts'

const ROUNDS = Number(process.env.SLUICE_BENCH_ROUNDS ?? 9)
const WARM_UP_ROUNDS = 3
const CALLS = 512
const TURNS = 32
const TIMED_CALLS = 4_000
const LOAD_MS = 250
const ENGINES = ['never', 'require'] as const

/** Never reached in a run: what is measured is a check that passes. */
const POLICIES = {
  one: { limit: 10_000_000, window: '20d' },
  three: {
    limits: [
      { limit: 10_000_000, window: '20d' },
      { algorithm: 'fixed_window', limit: 10_000_000, window: '20d' },
      { algorithm: 'token_bucket', limit: 10_000_000, window: '20d' },
    ],
  },
  log: { algorithm: 'sliding_window', limit: 1_000, window: '20d' },
  leases: { algorithm: 'concurrency', limit: 1_000_000, lease: '20d' },
} satisfies PoliciesInput

const open = (native: 'never' | 'require', maxKeys: number) =>
  createLimiter({ policies: POLICIES, native, maxKeys })
type Limiter = ReturnType<typeof open>

interface Workload {
  readonly name: string
  readonly keys: number
  /** Default: room for all. */
  readonly maxKeys?: number
  /** What is done for one subject. */
  readonly call: (limiter: Limiter, subject: string) => Decision | Promise<Decision>
}

const sync = (limiter: Limiter, subject: string) => limiter.checkSync('one', subject)

async function hold(limiter: Limiter, subject: string): Promise<Decision> {
  const held = await limiter.acquire('leases', subject, { autoRenew: false })
  if (held.acquired) await held.release()
  return held.decision
}

const WORKLOADS: readonly Workload[] = [
  { name: 'checkSync, one key', keys: 1, call: sync },
  { name: 'checkSync, 10,000 keys', keys: 10_000, call: sync },
  { name: 'checkSync, 300,000 keys', keys: 300_000, call: sync },
  {
    name: 'checkSync, three limits',
    keys: 10_000,
    call: (limiter, subject) => limiter.checkSync('three', subject),
  },
  { name: 'check, 512 at a time', keys: 10_000, call: (limiter, subject) => limiter.check('one', subject) },
  {
    name: 'peek, 512 at a time: batches',
    keys: 10_000,
    call: (limiter, subject) => limiter.peek('one', subject),
  },
  {
    name: 'checkAll of 4, 512 at a time',
    keys: 10_000,
    call: (limiter, subject) =>
      limiter.checkAll(['a', 'b', 'c', 'd'].map(part => ({ policy: 'one', subject: `${subject}${part}` }))),
  },
  { name: 'acquire and release, 512 at a time', keys: 10_000, call: hold },
  {
    name: 'checkSync, logs of sliding_window',
    keys: 10_000,
    call: (limiter, subject) => limiter.checkSync('log', subject),
  },
  { name: 'checkSync, ten times maxKeys', keys: 100_000, maxKeys: 10_000, call: sync },
]

/** A limiter under a workload, and how to ask it. */
class Contender {
  readonly #limiter: Limiter
  readonly #workload: Workload
  readonly #draw = sequence(1)

  constructor(native: 'never' | 'require', workload: Workload) {
    this.#limiter = open(native, workload.maxKeys ?? 1_000_000)
    this.#workload = workload
  }

  subjects(): readonly string[] {
    return Array.from({ length: CALLS }, () => `user-${(this.#draw() >>> 4) % this.#workload.keys}`)
  }

  async fill(): Promise<void> {
    const { keys, call } = this.#workload
    for (let key = 0; key < keys; key++) await call(this.#limiter, `user-${key}`)
  }

  /** One turn of calls: those that answer at once one after the other, the others together. */
  async ask(subjects: readonly string[]): Promise<void> {
    const { name, call } = this.#workload
    let admitted = 0
    const promises: Promise<Decision>[] = []
    for (const subject of subjects) {
      const answer = call(this.#limiter, subject)
      if (answer instanceof Promise) promises.push(answer)
      else if (answer.allowed) admitted++
    }
    for (const { allowed } of await Promise.all(promises)) if (allowed) admitted++
    if (admitted !== CALLS)
      throw new Error(`${name}: ${admitted} of ${CALLS} were admitted under a limit nobody reaches`)
  }

  /** ns of CPU, and of time, for a call. */
  async round(): Promise<{ readonly cpuNs: number; readonly ns: number }> {
    const turns = Array.from({ length: TURNS }, () => this.subjects())
    const before = threadCpuUs()
    const start = performance.now()
    for (const subjects of turns) await this.ask(subjects)
    const ns = (performance.now() - start) * 1e6
    return { cpuNs: ((threadCpuUs() - before) * 1000) / (TURNS * CALLS), ns: ns / (TURNS * CALLS) }
  }

  /** us within which 99 of 100 calls are answered, one at a time. */
  async p99Us(): Promise<number> {
    const took: number[] = []
    while (took.length < TIMED_CALLS) {
      for (const subject of this.subjects()) {
        const start = performance.now()
        await this.#workload.call(this.#limiter, subject)
        took.push((performance.now() - start) * 1000)
      }
    }
    return took.sort((a, b) => a - b)[Math.floor(0.99 * took.length)] as number
  }

  /** us by which a timer is late at the most, in 99 of 100 cases, while turn follows turn. */
  async loopDelayUs(): Promise<number> {
    const delay = monitorEventLoopDelay({ resolution: 1 })
    delay.enable()
    const end = performance.now() + LOAD_MS
    while (performance.now() < end) {
      await this.ask(this.subjects())
      await turn()
    }
    delay.disable()
    return delay.percentile(99) / 1000
  }
}

const shown = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toPrecision(3))

async function measure(workload: Workload): Promise<string> {
  const contenders = ENGINES.map(native => new Contender(native, workload))
  for (const contender of contenders) await contender.fill()
  const cpu = ENGINES.map(() => 0)
  const time: number[][] = ENGINES.map(() => [])
  for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round++) {
    for (const [i, contender] of contenders.entries()) {
      const { cpuNs, ns } = await contender.round()
      if (round < 0) continue
      cpu[i] = (cpu[i] as number) + cpuNs / ROUNDS
      time[i]?.push(ns)
    }
  }
  const [ts = [], native = []] = time
  const timeRatio = median(ts.map((ns, round) => ns / (native[round] as number)))
  const cpuRatio = (cpu[0] as number) / (cpu[1] as number)
  const both = (values: readonly number[]) => values.map(shown).join(' / ')
  const p99: number[] = []
  const delay: number[] = []
  for (const contender of contenders) {
    p99.push(await contender.p99Us())
    delay.push(await contender.loopDelayUs())
  }
  const perSecond = time.map(ns => 1e6 / median(ns))
  const cells = [
    both(cpu),
    cpuRatio.toFixed(2),
    both(perSecond),
    timeRatio.toFixed(2),
    both(p99),
    both(delay),
  ]
  return `| ${workload.name} | ${cells.join(' | ')} |`
}

console.log('TypeScript / native. A ratio above 1: native is so many times as fast.\n')
console.log(
  '| | CPU ns per call | ratio | thousand calls/s | ratio | p99 us | p99 delay of the event loop, us |',
)
console.log('|---|---|---|---|---|---|---|')
for (const workload of WORKLOADS) console.log(await measure(workload))

const REDIS_COLUMNS = [
  ...['on Redis', 'CPU us of the JavaScript thread per check', 'ratio', 'CPU us of the process', 'checks/s'],
  ...['ratio', 'p50 us', 'p99 us', 'p99 delay of the event loop, us'],
]
console.log(`\n| ${REDIS_COLUMNS.join(' | ')} |\n|${'---|'.repeat(REDIS_COLUMNS.length)}`)
for (const row of await measureOnRedis(ROUNDS)) console.log(row)
