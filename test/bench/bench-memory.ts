/**
 * `npm run bench:memory`: `limiter.checkSync()` in memory against the in-process limiters of @fastify/rate-limit (its
 * LocalStore, sized to the number of keys) and rate-limiter-flexible, at 1, 10,000 and 1,000,000 keys.
 *
 * Contenders take turns within every round, and ratios are the medians of the rounds' ratios: what disturbs a round
 * disturbs all of it. Time is CPU time of the process, garbage collection included. Every check brings its subject as a string of its own, as requests do, drawn evenly. No limit is
 * reached while time is measured; afterwards a limit that is reached counts admissions. Four lines help to read the others:
 * what reading the clock costs, which every contender does once per check; the floor, a loop by hand without a limiter, which
 * tells what is possible; what the engine takes of `checkSync`; and the bytes that a key takes at 1,000,000 keys.
 *
 *   SLUICE_BENCH_ROUNDS=50   rounds of each cell (default 15)
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import LocalStore from '@fastify/rate-limit/store/LocalStore.js'
import { RateLimiterMemory } from 'rate-limiter-flexible'
import type { GcraPlan } from '../../src/core/plan.ts'
import { Op, Status } from '../../src/core/step.ts'
import { MemoryEngine } from '../../src/engine/memory-engine.ts'
import { createLimiter } from '../../src/index.ts'
import { compilePlan } from '../../src/policy.ts'
import { median, sequence } from './support/closed-loop.ts'
import { floor } from './support/memory-floor.ts'

const ROUNDS = Number(process.env.SLUICE_BENCH_ROUNDS ?? 15)
const WARM_UP_ROUNDS = 3
const ROUND_CHECKS = 50_000
/** Subjects made at once, out of the time measured: few, so that they die as young as those of requests. */
const BATCH_CHECKS = 500
const KEY_COUNTS = [1, 10_000, 1_000_000]
const MANY_KEYS = 1_000_000
/** So long that no key ends during a run: what is measured is a hit. */
const WINDOW_MS = 20 * 86_400_000
/** Not reached by the checks of a run; small enough, for many keys, that one unit of gcra lasts for minutes. */
const unreached = (keys: number): number => (keys === 1 ? 10_000_000 : 1_000)
const REACHED = 3
const REACHED_KEYS = 10_000
const REACHED_CHECKS = 40_000

/** Checks each subject once, in order, and tells how many were admitted. */
type Ask = (subjects: readonly string[]) => number | Promise<number>

/** What a contender holds for `keys` subjects at `limit` units per key and window. */
const CONTENDERS: Readonly<Record<string, (keys: number, limit: number) => Ask>> = {
  'the clock alone': () => subjects => {
    let later = 0
    for (let i = 0; i < subjects.length; i++) if (Date.now() > 0) later++
    return later
  },
  'the floor': (keys, limit) => {
    const { compiled, plan } = byHand(limit)
    const check = floor(compiled, plan, keys)
    return subjects => {
      let admitted = 0
      for (const subject of subjects) if (check(subject).allowed) admitted++
      return admitted
    }
  },
  'the engine of sluice gcra': (_, limit) => {
    const engine = new MemoryEngine()
    const { compiled, plan } = byHand(limit)
    return subjects => {
      let admitted = 0
      for (const subject of subjects) {
        const step =
          engine.consumeLive(compiled, plan, subject, 1) ??
          engine.decideOne(compiled, plan, subject, Op.consume, 1, 0)
        if (step.status === Status.allowed) admitted++
      }
      return admitted
    }
  },
  'sluice gcra': (_, limit) => sluice('gcra', limit),
  'sluice fixed_window': (_, limit) => sluice('fixed_window', limit),
  '@fastify/rate-limit': (keys, limit) => {
    const store = new LocalStore(false, false, Math.max(keys, 1_000))
    return subjects => {
      let admitted = 0
      const count = (_: unknown, { current }: { current: number }) => {
        if (current <= limit) admitted++
      }
      for (const subject of subjects) store.incr(subject, count, WINDOW_MS, limit)
      return admitted
    }
  },
  'rate-limiter-flexible': (_, limit) => {
    const limiter = new RateLimiterMemory({ points: limit, duration: WINDOW_MS / 1000 })
    return async subjects => {
      let admitted = 0
      for (const subject of subjects) {
        try {
          await limiter.consume(subject)
          admitted++
        } catch {
          // Its way to say no.
        }
      }
      return admitted
    }
  },
}

/** `gcra`, without a limiter that reads its policy. */
function byHand(limit: number) {
  const plan = compilePlan({ algorithm: 'gcra', limit, windowUs: WINDOW_MS * 1000 }) as GcraPlan
  return { plan, compiled: { policy: 'p', keyName: 'p', slot: 0, plan, limit, windowMs: WINDOW_MS } }
}

const MEASURED = Object.keys(CONTENDERS)
const RIVALS = ['@fastify/rate-limit', 'rate-limiter-flexible']
const OURS = ['sluice gcra', 'sluice fixed_window']

function sluice(algorithm: 'gcra' | 'fixed_window', limit: number): Ask {
  const limiter = createLimiter({ policies: { perUser: { limit, window: '20d', algorithm } } })
  return subjects => {
    let admitted = 0
    for (const subject of subjects) if (limiter.checkSync('perUser', subject).allowed) admitted++
    return admitted
  }
}

