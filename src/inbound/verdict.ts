import type { CheckState, Decision, Reason } from '../decision.js'

/** What one limit of one dimension said. */
export interface DimensionState extends CheckState {
  /** As it stands in the configuration: `by_user`, `by_tool`, `missing_user`, or the name of a limit of your own. */
  readonly dimension: string
}

/** What a request is told: the decision over all dimensions that limit it. Nothing of it tells who asked. */
export interface GatewayVerdict {
  readonly allowed: boolean
  /** `ok` too where no limit applies. */
  readonly reason: Reason
  /** ms until this very request passes if nobody else calls: the longest of all that refused. Allowed: 0. */
  readonly retryAfterMs: number
  /** Every limit that was asked. */
  readonly dimensions: readonly DimensionState[]
  /** Those that refused: none where the store could not be asked, for then nobody knows. */
  readonly violated: readonly DimensionState[]
  /** For headers and refunds; undefined where no limit applies. */
  readonly decision: Decision | undefined
}

/** Where nothing limits a request. */
export const UNLIMITED: GatewayVerdict = {
  allowed: true,
  reason: 'ok',
  retryAfterMs: 0,
  dimensions: [],
  violated: [],
  decision: undefined,
}

/** Names the checks of a decision when they are asked for: most requests pass, and nobody looks at them. */
export class DecidedVerdict implements GatewayVerdict {
  readonly decision: Decision
  readonly #dimensionOf: ReadonlyMap<string, string>

  constructor(decision: Decision, dimensionOf: ReadonlyMap<string, string>) {
    this.decision = decision
    this.#dimensionOf = dimensionOf
  }

  get allowed(): boolean {
    return this.decision.allowed
  }

  get reason(): Reason {
    return this.decision.reason
  }

  get retryAfterMs(): number {
    return this.decision.retryAfterMs
  }

  get dimensions(): readonly DimensionState[] {
    return this.decision.checks.map(check => ({
      dimension: this.#dimensionOf.get(check.policy) ?? check.policy,
      ...check,
    }))
  }

  get violated(): readonly DimensionState[] {
    return this.dimensions.filter(({ reason }) => reason === 'limit' || reason === 'blocked')
  }

  /** Without the decision, whose receipt names who was charged. */
  toJSON(): Omit<GatewayVerdict, 'decision'> {
    const { allowed, reason, retryAfterMs, dimensions, violated } = this
    return { allowed, reason, retryAfterMs, dimensions, violated }
  }
}
