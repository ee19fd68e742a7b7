import type { Verdict } from './decider.js'
import type { ReplayPolicy } from './replay-policy.js'
import { isoTime, type Offender, type PolicyReport, shareOf } from './report.js'
import type { TimelineBucket } from './timeline.js'

interface SubjectTally {
  readonly parts: readonly string[]
  requests: number
  refused: number
  longestWaitMs: number
  readonly firstUs: number
  lastUs: number
}

/** Counts the verdicts on one policy, for the whole and for each subject. Holds one small object a subject. */
export class PolicyTally {
  readonly policy: ReplayPolicy
  readonly #subjects = new Map<string, SubjectTally>()
  #requests = 0
  #refused = 0
  #delayed = 0
  #longestDelayMs = 0
  #longestWaitMs = 0
  withoutSubject = 0

  constructor(policy: ReplayPolicy) {
    this.policy = policy
  }

  add(parts: readonly string[], timeUs: number, verdict: Verdict): void {
    const subject = this.#subject(parts, timeUs)
    this.#requests++
    subject.requests++
    subject.lastUs = timeUs
    if (!verdict.allowed) {
      this.#refused++
      subject.refused++
      this.#longestWaitMs = Math.max(this.#longestWaitMs, verdict.retryAfterMs)
      subject.longestWaitMs = Math.max(subject.longestWaitMs, verdict.retryAfterMs)
    } else if (verdict.delayMs > 0) {
      this.#delayed++
      this.#longestDelayMs = Math.max(this.#longestDelayMs, verdict.delayMs)
    }
  }

  /** @param topCount offenders to list at most */
  report(topCount: number, timeline: PolicyReport['timeline']): PolicyReport {
    const { name, by, limits } = this.policy
    const limited = [...this.#subjects.values()].filter(subject => subject.refused > 0)
    limited.sort(
      (a, b) => b.refused - a.refused || b.requests - a.requests || byText(keyOf(a.parts), keyOf(b.parts)),
    )
    return {
      name,
      by: [...by],
      limits: [...limits],
      requests: this.#requests,
      withoutSubject: this.withoutSubject,
      allowed: this.#requests - this.#refused,
      refused: this.#refused,
      refusedShare: shareOf(this.#refused, this.#requests),
      delayed: this.#delayed,
      longestDelayMs: this.#longestDelayMs,
      longestWaitMs: this.#longestWaitMs,
      subjects: this.#subjects.size,
      limitedSubjects: limited.length,
      top: limited.slice(0, topCount).map(subject => this.#offender(subject)),
      timeline,
    }
  }

  #subject(parts: readonly string[], timeUs: number): SubjectTally {
    const key = keyOf(parts)
    let subject = this.#subjects.get(key)
    if (subject === undefined) {
      subject = { parts, requests: 0, refused: 0, longestWaitMs: 0, firstUs: timeUs, lastUs: timeUs }
      this.#subjects.set(key, subject)
    }
    return subject
  }

  #offender({ parts, requests, refused, longestWaitMs, firstUs, lastUs }: SubjectTally): Offender {
    return {
      subject: Object.fromEntries(this.policy.by.map((part, index) => [part, parts[index] as string])),
      requests,
      refused,
      refusedShare: shareOf(refused, requests),
      longestWaitMs,
      first: isoTime(firstUs),
      last: isoTime(lastUs),
    }
  }
}

/** Distinct subjects have distinct keys, whatever their parts hold. */
const keyOf = (parts: readonly string[]): string =>
  parts.length === 1 ? (parts[0] as string) : JSON.stringify(parts)

/** By code unit: the same order on every machine, which `localeCompare` does not promise. */
const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** The part of a shared timeline that belongs to one policy, whose two series stand at `series` and after it. */
export function policyTimeline(buckets: readonly TimelineBucket[], series: number): PolicyReport['timeline'] {
  return buckets.map(({ startUs, counts }) => ({
    from: isoTime(startUs),
    allowed: counts[series] as number,
    refused: counts[series + 1] as number,
  }))
}
