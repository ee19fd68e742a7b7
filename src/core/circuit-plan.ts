import { Forced, Phase } from './circuit-state.js'

/** What a breaker goes by, in validated numbers: the row of the script. */
export interface CircuitPlan {
  /** Failures within the window that open it; 0: they are not counted so. */
  readonly failuresMax: number
  /** Failures in a million calls of the window that open it; 0: the share does not matter. */
  readonly ratePpm: number
  /** Calls within the window below which it does not open. */
  readonly volumeMin: number
  /** A tenth of the window. */
  readonly slotUs: number
  /** Probes that have to succeed before it closes. */
  readonly successesMin: number
  /** From opening to the first probe. */
  readonly openUs: number
  /** By so much longer is each further opening in a row, 1 or more. */
  readonly factor: number
  /** No opening is longer, jitter apart. */
  readonly openMaxUs: number
  /** 0 to 1: the share of an opening that chance may add. */
  readonly jitter: number
  /** Probes under way at once. */
  readonly probesMax: number
  /** A probe that has not reported by then has lost its place. */
  readonly leaseUs: number
}

/** The numbers are the wire's. */
export const CircuitOp = {
  /** May a call pass? Never writes. */
  look: 1,
  /** The same, and takes the place of a probe where it needs one. */
  acquire: 2,
  /** Counts `a` failures and `b` successes of calls of a generation; with a ticket, how that probe ended: 0 and 0 tell nothing. */
  report: 3,
  /** `a`: what is forced (`Forced`), for `b` us. */
  force: 4,
  /** Holds it open for `a` us, until the ticket is released. */
  isolate: 5,
  release: 6,
  /** Closes it, and forgets what was counted and ordered. */
  reset: 7,
  /** Takes over an opening of a later generation, made while the store could not be asked: until `a`, attempt `b`. */
  adopt: 8,
} as const

export type CircuitOp = (typeof CircuitOp)[keyof typeof CircuitOp]

/** The numbers are the wire's. */
export const CircuitStatus = {
  refused: 0,
  done: 1,
  /** It tells of another generation, or of a ticket that is gone: nothing was counted. */
  stale: 2,
  wrongType: -2,
  foreignValue: -3,
  /** An op or number that a circuit does not take, or more isolations than it holds. */
  badRequest: -5,
} as const

export type CircuitStatus = (typeof CircuitStatus)[keyof typeof CircuitStatus]

export interface CircuitRequest {
  readonly op: CircuitOp
  readonly generation: number
  readonly a: number
  readonly b: number
  readonly ticket: number
}

/** The registers of one step: how the circuit stands after it. */
export interface CircuitStep {
  status: CircuitStatus
  /** As calls meet it: open while it is forced or isolated. */
  phase: Phase
  /** `open` while it is isolated as well. */
  forced: Forced
  generation: number
  /** us until a call may pass; 0: now. */
  waitUs: number
  /** Of the probe (0: the call is none), or of the isolation. */
  ticket: number
  /** The phase that this step has ended, or -1. */
  was: Phase | -1
  attempt: number
  /** The state is to be stored. */
  write: boolean
}

export const createCircuitStep = (): CircuitStep => ({
  status: CircuitStatus.done,
  phase: Phase.closed,
  forced: Forced.no,
  generation: 0,
  waitUs: 0,
  ticket: 0,
  was: -1,
  attempt: 0,
  write: false,
})
