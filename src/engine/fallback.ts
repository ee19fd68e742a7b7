import { randomUUID } from 'node:crypto'
import { capacity, type Plan } from '../core/plan.js'
import { Op, Status } from '../core/step.js'
import { type Clock, systemClock } from '../core/time.js'
import type { PolicyLimit, StoreFailurePolicy } from '../policy.js'
import type { Check, CheckOutcome, Outcome } from './engine.js'
import { MemoryEngine } from './memory-engine.js'

/** Subjects × limits that are counted in an outage, where the user names no number: about 13 MB when full. */
const DEFAULT_MAX_KEYS = 100_000

/** A check of a limiter, whose limits know their shares. */
export interface GuardedCheck extends Check {
  readonly limit: PolicyLimit
}

export interface FallbackOptions {
  /** Replicas that share a limit. */
  readonly replicas: number
  readonly clock?: Clock | undefined
  readonly maxKeys?: number | undefined
}

/**
 * Decides in this process while the store cannot be asked. Its counters begin at nothing, end as those of a store do, and
 * are kept between outages, so that a store that comes and goes does not hand out a new share each time.
 */
export class Fallback {
  /** Goes into receipts: what was counted here can only be given back here. */
  readonly id = randomUUID()
  readonly #replicas: number
  readonly #clock: Clock
  readonly #engine: MemoryEngine
  readonly #shares = new WeakMap<PolicyLimit, PolicyLimit>()

  constructor({ replicas, clock = systemClock, maxKeys = DEFAULT_MAX_KEYS }: FallbackOptions) {
    this.#replicas = replicas
    this.#clock = clock
    this.#engine = new MemoryEngine({ clock, maxKeys })
  }

  /** @param retryUs when the store will be asked again */
  decide(request: readonly GuardedCheck[], policy: StoreFailurePolicy, retryUs: number): Outcome {
    if (request.some(isImpossible)) return this.#outcome(request, request.map(refusedAsImpossible))
    if (policy === 'local') return this.decideLocally(request, retryUs)
    if (policy === 'closed') return this.#outcome(request, request.map(unavailable(retryUs)))
    return this.#outcome(request, request.map(passed))
  }

  /** By the counters of this process, whatever the policy: also for what was charged to them before. */
  decideLocally(request: readonly GuardedCheck[], retryUs: number): Outcome {
    const nowUs = this.#clock.nowUs()
    const shares = request.map(check => this.#shareOf(check.limit))
    const checks = request.map((check, i) => {
      const limit = shares[i] as PolicyLimit
      return { ...check, limit, plan: planOf(limit, check, nowUs) }
    })
    const said = this.#engine.decideSync(checks)
    // A cost that a share can never admit, and the whole limit can, is no matter of the subject: the store has to say.
    if (said.checks.some(({ status }) => status === Status.impossible)) {
      return this.#outcome(request, request.map(unavailable(retryUs)))
    }
    return {
      nowUs: said.nowUs,
      checks: said.checks,
      source: 'fallback',
      fallback: { id: this.id, limits: shares },
    }
  }

  close(): Promise<void> {
    return this.#engine.close()
  }

  #outcome(request: readonly GuardedCheck[], checks: readonly CheckOutcome[]): Outcome {
    const limits = request.map(({ limit }) => limit)
    return { nowUs: this.#clock.nowUs(), checks, source: 'fallback', fallback: { id: this.id, limits } }
  }

  #shareOf(limit: PolicyLimit): PolicyLimit {
    if (this.#replicas === 1) return limit
    let share = this.#shares.get(limit)
    if (share === undefined) {
      share = limit.shareOf(this.#replicas)
      this.#shares.set(limit, share)
    }
    return share
  }
}

/** The plan of a share, for this instant, and with the lease that the call asked for. */
function planOf(share: PolicyLimit, { plan: asked }: Check, nowUs: number): Plan {
  const plan = share.planAt(nowUs)
  return plan.algorithm === 'concurrency' && asked.algorithm === 'concurrency'
    ? { ...plan, leaseUs: asked.leaseUs }
    : plan
}

/** Beyond the whole limit, so that no store would admit it either. */
const isImpossible = ({ op, n, plan }: Check): boolean =>
  (op === Op.consume || op === Op.peek) && n > capacity(plan)

const refusedAsImpossible = (check: Check): CheckOutcome => ({
  ...unavailable(0)(),
  status: isImpossible(check) ? Status.impossible : Status.denied,
})

const unavailable = (retryUs: number) => (): CheckOutcome => ({
  status: Status.unavailable,
  granted: 0,
  remaining: 0,
  waitUs: retryUs,
  resetUs: retryUs,
})

/** Nothing is counted, so nothing is granted that could be given back. */
const passed = ({ plan }: Check): CheckOutcome => ({
  status: Status.allowed,
  granted: 0,
  remaining: capacity(plan),
  waitUs: 0,
  resetUs: 0,
})
