import { type Channel, channel } from 'node:diagnostics_channel'
import type { BreakerState } from './core/breaker.js'
import type { Decision } from './decision.js'
import { isSluiceError, type SluiceError } from './errors.js'
import type { Subject } from './subject.js'

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

/** One policy and subject of a call. */
export interface Asked {
  readonly policy: string
  /** As the caller gave it; for `refund`, `renew` and `release` in its canonical form. */
  readonly subject: Subject
}

/** What a limiter tells its listeners. */
export interface LimiterEvents {
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
  /** Something a person should look at that changed no answer, such as a snapshot that could not be read. */
  warning: { readonly message: string; readonly error: unknown }
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

/** A warning of the process, with the code of the error if it is one of Sluice. */
export function warnProcess(message: string, error: unknown): void {
  const code = isSluiceError(error) ? { code: error.code } : {}
  process.emitWarning(message, { type: 'SluiceWarning', ...code })
}

const EVENT_NAMES = [
  ...(['decision', 'error', 'waited', 'leaseLost', 'warning'] as const),
  ...(['storeError', 'storeDown', 'storeUp', 'breaker', 'batch', 'lateReply'] as const),
] satisfies EventName[]

const byName = <T>(make: (name: EventName) => T) =>
  Object.fromEntries(EVENT_NAMES.map(name => [name, make(name)])) as Readonly<Record<EventName, T>>

/** `sluice:decision` and so on: every event of every limiter of the process, by `node:diagnostics_channel`. */
const CHANNELS: Readonly<Record<EventName, Channel>> = byName(name => channel(`sluice:${name}`))

/**
 * The listeners of a limiter, and of the process. Whoever tells an event asks `has` first, so that an event nobody listens to costs a lookup.
 * What a listener throws, or rejects with, becomes a warning and never reaches the call that it was told of.
 */
export class Events {
  readonly #listeners = byName(() => new Set()) as { readonly [E in EventName]: Set<Listener<E>> }

  has(name: EventName): boolean {
    return this.#listeners[name].size > 0 || CHANNELS[name].hasSubscribers
  }

  /** @returns what takes the listener away again */
  on<E extends EventName>(name: E, listener: Listener<E>): () => void {
    const listeners = this.#listeners[name]
    // A listener of its own for each call: the same function may listen twice and leave once.
    const own: Listener<E> = event => listener(event)
    listeners.add(own)
    return () => {
      listeners.delete(own)
    }
  }

  emit<E extends EventName>(name: E, event: LimiterEvents[E]): void {
    CHANNELS[name].publish(event)
    for (const listener of this.#listeners[name]) {
      try {
        const result: unknown = listener(event)
        if (result instanceof Promise) result.catch(error => this.#listenerFailed(name, error))
      } catch (error) {
        this.#listenerFailed(name, error)
      }
    }
  }

  /** Tells of something that changed no answer: to the listeners, or to the process where there are none. */
  warn(message: string, error: unknown): void {
    this.emit('warning', { message, error })
    if (this.#listeners.warning.size === 0) warnProcess(message, error)
  }

  #listenerFailed(name: EventName, error: unknown): void {
    const message = `a listener of '${name}' failed: ${error instanceof Error ? error.message : String(error)}`
    // A failing listener of warnings would warn of itself for ever.
    if (name === 'warning') warnProcess(message, error)
    else this.warn(message, error)
  }
}
