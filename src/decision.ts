import type { Algorithm } from './core/plan.js'
import { Op, Status } from './core/step.js'
import { cdiv } from './core/time.js'
import type { Limit, LimitOverride } from './policy.js'

/** Who decided, as `Decision.source` tells. A custom engine names itself. */
export type Source =
  | 'redis'
  | 'native'
  | 'memory'
  | 'file'
  | 'lease'
  | 'deny-cache'
  | 'fallback'
  | 'shadow'
  | (string & {})

/** Why: `limit` and `blocked` are refusals; `store-unavailable` is an outage, decided by the policy's failure rule. */
export type Reason = 'ok' | 'limit' | 'blocked' | 'store-unavailable'

/** What one limit said of one check. A policy of several limits, or a request of several checks, has several. */
export interface CheckState {
  /** Name of the policy, as configured. */
  readonly policy: string
  /** Units per window (or held at once), as configured or as overridden by the call. */
  readonly limit: number
  /** The window in ms; for `concurrency` how long a lease lasts. */
  readonly windowMs: number
  readonly algorithm: Algorithm
  readonly allowed: boolean
  readonly reason: Reason
  /** Units this check took or gave back. 0 when the request was refused, and for a peek. */
  readonly granted: number
  /** Largest cost that passes now, >= 0. */
  readonly remaining: number
  /** Refused: ms until this very cost passes if nobody else calls, rounded up. Allowed: 0. */
  readonly retryAfterMs: number
  /** ms until the state equals that of a subject never seen, rounded up. */
  readonly resetAfterMs: number
  /** ms to hold the call back before doing it, rounded up. 0 except for a `leaky_bucket` that shapes. */
  readonly delayMs: number
}

/** One charge of a receipt: what has to be known to give it back. */
export interface Charge {
  /** Name of the policy the units were charged to. */
  readonly policy: string
  /** The limit within the policy: its part of the key. */
  readonly limit: string
  readonly algorithm: Algorithm
  /** The subject in its canonical form. */
  readonly subject: string
  /** Units charged. */
  readonly units: number
  /** The store's clock at the charge, us since the Unix epoch. */
  readonly atUs: number
  /** `concurrency` only: who holds the units. */
  readonly leaseId?: string
  /** Where the call had another limit than the policy: units are worth what they were charged at. */
  readonly override?: LimitOverride
}

/** What `refund` needs: plain data, safe to keep as JSON. It is not signed: take none from people you do not trust. */
export interface Receipt {
  readonly charges: readonly Charge[]
}

/** One check as an engine left it: integers, times in us. */
export interface Decided {
  readonly limit: Limit
  /** In its canonical form. */
  readonly subject: string
  readonly op: Op
  readonly leaseId?: string | undefined
  readonly override?: LimitOverride | undefined
  readonly status: Status
  readonly granted: number
  readonly remaining: number
  readonly waitUs: number
  readonly resetUs: number
}

/** Everything a Decision tells, as plain data: what `JSON.stringify(decision)` writes. */
export interface DecisionData {
  readonly allowed: boolean
  readonly reason: Reason
  readonly policy: string
  readonly limit: number
  readonly remaining: number
  readonly retryAfterMs: number
  readonly resetAfterMs: number
  readonly delayMs: number
  readonly source: Source
  readonly receipt: Receipt | undefined
  readonly checks: readonly CheckState[]
}

const toMs = (us: number): number => cdiv(us, 1000)

const reasonOf = (status: Status): Reason =>
  status === Status.allowed ? 'ok' : status === Status.blocked ? 'blocked' : 'limit'

function checkState(check: Decided, requestPassed: boolean): CheckState {
  const { limit, status } = check
  const allowed = status === Status.allowed
  return {
    policy: limit.policy,
    limit: limit.limit,
    windowMs: limit.windowMs,
    algorithm: limit.plan.algorithm,
    allowed,
    reason: reasonOf(status),
    granted: requestPassed && check.op !== Op.peek ? check.granted : 0,
    remaining: check.remaining,
    retryAfterMs: allowed ? 0 : toMs(check.waitUs),
    resetAfterMs: toMs(check.resetUs),
    delayMs: allowed ? toMs(check.waitUs) : 0,
  }
}

const charges = (op: Op): boolean => op === Op.consume || op === Op.grant || op === Op.debit

function charge(check: Decided, nowUs: number): Charge {
  const { limit, subject, granted, leaseId, override } = check
  const { plan } = limit
  // A shaped call starts when all before it have drained; only that instant tells whether it is the last in the queue.
  const queued = plan.algorithm === 'leaky_bucket' && plan.shape === 1
  return {
    policy: limit.policy,
    limit: limit.keyName,
    algorithm: plan.algorithm,
    subject,
    units: granted,
    atUs: queued ? nowUs + check.resetUs : nowUs,
    ...(leaseId !== undefined && { leaseId }),
    ...(override !== undefined && { override }),
  }
}