const subjectOf = (key: number): string => `user-${key}`

/** CPU ns per check of one contender in one round. */
async function cpuNs(name: string, ask: Ask, draw: () => string): Promise<number> {
  let cpuUs = 0
  for (let checks = 0; checks < ROUND_CHECKS; checks += BATCH_CHECKS) {
    const subjects = Array.from({ length: BATCH_CHECKS }, draw)
    const before = process.cpuUsage()
    const answer = ask(subjects)
    const admitted = typeof answer === 'number' ? answer : await answer
    const { user, system } = process.cpuUsage(before)
    if (admitted !== BATCH_CHECKS) {
      throw new Error(`${name} admitted ${admitted} of ${BATCH_CHECKS} under a limit nobody reaches`)
    }
    cpuUs += user + system
  }
  return (cpuUs * 1000) / ROUND_CHECKS
}

/** The same of every contender, round by round. */
async function measure(keys: number): Promise<Map<string, number[]>> {
  const asks = new Map(MEASURED.map(name => [name, CONTENDERS[name]?.(keys, unreached(keys)) as Ask]))
  for (const ask of asks.values()) {
    await ask(Array.from({ length: keys }, (_, key) => subjectOf(key)))
  }
  const samples = new Map<string, number[]>(MEASURED.map(name => [name, []]))
  const draw = sequence(keys)
  for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round++) {
    for (const [name, ask] of asks) {
      const ns = await cpuNs(name, ask, () => subjectOf((draw() >>> 4) % keys))
      if (round >= 0) samples.get(name)?.push(ns)
    }
  }
  return samples
}

function ratio(samples: Map<string, number[]>, name: string, rival: string): number {
  const own = samples.get(name) ?? []
  return median((samples.get(rival) ?? []).map((ns, round) => ns / (own[round] as number)))
}

/** Bytes in use once all that is not in use was collected. The memory of typed arrays is given back a little later. */
async function bytesInUse(): Promise<number> {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  for (let times = 0; times < 3; times++) {
    collect()
    await sleep(20)
  }
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/** Bytes per key of a contender at a million keys; those of the subjects too, since it keeps them. */
async function bytesPerKey(name: string): Promise<number> {
  const before = await bytesInUse()
  const ask = CONTENDERS[name]?.(MANY_KEYS, unreached(MANY_KEYS)) as Ask
  for (let key = 0; key < MANY_KEYS; key += 1_000) {
    await ask(Array.from({ length: 1_000 }, (_, i) => subjectOf(key + i)))
  }
  const bytes = (await bytesInUse()) - before
  // Asked once more, so that it is in use until here.
  await ask([subjectOf(0)])
  return bytes / MANY_KEYS
}

/** Counts what is admitted when most keys reach their limit, against what a count of the same draws says. */
async function countAdmissions(): Promise<void> {
  const draw = sequence(1)
  const subjects = Array.from({ length: REACHED_CHECKS }, () => subjectOf((draw() >>> 4) % REACHED_KEYS))
  const draws = new Map<string, number>()
  for (const subject of subjects) draws.set(subject, (draws.get(subject) ?? 0) + 1)
  const expected = [...draws.values()].reduce((sum, count) => sum + Math.min(count, REACHED), 0)
  console.log(
    `\n## admissions of ${REACHED_CHECKS} checks at ${REACHED} per key; a count of the draws says ${expected}\n`,
  )
  for (const name of ['the floor', ...OURS, ...RIVALS]) {
    const admitted = await CONTENDERS[name]?.(REACHED_KEYS, REACHED)(subjects)
    console.log(`${name}: ${admitted}${admitted === expected ? '' : ' WRONG'}`)
    if (admitted !== expected) process.exitCode = 1
  }
}

console.log(`## bytes per key at ${MANY_KEYS.toLocaleString('en')} keys, subjects included\n`)
for (const name of [...OURS, ...RIVALS]) console.log(`${name}: ${(await bytesPerKey(name)).toFixed(0)}`)

console.log(
  `\n## CPU ns per check, Node ${process.version}, medians of ${ROUNDS} rounds of ${ROUND_CHECKS} checks\n`,
)
const cells = new Map<number, Map<string, number[]>>()
for (const keys of KEY_COUNTS) cells.set(keys, await measure(keys))

const row = (name: string, figure: (samples: Map<string, number[]>) => string) =>
  console.log(
    `| ${[name, ...KEY_COUNTS.map(keys => figure(cells.get(keys) as Map<string, number[]>))].join(' | ')} |`,
  )
console.log(`| keys | ${KEY_COUNTS.map(keys => keys.toLocaleString('en')).join(' | ')} |`)
console.log(`|---|${KEY_COUNTS.map(() => '---').join('|')}|`)
for (const name of MEASURED) row(name, samples => median(samples.get(name) ?? []).toFixed(0))
console.log()
for (const rival of RIVALS) {
  for (const name of ['the floor', ...OURS])
    row(`${name}, times as fast as ${rival}`, samples => ratio(samples, name, rival).toFixed(2))
}

await countAdmissions()
