import type { Algorithm, PoliciesInput } from 'sluice'
import { compilePolicies, type PolicyLimit } from '../../src/policy.js'
import type { Recording } from './entries.js'
import type { Answer } from './load.js'
import { replay } from './replay.js'

/** What one scenario says of one algorithm. Counts of checks; ms. */
export interface Verdict {
  readonly store: string
  readonly scenario: string
  readonly algorithm: Algorithm
  readonly sent: number
  readonly allowed: number
  readonly refused: number
  /** Answers that are neither: nothing can be said of the limit from them. */
  readonly errors: number
  /** What the algorithm admits of the recorded arrivals. */
  readonly expected: number
  /** By how much `allowed` may differ from it: what was in flight when its order or its end cannot be known. */
  readonly uncertain: number
  readonly difference: number
  readonly bound: 'holds' | 'broken'
  readonly p50Ms: number
  readonly p99Ms: number
  /** Everything that is wrong. None: the limiter is right. */
  readonly problems: readonly string[]
}

export interface Run {
  readonly store: string
  readonly scenario: string
  /** As they should be, whatever the gateways were given. */
  readonly policies: PoliciesInput
  readonly answers: readonly Answer[]
  readonly recordings: readonly Recording[]
}

/** Holds what clients got, what gateways recorded and what the algorithm says against each other: a verdict per policy. */
export function judge({ store, scenario, policies, answers, recordings }: Run): Verdict[] {
  return [...compilePolicies(policies).byName.values()].map(({ name, limits }) => {
    const limit = limits[0] as PolicyLimit
    const own = answers.filter(({ policy }) => policy === name)
    const count = (verdict: Answer['verdict']) => own.filter(answer => answer.verdict === verdict).length
    const allowed = count('allowed')
    const refused = count('refused')
    const errors = count('error')
    const replayed = replay(limit, recordings)
    const { expected, uncertain } = replayed
    const difference = replayed.allowed - expected
    const latenciesMs = own.map(({ latencyMs }) => latencyMs).sort((a, b) => a - b)
    const problems: string[] = []
    if (own.length === 0) problems.push('nothing was sent')
    if (errors > 0) problems.push(`${errors} answers are errors: ${tally(own)}`)
    if (errors === 0 && (replayed.allowed !== allowed || replayed.refused !== refused)) {
      const recorded = `the gateways recorded ${replayed.allowed} and ${replayed.refused}`
      problems.push(`clients saw ${allowed} admissions and ${refused} refusals, and ${recorded}`)
    }
    if (Math.abs(difference) > uncertain) {
      problems.push(`admitted ${replayed.allowed}, and the algorithm admits ${expected} ± ${uncertain}`)
    }
    if (replayed.difference !== undefined && uncertain === 0) problems.push(replayed.difference)
    if (replayed.brokenBound !== undefined) problems.push(`bound broken: ${replayed.brokenBound}`)
    return {
      store,
      scenario,
      algorithm: limit.plan.algorithm,
      sent: own.length,
      allowed,
      refused,
      errors,
      expected,
      uncertain,
      difference,
      bound: replayed.brokenBound === undefined ? 'holds' : 'broken',
      p50Ms: quantile(latenciesMs, 0.5),
      p99Ms: quantile(latenciesMs, 0.99),
      problems,
    }
  })
}

function tally(answers: readonly Answer[]): string {
  const counts = new Map<string, number>()
  for (const { verdict, why } of answers) {
    if (verdict === 'error') counts.set(why, (counts.get(why) ?? 0) + 1)
  }
  return [...counts].map(([why, count]) => `${count} × ${why}`).join(', ')
}

const quantile = (sorted: readonly number[], q: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN
