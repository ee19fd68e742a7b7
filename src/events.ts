import type { BreakerState } from './core/breaker.js'
import type { Decision } from './decision.js'
import type { SluiceError } from './errors.js'
import { channelsOf, Emitter, type WarningEvents } from './events/emitter.js'
import type { Subject } from './subject.js'

export { warnProcess } from './events/emitter.js'

/** The call of the limiter that an event tells of. */
export type Call =
  | 'check'
  | 'checkAll'
  | 'peek'
  | 'wait'
  | 'debit'
  | 'refund'
  | 'reset'
  | 'block'
  | 'unblock'
  | 'acquire'
  | 'renew'
  | 'release'

const REQUESTS: ReadonlySet<Call> = new Set(['check', 'checkAll', 'wait', 'acquire'])

/** Whether a call asks if something may pass. The others look, or record and give back what has happened. */
export const isRequest = (call: Call): boolean => REQUESTS.has(call)

/** One policy and subject of a call. */
export interface Asked {
  readonly policy: string
  /** As the caller gave it; for `refund`, `renew` and `release` in its canonical form. */
  readonly subject: Subject
}

/** What a limiter tells its listeners. */
export interface LimiterEvents extends WarningEvents {
  /** A request was decided: allowed, refused, or recorded. */
  decision: Decided
  /** A call failed: the store could not be asked, a key is not ours, a cost is impossible. The caller gets the same error. */
  error: { readonly call: Call; readonly asked: readonly Asked[]; readonly error: unknown }
  /** A call of `wait` or `waitAll` had to wait, and is over. Tells each once, whatever came of it. */
  waited: Waited
  /** A lease ended before it was released: its holder has to stop. */
  leaseLost: { readonly policy: string; readonly leaseId: string; readonly error: SluiceError }
  /** The store could not be asked, or did not answer in time: the call goes on without it. */
  storeError: StoreError
  /** The store cannot be asked: from here on calls are decided without it, and none waits for it. */
  storeDown: StoreDown
  /** The store answers again, and decides again. */
  storeUp: StoreUp
  /** The circuit breaker before the store changed its state: every step between `storeDown` and `storeUp`. */
  breaker: BreakerChange
  /** A batch of checks came back from the server, or failed. */
  batch: Batch
  /** The store answered a call that had gone on without it. The answer is dropped; what it charged stays charged. */
  lateReply: LateReply
}

export interface Decided {
  readonly call: Call
  readonly asked: readonly Asked[]
  readonly decision: Decision
  /** ms from the call to its answer. */
  readonly durationMs: number
}

/** Many requests in one message to a server. */
export interface Batch {
  readonly part: StorePart
  readonly requests: number
  readonly checks: number
  /** Requests that stayed behind when it left, and wait for the next one. */
  readonly queued: number
  /** ms from sending it to its answer. */
  readonly tripMs: number
  /** Undefined: it was answered. */
  readonly error: unknown
}

export interface Waited {
  readonly asked: readonly Asked[]
  /** ms from the call to its end. */
  readonly waitedMs: number
  /** Undefined: it failed, or was given up by its signal or with the limiter. */
  readonly decision: Decision | undefined
}

/** Part of a store that fails by itself: a node of a cluster. Undefined where the store is one. */
type StorePart = string | undefined

export interface StoreError {
  readonly part: StorePart
  /** What failed: its code tells the kind. */
  readonly error: unknown
}

export interface StoreDown {
  readonly part: StorePart
  /** What made it fail. */
  readonly error: unknown
}

export interface StoreUp {
  readonly part: StorePart
  /** ms since `storeDown`. */
  readonly downMs: number
  /** Calls decided without the store meanwhile. */
  readonly decided: number
}

export interface BreakerChange {
  readonly part: StorePart
  readonly from: BreakerState
  readonly to: BreakerState
}

export interface LateReply {
  readonly part: StorePart
  /** ms from the deadline of the call to its answer. */
  readonly lateMs: number
}

export type EventName = keyof LimiterEvents

export type Listener<E extends EventName> = (event: LimiterEvents[E]) => void

/** `sluice:decision` and so on: every event of every limiter of the process. */
const CHANNELS = channelsOf<LimiterEvents>('sluice:', [
  ...(['decision', 'error', 'waited', 'leaseLost', 'warning'] as const),
  ...(['storeError', 'storeDown', 'storeUp', 'breaker', 'batch', 'lateReply'] as const),
])

/** The listeners of a limiter. */
export class Events extends Emitter<LimiterEvents> {
  constructor() {
    super(CHANNELS)
  }
}
