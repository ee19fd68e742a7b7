import type { Clock } from '../core/time.js'
import { checksOf } from '../decision/checks-of.js'
import type { CheckState } from '../decision.js'
import type { Asked, Decided, Events } from '../events.js'
import { identify } from '../subject.js'
import type { PolicyTable } from './policy-table.js'

/** How much of a limit one subject has in use, as far as this process was told when it last asked. */
export interface LimitUsage {
  /** The name of the policy; `<name>~1`, … for its second and later limits. */
  readonly policy: string
  /** As it stands in keys, which is the text itself where that is plain. */
  readonly subject: string
  /** Units in use, >= 0, rounded up. */
  readonly used: number
  /** Units that can be in use: the limit, or the burst. More than that is debt. */
  readonly limit: number
  /** When all are back if nobody asks, ms since the Unix epoch. */
  readonly resetAtMs: number
}

/** Of a limit of a policy, as in keys. */
const nameOf = (policy: string, index: number): string => (index === 0 ? policy : `${policy}~${index}`)

/** What subjects have in use, of those that asked last. */
export class UsageMap {
  readonly #table: PolicyTable
  readonly #clock: Clock
  readonly #max: number
  /** Whoever asked last stands last. */
  readonly #usages = new Map<string, LimitUsage>()

  constructor(events: Events, table: PolicyTable, clock: Clock, max: number) {
    this.#table = table
    this.#clock = clock
    this.#max = max
    events.on('decision', decided => this.#note(decided))
  }

  /** By policy and subject, those of which something is in use. */
  read(): Readonly<Record<string, LimitUsage>> {
    const nowMs = this.#clock.nowUs() / 1000
    for (const [key, { resetAtMs }] of this.#usages) if (resetAtMs <= nowMs) this.#usages.delete(key)
    return Object.fromEntries(this.#usages)
  }

  #note({ call, asked, decision }: Decided): void {
    if (call === 'block' || call === 'unblock') return
    // Of an outage, nobody knows what is in use.
    if (decision.reason === 'store-unavailable' || decision.source === 'fallback') return
    const nowMs = this.#clock.nowUs() / 1000
    const checks = checksOf(asked, decision.checks)
    for (const [i, item] of asked.entries()) {
      const subject = this.#textOf(item)
      if (call === 'reset') {
        this.#forget(item.policy, subject)
        continue
      }
      for (const [index, check] of (checks[i] as readonly CheckState[]).entries()) {
        const policy = nameOf(item.policy, index)
        const key = `${policy} ${subject}`
        this.#usages.delete(key)
        const { capacity, remaining, resetAfterMs } = check
        if (resetAfterMs === 0) continue
        const used = Math.max(0, capacity - remaining)
        this.#usages.set(key, { policy, subject, used, limit: capacity, resetAtMs: nowMs + resetAfterMs })
      }
    }
    for (const [oldest] of this.#usages) {
      if (this.#usages.size <= this.#max) break
      this.#usages.delete(oldest)
    }
  }

  /** A reset shows what was there before, of one limit after the other. */
  #forget(policy: string, subject: string): void {
    const { limits } = this.#table.get(policy)
    for (const index of limits.keys()) this.#usages.delete(`${nameOf(policy, index)} ${subject}`)
  }

  /** The parts of a subject as in its keys, whatever form a call gave it in. */
  #textOf({ policy, subject }: Asked): string {
    const isCanonical = typeof subject === 'string' && subject.startsWith('\0')
    const canonical = isCanonical ? subject : identify(this.#table.get(policy), subject)
    if (!canonical.startsWith('\0')) return canonical
    const end = canonical.indexOf('\0', 1)
    return end < 0 ? canonical.slice(1) : canonical.slice(1, end)
  }
}