/**
 * What a caller sees of a request. A refusal is a Decision too; failures and impossible costs are errors.
 *
 * Of several checks, the numbers are those of one: when all passed, of the limit that is closest to exhausted (smallest
 * `remaining / limit`); when refused, of the check that has to wait longest. `checks` has them all.
 *
 * One is made for every check of a process, so it holds the engine's integers as they came and computes on demand what
 * is asked for. `JSON.stringify` and `console.log` show everything.
 */
export class Decision implements DecisionData {
  readonly #limit: Limit
  readonly #subject: string
  readonly #op: Op
  readonly #status: Status
  readonly #granted: number
  readonly #remaining: number
  readonly #waitUs: number
  readonly #resetUs: number
  readonly #nowUs: number
  readonly #all: readonly Decided[] | undefined
  /** Who decided. */
  readonly source: Source

  /**
   * @param limit the limit of the check shown, and after it what the engine said of that check
   * @param nowUs the store's clock, us since the Unix epoch
   * @param all every check of the request in its order, when the check shown does not tell all: several checks, a lease, an override
   */
  constructor(
    limit: Limit,
    subject: string,
    op: Op,
    status: Status,
    granted: number,
    remaining: number,
    waitUs: number,
    resetUs: number,
    nowUs: number,
    source: Source,
    all?: readonly Decided[],
  ) {
    this.#limit = limit
    this.#subject = subject
    this.#op = op
    this.#status = status
    this.#granted = granted
    this.#remaining = remaining
    this.#waitUs = waitUs
    this.#resetUs = resetUs
    this.#nowUs = nowUs
    this.#all = all
    this.source = source
  }

  /** The Decision of a request: chooses the check to show. */
  static of(checks: readonly Decided[], nowUs: number, source: Source): Decision {
    let shown = checks[0] as Decided
    for (const check of checks) if (outweighs(check, shown)) shown = check
    const { limit, subject, op, status, granted, remaining, waitUs, resetUs } = shown
    return new Decision(
      limit,
      subject,
      op,
      status,
      granted,
      remaining,
      waitUs,
      resetUs,
      nowUs,
      source,
      checks,
    )
  }

  get allowed(): boolean {
    return this.#status === Status.allowed
  }

  get reason(): Reason {
    return reasonOf(this.#status)
  }

  /** Name of the policy whose numbers these are. */
  get policy(): string {
    return this.#limit.policy
  }

  /** Units per window, as configured or as overridden by the call. */
  get limit(): number {
    return this.#limit.limit
  }

  /** Largest cost that passes now, >= 0. */
  get remaining(): number {
    return this.#remaining
  }

  /** Refused: ms until this very cost passes if nobody else calls, rounded up. Allowed: 0. */
  get retryAfterMs(): number {
    return this.allowed ? 0 : toMs(this.#waitUs)
  }

  /** ms until the state equals that of a subject never seen, rounded up. */
  get resetAfterMs(): number {
    return toMs(this.#resetUs)
  }

  /** ms to hold the call back before doing it, rounded up. 0 except for a `leaky_bucket` that shapes. */
  get delayMs(): number {
    return this.allowed ? toMs(this.#waitUs) : 0
  }

  /** What `refund` needs to give these units back; undefined when nothing was charged. */
  get receipt(): Receipt | undefined {
    if (!this.allowed) return undefined
    const charged = this.#decided().filter(check => charges(check.op) && check.granted > 0)
    return charged.length === 0 ? undefined : { charges: charged.map(check => charge(check, this.#nowUs)) }
  }

  /** Every check's own state, in the order they were made. */
  get checks(): readonly CheckState[] {
    return this.#decided().map(check => checkState(check, this.allowed))
  }

  toJSON(): DecisionData {
    const { allowed, reason, policy, limit, remaining, retryAfterMs, resetAfterMs, delayMs, source } = this
    const { receipt, checks } = this
    return {
      allowed,
      reason,
      policy,
      limit,
      remaining,
      retryAfterMs,
      resetAfterMs,
      delayMs,
      source,
      receipt,
      checks,
    }
  }

  [Symbol.for('nodejs.util.inspect.custom')](
    _depth: number,
    options: object,
    inspect: (value: unknown, options: object) => string,
  ): string {
    return `Decision ${inspect(this.toJSON(), options)}`
  }

  #decided(): readonly Decided[] {
    if (this.#all !== undefined) return this.#all
    const limit = this.#limit
    return [
      {
        limit,
        subject: this.#subject,
        op: this.#op,
        status: this.#status,
        granted: this.#granted,
        remaining: this.#remaining,
        waitUs: this.#waitUs,
        resetUs: this.#resetUs,
      },
    ]
  }
}

/** Is `a` the one to show rather than `b`? A refusal before an admission, then the longer wait or the smaller share left. */
function outweighs(a: Decided, b: Decided): boolean {
  const refused = a.status !== Status.allowed
  if (refused !== (b.status !== Status.allowed)) return refused
  if (refused) return a.waitUs > b.waitUs
  return a.remaining * b.limit.limit < b.remaining * a.limit.limit
}
