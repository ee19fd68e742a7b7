import type { Plan } from '../core/plan.js'
import type { Op, Step } from '../core/step.js'
import type { Outcome, Source } from '../decision.js'
import type { Limit } from '../policy.js'

export type { CheckOutcome, FallbackMark, Outcome, Source } from '../decision.js'

/** One check as an engine takes it: integers, and a subject already made canonical by `identify` of `src/subject.ts`. */
export interface Check {
  readonly limit: Limit
  /** The limit's own plan, or the plan of a per-call override on the same key. */
  readonly plan: Plan
  /** What `identify(policy, subject)` of `src/subject.ts` answered. */
  readonly subject: string
  readonly op: Op
  /** Units; for `block` us. An integer >= 1. */
  readonly n: number
  /** For `refund` and `rollback`: `nowUs` of the outcome being undone, 0 when unknown. Otherwise 0. */
  readonly at: number
  /** For `concurrency`: who holds the units. */
  readonly leaseId?: string
  /**
   * Of a refund, renewal or release: which fallback counted the units while the store could not be asked. It alone can
   * give them back; a store knows nothing of them.
   */
  readonly fallbackId?: string
}

/**
 * Decides requests. This is the seam for custom engines: it speaks of checks and outcomes, never of a backend; keys,
 * scripts, connections and retries are the engine's own affair.
 *
 * A request is all or nothing: when one check is refused (`denied`, `blocked`) or fails (negative status), no check of
 * the request has changed anything. `reset`, `block` and `unblock` come alone. An engine rejects only when it could not
 * decide (store unreachable, closed); a denial is an outcome.
 */
export interface Engine {
  readonly source: Source
  /** Decides one request of 1 to 16 checks. */
  decide(request: readonly Check[], options?: DecideOptions): Promise<Outcome>
  /**
   * Names the part of the store that will decide a request, such as a node of a cluster: parts fail apart. Without it,
   * the store is one.
   */
  partOf?(request: readonly Check[]): string | undefined
  /** A refusal changes what the store holds, so that each has to reach it: none is answered from what was refused before. */
  readonly countsRefusals?: true
  /**
   * `group`: a request over several groups of subjects (`group` of a policy) is decided at several places, one after the
   * other. Without it, every request is one step.
   */
  readonly atomicWithin?: 'group' | undefined
  /** Several processes on one store would overwrite each other's counts: it is for one. */
  readonly singleProcess?: true
  /** Resolves when the engine can decide; rejects with the reason when it cannot. */
  ready(): Promise<void>
  /** Lets requests under way finish, then gives back connections, files and memory. Idempotent. */
  close(): Promise<void>
}

export interface DecideOptions {
  /** Rejects with the signal's reason as soon as it aborts. A check on its way to a server may still be charged. */
  readonly signal?: AbortSignal | undefined
  /** Who waits for the answer. */
  readonly caller?: Caller | undefined
  /**
   * To be settled in place of a promise of the engine's own, which costs less: the engine then answers this very promise.
   * One that makes a promise all the same does nothing wrong.
   */
  readonly deferred?: Deferred | undefined
}

/** As `Promise.withResolvers` makes one. */
export interface Deferred {
  readonly promise: Promise<Outcome>
  resolve(outcome: Outcome): void
  reject(reason: unknown): void
}

/**
 * Asked right before a request leaves for a server: what nobody waits for any more is not sent, and its promise need not
 * settle.
 */
export interface Caller {
  readonly isGone: boolean
  /** What is told as soon as he is gone: set by an engine that is not there to ask when a request leaves. */
  waitsFor?: UnderWay | undefined
}

/** Something under way whose caller may go. */
export interface UnderWay {
  callerLeft(): void
}

/** An engine in this process, which answers without a promise. */
export interface SyncEngine extends Engine {
  decideSync(request: readonly Check[]): Outcome
  /**
   * Decides a request of one check without allocating. The answer is the engine's own `Step`: read it before the next
   * call. `lastNowUs` is the instant it was decided at.
   */
  decideOne(
    limit: Limit,
    plan: Plan,
    subject: string,
    op: Op,
    n: number,
    at: number,
    leaseId?: string,
  ): Readonly<Step>
  /**
   * The most frequent call by its shortest way: consumes `n` units, an integer >= 1, of a key that is there, under a plan
   * other than `concurrency`, and answers as `decideOne`. Undefined where it takes more than that: then nothing was done,
   * and `decideOne` is to be asked. `text` is a subject that nobody has looked at: one that `identify` would refuse, or
   * write in another way, is that of no key here. An engine may leave it out.
   */
  consumeLive?(limit: Limit, plan: Plan, text: string, n: number): Readonly<Step> | undefined
  readonly lastNowUs: number
}

export const isSyncEngine = (engine: Engine): engine is SyncEngine => 'decideOne' in engine
