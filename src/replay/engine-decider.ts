import { capacity } from '../core/plan.js'
import { Op, Status } from '../core/step.js'
import type { Clock } from '../core/time.js'
import { type Check, type Engine, isSyncEngine, type Outcome } from '../engine/engine.js'
import { ImpossibleCostError, ProtocolError } from '../errors.js'
import { identify, type Subject } from '../subject.js'
import type { Decider, ReplayCheck, Verdict } from './decider.js'
import type { ReplayPolicy } from './replay-policy.js'

/** Subjects whose keys are deleted in one go. */
const FORGET_AT_ONCE = 500

/** The clock of a replay: the time of the log. Give it to the engine that decides. */
export class LogClock implements Clock {
  #nowUs = 0

  nowUs(): number {
    return this.#nowUs
  }

  set(nowUs: number): void {
    this.#nowUs = nowUs
  }
}

/**
 * Decides a replay by an engine, without a limiter before it: a replay must tell what the policies say at the log's
 * own times, or fail.
 */
export class EngineDecider implements Decider {
  readonly #engine: Engine
  readonly #clock: LogClock
  /** Identities that were checked, by policy: the keys to forget. */
  readonly #checked = new Map<ReplayPolicy, Set<string>>()

  /** @param clock the one the engine decides by */
  constructor(engine: Engine, clock: LogClock) {
    this.#engine = engine
    this.#clock = clock
  }

  /** An engine reads its clock when it is asked, so the next instant may be asked before this one is answered. */
  decide(nowUs: number, checks: readonly ReplayCheck[]): Verdict[] | Promise<Verdict[]> {
    this.#clock.set(nowUs)
    const engine = this.#engine
    if (isSyncEngine(engine)) {
      return checks.map(check => {
        const request = requestOf(check, identityOf(check), nowUs)
        return verdictOf(request, engine.decideSync(request))
      })
    }
    return Promise.all(
      checks.map(async check => {
        const identity = identityOf(check)
        this.#remember(check.policy, identity)
        const request = requestOf(check, identity, nowUs)
        return verdictOf(request, await engine.decide(request))
      }),
    )
  }

  /** Deletes every key that was checked, by its name. Nothing to do for an engine in this process. */
  async forget(): Promise<void> {
    for (const [{ compiled }, identities] of this.#checked) {
      const left = [...identities]
      while (left.length > 0) {
        const resets = left
          .splice(0, FORGET_AT_ONCE)
          .flatMap(subject =>
            compiled.limits.map(limit =>
              this.#engine.decide([{ limit, plan: limit.plan, subject, op: Op.reset, n: 1, at: 0 }]),
            ),
          )
        await Promise.all(resets)
      }
    }
    this.#checked.clear()
  }

  #remember(policy: ReplayPolicy, identity: string): void {
    let identities = this.#checked.get(policy)
    if (identities === undefined) {
      identities = new Set()
      this.#checked.set(policy, identities)
    }
    identities.add(identity)
  }
}

function identityOf({ policy, subject }: ReplayCheck): string {
  const named: Subject =
    subject.length === 1
      ? (subject[0] as string)
      : Object.fromEntries(policy.by.map((part, index) => [part, subject[index] as string]))
  return identify(policy.compiled, named)
}

const requestOf = ({ policy, cost }: ReplayCheck, subject: string, nowUs: number): Check[] =>
  policy.compiled.limits.map(limit => ({
    limit,
    plan: limit.planAt(nowUs),
    subject,
    op: Op.consume,
    n: cost,
    at: 0,
  }))

function verdictOf(request: readonly Check[], { checks }: Outcome): Verdict {
  let allowed = true
  let delayUs = 0
  let retryAfterUs = 0
  for (const [index, { status, waitUs }] of checks.entries()) {
    const { limit, plan, n } = request[index] as Check
    if (status === Status.impossible) throw new ImpossibleCostError(limit.policy, n, capacity(plan))
    if (status < 0) {
      throw new ProtocolError(
        `policy '${limit.policy}': the store could not decide a request (status ${status})`,
      )
    }
    if (status === Status.allowed) {
      delayUs = Math.max(delayUs, waitUs)
    } else {
      allowed = false
      retryAfterUs = Math.max(retryAfterUs, waitUs)
    }
  }
  return {
    allowed,
    retryAfterMs: Math.ceil(retryAfterUs / 1000),
    delayMs: allowed ? Math.ceil(delayUs / 1000) : 0,
  }
}
