import { ALGORITHMS, type Algorithm, type Plan, type QuotaPlan } from '../../src/core/plan.js'
import { compilePlan, type LimitConfig } from '../../src/policy.js'
import type { Random } from './random.js'

/** A limit as it is at one time, and about how long and how many: what times and costs are chosen by. */
export interface Variant {
  readonly limit: number
  readonly windowUs: number
  /** The plan at this instant: a quota's moves on with its calendar. */
  planAt(nowUs: number): Plan
}

/** One limit with what it becomes by live changes. All variants have one algorithm, and work on one key. */
export interface Family {
  readonly algorithm: Algorithm
  readonly variants: readonly Variant[]
}

const DAY_US = 86_400_000_000
const WINDOW_US_MAX = 2 ** 45

export function randomFamily(random: Random, algorithm: Algorithm = random.pick(ALGORITHMS)): Family {
  const count = random.pick([1, 1, 2, 3])
  if (algorithm === 'quota') {
    const first = randomQuota(random)
    return {
      algorithm,
      variants: [first, ...Array.from({ length: count - 1 }, () => randomQuota(random, first.limit))],
    }
  }
  for (;;) {
    const first = randomConfig(random, algorithm)
    const configs = [first, ...Array.from({ length: count - 1 }, () => changed(random, first))]
    const plans = configs.map(tryCompile)
    if (!plans.every(plan => plan !== undefined)) continue
    const peered = random.chance(0.5)
    const variants = configs.map((config, i) => {
      const plan = peered
        ? compilePlan(config, { nowUs: 0, peer: plans[(i + 1) % plans.length] as Plan })
        : (plans[i] as Plan)
      return { limit: config.limit, windowUs: windowOf(config), planAt: () => plan }
    })
    return { algorithm, variants }
  }
}

const windowOf = (config: LimitConfig): number => ('windowUs' in config ? config.windowUs : 30_000_000)

function tryCompile(config: LimitConfig): Plan | undefined {
  try {
    return compilePlan(config)
  } catch {
    // Outside the ranges of the arithmetic: another one is drawn.
    return undefined
  }
}

function randomConfig(random: Random, algorithm: Exclude<Algorithm, 'quota'>): LimitConfig {
  const limit = random.chance(0.7) ? random.sized(1, 100) : random.sized(1, 2 ** 40)
  const windowUs = randomWindow(random)
  const debt = random.chance(0.3) ? random.sized(1, 2 * limit) : undefined
  switch (algorithm) {
    case 'gcra':
    case 'token_bucket':
    case 'leaky_bucket': {
      const burst = random.chance(0.4) ? random.sized(1, 4 * limit) : undefined
      const shape = algorithm === 'leaky_bucket' && random.chance(0.6)
      const smooth = { limit, windowUs, burst, debt }
      if (shape) return { ...smooth, algorithm, mode: 'shape' }
      const settleUs = random.chance(0.3) ? random.sized(1, windowUs) : undefined
      return {
        ...smooth,
        algorithm,
        settleUs,
        strict: settleUs !== undefined && random.chance(0.5) ? true : undefined,
      }
    }
    case 'fixed_window': {
      const clock = random.chance(0.5)
      return {
        ...{ algorithm, limit, windowUs, debt, anchor: clock ? 'clock' : 'first-hit' },
        offsetUs: clock && random.chance(0.5) ? random.below(windowUs) : undefined,
      }
    }
    case 'sliding_window':
    case 'sliding_counter':
      return { algorithm, limit, windowUs, debt }
    case 'concurrency':
      return { algorithm, limit: Math.min(limit, random.sized(1, 200)), leaseUs: windowUs }
  }
}

function randomWindow(random: Random): number {
  const kind = random.unit()
  if (kind < 0.5) return random.pick([1, 60, 3600, 86_400]) * 1e6
  // Around multiples of 2^24 us a sliding counter takes another number of parts.
  if (kind < 0.6) return random.between(1, 8) * 2 ** 24 + random.between(-1, 1)
  return random.sized(7, WINDOW_US_MAX)
}

/** The same limit, raised or lowered, or over another time. */
function changed(random: Random, config: LimitConfig): LimitConfig {
  const scaled = (value: number) =>
    random.chance(0.5) ? Math.ceil(value / random.between(2, 10)) : value * random.between(2, 10)
  const limit = random.chance(0.6) ? scaled(config.limit) : config.limit
  if (config.algorithm === 'concurrency') {
    return { ...config, limit, leaseUs: scaled(config.leaseUs ?? 1) }
  }
  if (config.algorithm === 'quota') return { ...config, limit }
  const windowUs = random.chance(0.6) ? scaled(config.windowUs) : config.windowUs
  return {
    ...{ ...config, limit, windowUs, debt: undefined },
    ...('offsetUs' in config ? { offsetUs: undefined } : {}),
  }
}

/** A calendar of random periods, as unlike one another as days, months and years are. */
function randomQuota(random: Random, limitBefore?: number): Variant {
  const limit =
    limitBefore !== undefined && random.chance(0.5)
      ? limitBefore
      : random.chance(0.7)
        ? random.sized(1, 1000)
        : random.sized(1, 2 ** 42 - 1)
  const days = random.pick([1, 1, 7, 30, 91, 365])
  const spread: 0 | 1 = random.chance(0.5) ? 1 : 0
  const spreadBurst = spread === 1 ? random.sized(1, limit) : 0
  const debtLimit = limit + (random.chance(0.5) ? limit : random.below(limit))
  const shiftUs = random.pick([0, 3_600_000_000, -19_800_000_000])
  const periodUs = days * DAY_US
  /** Boundaries up to an hour (a change of clock) or a day and a half (a longer month) off the even ones. */
  const unevenUs = days === 1 ? 3_600_000_000 : 1.5 * DAY_US
  const boundary = (index: number) => {
    const wobble = ((Math.imul(index, 0x9e3779b1) >>> 0) / 2 ** 32 - 0.5) * unevenUs
    return index * periodUs + shiftUs + (days === 7 ? 0 : Math.round(wobble))
  }
  const plans = new Map<number, QuotaPlan>()
  return {
    limit,
    windowUs: periodUs,
    planAt(nowUs) {
      let index = Math.floor(nowUs / periodUs)
      while (boundary(index) > nowUs) index--
      while (boundary(index + 1) <= nowUs) index++
      // Now and then the plan was made in the period before, and rarely it is out of date.
      if (random.chance(0.1)) index -= random.chance(0.9) ? 1 : 2
      let plan = plans.get(index)
      if (plan === undefined) {
        const [period0Us, period1Us, period2Us] = [boundary(index), boundary(index + 1), boundary(index + 2)]
        plan = {
          algorithm: 'quota',
          total: limit,
          period0Us,
          period1Us,
          period2Us,
          spread,
          spreadBurst,
          debtLimit,
        }
        plans.set(index, plan)
      }
      return plan
    },
  }
}
