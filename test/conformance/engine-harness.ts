import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import type { Algorithm } from '../../src/core/plan.js'
import { Op } from '../../src/core/step.js'
import type { Clock } from '../../src/core/time.js'
import type { Check, CheckOutcome, DecideOptions, Engine, Outcome } from '../../src/engine/engine.js'
import { compilePolicies, type PolicyInput, type PolicyLimit } from '../../src/policy.js'

/** How to make the engine under test. What it counted before must not matter: subjects are new in every test. */
export type MakeEngine = (clock: Clock) => Engine | Promise<Engine>

/** Noon of a day, so that every calendar period has time on both sides. */
const START_US = Date.UTC(2026, 4, 13, 12) * 1000
export const DAY_US = 86_400_000_000

/** Every algorithm with room for 5 units: each story below is told of all of them. */
const POLICIES = {
  gcra: { limit: 5, window: '10s' },
  fixed_window: { algorithm: 'fixed_window', limit: 5, window: '10s' },
  token_bucket: { algorithm: 'token_bucket', limit: 5, window: '10s' },
  leaky_bucket: { algorithm: 'leaky_bucket', limit: 5, window: '10s' },
  sliding_counter: { algorithm: 'sliding_counter', limit: 5, window: '10s' },
  sliding_window: { algorithm: 'sliding_window', limit: 5, window: '10s' },
  quota: { algorithm: 'quota', limit: 5, period: 'day' },
  concurrency: { algorithm: 'concurrency', limit: 5, lease: '10s' },
} satisfies Record<Algorithm, PolicyInput>

export const ALGORITHMS = Object.keys(POLICIES) as Algorithm[]

/** Those whose waits are exact: of `concurrency` they are a hint. */
export const COUNTING = ALGORITHMS.filter(algorithm => algorithm !== 'concurrency')

const LIMITS = new Map(
  [...compilePolicies(POLICIES, { nowUs: START_US }).byName].map(([name, { limits }]) => [
    name,
    limits[0] as PolicyLimit,
  ]),
)

interface CheckParts {
  readonly n?: number
  readonly at?: number
  readonly leaseId?: string
}

/** The engine under test, its clock, and short ways to ask it. */
export class EngineHarness implements Clock {
  #nowUs = START_US
  #engine: Engine | undefined

  async open(makeEngine: MakeEngine): Promise<void> {
    this.#engine = await makeEngine(this)
    await this.#engine.ready()
  }

  async close(): Promise<void> {
    await this.#engine?.close()
  }

  nowUs(): number {
    return this.#nowUs
  }

  advance(us: number): void {
    this.#nowUs += us
  }

  /** Each test counts for a subject nobody else has, at a time that is no earlier than before. */
  newcomer(): string {
    this.advance(1_000_000)
    return randomUUID()
  }

  limit(algorithm: Algorithm): PolicyLimit {
    return LIMITS.get(algorithm) as PolicyLimit
  }

  check(algorithm: Algorithm, subject: string, op: Op, parts: CheckParts = {}): Check {
    const { n = 1, at = 0, leaseId = 'holder' } = parts
    const limit = this.limit(algorithm)
    const common = { limit, plan: limit.planAt(this.#nowUs), subject, op, n, at }
    return algorithm === 'concurrency' && op !== Op.peek ? { ...common, at: 0, leaseId } : common
  }

  decide(request: readonly Check[], options?: DecideOptions): Promise<Outcome> {
    if (this.#engine === undefined) throw new Error('the engine was not opened')
    return this.#engine.decide(request, options)
  }

  /** One request of these checks, decided now. */
  async ask(...request: Check[]): Promise<readonly CheckOutcome[]> {
    const outcome = await this.decide(request)
    expect(outcome.nowUs).toBe(this.#nowUs)
    expect(outcome.checks).toHaveLength(request.length)
    return outcome.checks
  }

  /** A request of one check. */
  async one(algorithm: Algorithm, subject: string, op: Op, parts?: CheckParts): Promise<CheckOutcome> {
    return (await this.ask(this.check(algorithm, subject, op, parts)))[0] as CheckOutcome
  }
}
