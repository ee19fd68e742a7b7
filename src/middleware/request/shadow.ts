import type { Decision, DecisionData } from '../../decision.js'
import { warnProcess } from '../../events.js'

/** What a policy that only watches would have done. */
export interface ShadowCounts {
  readonly allowed: number
  readonly refused: number
  /** Requests of which nobody knows, as the check failed; the limiter's `error` event tells why. */
  readonly failed: number
}

type Told<A extends readonly unknown[]> = ((decision: DecisionData, ...args: A) => void) | undefined

/** Decides for policies that only watch. Each by itself, so that what it refuses takes nothing from the others. */
export class Shadow<A extends readonly unknown[]> {
  readonly #onShadow: Told<A>
  readonly #counts = new Map<string, { allowed: number; refused: number; failed: number }>()

  constructor(policies: readonly string[], onShadow: Told<A>) {
    this.#onShadow = onShadow
    for (const policy of policies) this.#counts.set(policy, { allowed: 0, refused: 0, failed: 0 })
  }

  /** By policy. */
  get counts(): Readonly<Record<string, ShadowCounts>> {
    return Object.fromEntries(Array.from(this.#counts, ([policy, counts]) => [policy, { ...counts }]))
  }

  /**
   * Counts a decision when it comes. Never rejects.
   *
   * @param deciding resolves to undefined where the check was left out
   */
  async watch(
    policy: string,
    deciding: Promise<Decision | undefined>,
    args: A,
  ): Promise<Decision | undefined> {
    const counts = this.#counts.get(policy)
    let decision: Decision | undefined
    try {
      decision = await deciding
    } catch {
      if (counts !== undefined) counts.failed++
      return undefined
    }
    if (decision === undefined) return undefined
    if (counts !== undefined) counts[decision.allowed ? 'allowed' : 'refused']++
    try {
      this.#onShadow?.({ ...decision.toJSON(), source: 'shadow' }, ...args)
    } catch (error) {
      warnProcess(`onShadow of policy '${policy}' failed`, error)
    }
    return decision
  }
}
