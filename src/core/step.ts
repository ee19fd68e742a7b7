/** What a check asks for. The numbers are the wire's. */
export const Op = {
  /** Never sent: what a check of a refused request becomes. Charges nothing, tells the state, writes only a repair. */
  look: 0,
  /** Take n units, all or none. For `concurrency`: acquire n units under the lease id. */
  consume: 1,
  /** Would `consume` pass? Never writes. */
  peek: 2,
  /** Take as many units as conform, at most n; 0 is a denial. */
  grant: 3,
  /** Record n units that were used already; may go into debt, as far as the plan allows. */
  debit: 4,
  /** Give back n units charged at time `at`. For `concurrency`: release the lease. */
  refund: 5,
  /** Undo a charge made at time `at` with an exact bound (requests across slots, leases). */
  rollback: 6,
  /** Forget the key. Stands alone in its request. */
  reset: 7,
  /** Refuse everything on this key for n us. Stands alone in its request. */
  block: 8,
  /** Lift a block and keep the counters. Stands alone in its request. */
  unblock: 9,
  /** `concurrency` only: extend the live units of a lease. */
  renew: 10,
} as const

export type Op = (typeof Op)[keyof typeof Op]

/** How a check ended. Negative: an error of this check; nothing of its request was written. */
export const Status = {
  denied: 0,
  allowed: 1,
  /** Denied because the subject is blocked. */
  blocked: 2,
  /** Denied because the store could not be asked. Never on the wire: a guard says it, no script and no engine. */
  unavailable: 3,
  /** The cost exceeds what the plan could ever admit. */
  impossible: -1,
  /** The key holds a value of another Redis type. */
  wrongType: -2,
  /** The key holds text that is not a state of this algorithm. */
  foreignValue: -3,
  /** `quota`: now is outside the periods the plan knows. */
  stalePlan: -4,
  /** An op, cost, time or lease id the algorithm cannot take. */
  badCheck: -5,
} as const

export type Status = (typeof Status)[keyof typeof Status]

/** What a step asks the store to do with the state it leaves in `Step.state`. */
export const Write = {
  none: 0,
  /** Store the state; the expiry stays as it is. */
  keep: 1,
  /** Store the state and make the key live for `ttlUs` from now. */
  expire: 2,
} as const

export type Write = (typeof Write)[keyof typeof Write]

/** Doubles in the longest fixed-size state (`token_bucket`). */
export const STATE_LENGTH_MAX = 5

/**
 * The registers of one decision: an engine tells where the stored state stands, calls the algorithm, and does what it says.
 * One object serves all calls of an engine, so a check allocates nothing.
 *
 * The algorithms with a state of fixed size (all but `sliding_window` and `concurrency`) read `present` and `state` and
 * leave the next state where the stored one stood, or all as it was when `write` is `none`. They have no clock, no store
 * and no randomness.
 */
export interface Step {
  /** In: whether the key exists. */
  present: boolean
  /** In: the numbers among which the state stands, from `cell` on. Out: there stand the numbers to store. */
  state: Float64Array
  /** In. */
  cell: number

  /** Out. */
  status: Status
  /** Units taken (`consume`, `grant`, `debit`) or given back (`refund`, `rollback`). */
  granted: number
  /** Largest cost that passes now, >= 0. */
  remaining: number
  /** Denied: us until this very cost passes if nobody else calls. Allowed: us to delay the call (`leaky_bucket` in shape mode), else 0. */
  waitUs: number
  /** us until the state equals an absent one. */
  resetUs: number
  write: Write
  /** With `Write.expire`: us from now to the end of the key; the store rounds it up. */
  ttlUs: number
}

/** No integer: V8 keeps such fields as doubles from the start, and throws no code away at the first large number. */
const NO_TIME = Number.NaN

export function createStep(): Step {
  return {
    present: false,
    state: new Float64Array(STATE_LENGTH_MAX),
    cell: 0,
    status: Status.allowed,
    granted: 0,
    remaining: 0,
    waitUs: NO_TIME,
    resetUs: NO_TIME,
    write: Write.none,
    ttlUs: NO_TIME,
  }
}

/** Ends a check with an error: it takes nothing, tells nothing and writes nothing, a due repair included. */
export function fail(step: Step, status: Status): void {
  step.status = status
  step.granted = 0
  step.remaining = 0
  step.waitUs = 0
  step.resetUs = 0
  step.write = Write.none
  step.ttlUs = 0
}
