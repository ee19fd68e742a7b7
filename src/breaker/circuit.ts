import { type CircuitState, Forced, Phase } from '../core/circuit-state.js'

/** What became of the calls of a circuit, in this process. */
export interface CircuitCounts {
  /** Calls that asked: `successfulRequests + failedRequests + ignoredRequests + rejectedRequests` and those under way. */
  totalRequests: number
  successfulRequests: number
  failedRequests: number
  /** Calls that said nothing of the other side: cancelled, refused by a limiter, the caller's own fault. */
  ignoredRequests: number
  rejectedRequests: number
  /** Reports that came too late to count: the circuit had changed under their calls. */
  staleReports: number
  /** Changes of state that this process made: in a fleet each is counted by one. */
  stateTransitions: number
}

export const noCounts = (): CircuitCounts => ({
  totalRequests: 0,
  successfulRequests: 0,
  failedRequests: 0,
  ignoredRequests: 0,
  rejectedRequests: 0,
  staleReports: 0,
  stateTransitions: 0,
})

export function addCounts(sum: CircuitCounts, more: CircuitCounts): void {
  for (const name of Object.keys(sum) as (keyof CircuitCounts)[]) sum[name] += more[name]
}

/** May a call pass? One object serves all calls of a circuit for as long as the answer stays the same. */
export interface Admission {
  readonly allowed: boolean
  readonly phase: Phase
  readonly forced: Forced
  readonly generation: number
  /** Of the probe; 0: the call is none. */
  readonly ticket: number
  /** us until a call may pass; 0 where this one does. */
  readonly waitUs: number
}

const passOf = (generation: number, forced: Forced): Admission => ({
  allowed: true,
  phase: Phase.closed,
  forced,
  generation,
  ticket: 0,
  waitUs: 0,
})

/** A circuit as this process knows it. */
export class Circuit {
  /** By which it is found here, and its key is made. */
  readonly identity: string
  /** For people: the value of the label `key`. */
  readonly name: string
  readonly counts = noCounts()
  /** Somebody asked since the table last looked for room. */
  touched = true
  /** As it is, where this process decides it; while another store does, only until that answers again. */
  state: CircuitState | undefined
  phase: Phase = Phase.closed
  forced: Forced = Forced.no
  generation = 0
  attempt = 0
  /** The answer to calls while it is closed. */
  pass = passOf(0, Forced.no)

  /** When the store was last asked, on the monotonic clock. */
  seenMs = Number.NEGATIVE_INFINITY
  /** Until then it refuses, as far as is known. */
  retryMs = 0
  /** Is settled when the question under way is: to the store's answer, or to false where none came. */
  asking: Promise<boolean> | undefined
  refreshing = false
  /** The store has another's value at its key, so this process decides it alone. */
  isRefused = false
  /** Calls of this generation that were not reported yet. */
  failures = 0
  successes = 0

  constructor(identity: string, name: string) {
    this.identity = identity
    this.name = name
  }

  /** Goes on with a state that was kept. */
  restore(state: CircuitState): void {
    this.state = state
    const held = state.forced === Forced.open || state.isolations.length > 0
    const phase = held ? Phase.open : state.forced === Forced.closed ? Phase.closed : state.phase
    this.show(phase, held ? Forced.open : state.forced, state.generation, state.attempt)
  }

  /** Takes note of how it stands. */
  show(phase: Phase, forced: Forced, generation: number, attempt: number): void {
    this.phase = phase
    this.attempt = attempt
    if (generation === this.generation && forced === this.forced) return
    this.forced = forced
    this.generation = generation
    this.pass = passOf(generation, forced)
    // Calls of the generation before count no more.
    this.counts.staleReports += this.failures + this.successes
    this.failures = 0
    this.successes = 0
  }
}
