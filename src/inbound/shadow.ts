import type { DecisionData } from '../decision.js'
import { warnProcess } from '../events.js'
import type { Limiter } from '../limiter/types.js'
import type { Dimension } from './dimensions.js'
import type { GatewayCall } from './identity.js'

/** What a dimension that only watches would have done. */
export interface ShadowCounts {
  readonly allowed: number
  readonly refused: number
  /** Requests of which nobody knows, as the check failed. */
  readonly failed: number
}

/** Told of every decision of a dimension that only watches. */
export type ShadowListener = (dimension: string, decision: DecisionData) => void

/** Decides for dimensions that only watch. Each by itself, so that what it refuses takes nothing from the others. */
export class GatewayShadow {
  readonly #dimensions: readonly Dimension[]
  readonly #limiter: Limiter
  readonly #onShadow: ShadowListener | undefined
  readonly #counts: ReadonlyMap<string, { allowed: number; refused: number; failed: number }>

  constructor(dimensions: readonly Dimension[], limiter: Limiter, onShadow: ShadowListener | undefined) {
    this.#dimensions = dimensions
    this.#limiter = limiter
    this.#onShadow = onShadow
    this.#counts = new Map(dimensions.map(({ name }) => [name, { allowed: 0, refused: 0, failed: 0 }]))
  }

  /** By dimension. */
  get counts(): Readonly<Record<string, ShadowCounts>> {
    return Object.fromEntries(Array.from(this.#counts, ([name, counts]) => [name, { ...counts }]))
  }

  /** Counts what is decided when it is. Nobody waits for it, and nothing of it is thrown. */
  watch(call: GatewayCall, cost: number | undefined): void {
    for (const dimension of this.#dimensions) this.#watch(dimension, call, cost)
  }

  async #watch(dimension: Dimension, call: GatewayCall, cost: number | undefined): Promise<void> {
    const { name } = dimension
    const counts = this.#counts.get(name) as { allowed: number; refused: number; failed: number }
    let told: DecisionData
    try {
      const check = dimension.checkOf(call)
      if (check === undefined) return
      const { policy, subject } = check
      const decision = await this.#limiter.check(policy, subject, cost === undefined ? undefined : { cost })
      counts[decision.allowed ? 'allowed' : 'refused']++
      told = { ...decision.toJSON(), source: 'shadow' }
    } catch {
      counts.failed++
      return
    }
    try {
      this.#onShadow?.(name, told)
    } catch (error) {
      warnProcess(`onShadow of dimension '${name}' failed`, error)
    }
  }
}
