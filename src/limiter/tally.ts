import type { Decision, Source } from '../decision.js'
import type { Waited } from '../events.js'
import type { LimitUsage } from './usage.js'

/** Requests of one policy since the limiter was made. One of several policies counts for each. */
export interface PolicyMetrics {
  readonly allowed: number
  readonly rejected: number
}

/** What a limiter has done since it was made: counts that only grow, but for `waiting`. */
export interface LimiterMetrics {
  /** Requests that were decided: by `check`, `checkAll`, `wait`, `waitAll` and `acquire`. Always allowed + rejected. */
  readonly totalRequests: number
  readonly allowedRequests: number
  /** Refused by a limit or a block, or because the store could not be asked and the policy says `closed`. */
  readonly rejectedRequests: number
  /** Calls of any kind that threw or rejected. */
  readonly failedRequests: number
  /** Calls of `wait` and `waitAll` that had to wait, whatever came of them. */
  readonly waitedRequests: number
  /** ms that these have waited, together. */
  readonly waitTimeMs: number
  /** Calls that wait now. */
  readonly waiting: number
  readonly policies: Readonly<Record<string, PolicyMetrics>>
  /**
   * What subjects have in use, of the `trackUsage` that asked last, by policy and subject: `'perUser ada'`. Without that option,
   * none: it names subjects.
   */
  readonly currentUsage: Readonly<Record<string, LimitUsage>>
  /** Decided requests by who decided: how many the deny cache answered, how many a fallback. */
  readonly sources: Readonly<Record<Source, number>>
}

interface Counts {
  readonly name: string
  allowed: number
  rejected: number
  /** Number of the last request of several policies that was counted. */
  lastRequest: number
}

/** Counts requests. On the path of every check, which mostly names the policy and the store of the one before. */
export class Tally {
  #failed = 0
  #waited = 0
  #waitMs = 0
  readonly #policies = new Map<string, Counts>()
  /** Each request has one: together they are the total. */
  readonly #sources = new Map<string, Counts>()
  #requestsOfSeveral = 0
  #policy: Counts | undefined
  #source: Counts | undefined

  /** A request of one policy. */
  countOne(policy: string, allowed: boolean, source: Source): void {
    if (this.#source?.name !== source) this.#source = countsOf(this.#sources, source)
    add(this.#source, allowed)
    if (this.#policy?.name !== policy) this.#policy = countsOf(this.#policies, policy)
    add(this.#policy, allowed)
  }

  /** A request of several policies: once for each, however often it names one. */
  count(asked: readonly { readonly policy: string }[], { allowed, source }: Decision): void {
    if (this.#source?.name !== source) this.#source = countsOf(this.#sources, source)
    add(this.#source, allowed)
    const number = ++this.#requestsOfSeveral
    for (const { policy } of asked) {
      const counts = countsOf(this.#policies, policy)
      if (counts.lastRequest === number) continue
      counts.lastRequest = number
      add(counts, allowed)
    }
  }

  failed(): void {
    this.#failed++
  }

  waited({ waitedMs }: Waited): void {
    this.#waited++
    this.#waitMs += waitedMs
  }

  read(waiting: number, currentUsage: LimiterMetrics['currentUsage'] = {}): LimiterMetrics {
    let allowed = 0
    let rejected = 0
    for (const counts of this.#sources.values()) {
      allowed += counts.allowed
      rejected += counts.rejected
    }
    const policies = [...this.#policies.values()].map(counts => [
      counts.name,
      { allowed: counts.allowed, rejected: counts.rejected },
    ])
    const sources = [...this.#sources.values()].map(counts => [counts.name, counts.allowed + counts.rejected])
    return {
      totalRequests: allowed + rejected,
      allowedRequests: allowed,
      rejectedRequests: rejected,
      failedRequests: this.#failed,
      waitedRequests: this.#waited,
      waitTimeMs: this.#waitMs,
      waiting,
      policies: Object.fromEntries(policies),
      currentUsage,
      sources: Object.fromEntries(sources),
    }
  }
}

function add(counts: Counts, allowed: boolean): void {
  if (allowed) counts.allowed++
  else counts.rejected++
}

function countsOf(all: Map<string, Counts>, name: string): Counts {
  const known = all.get(name)
  if (known !== undefined) return known
  const counts = newCounts(name)
  all.set(name, counts)
  return counts
}

const newCounts = (name: string): Counts => ({ name, allowed: 0, rejected: 0, lastRequest: 0 })
