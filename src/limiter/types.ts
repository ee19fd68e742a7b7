import type { Decision, Receipt } from '../decision.js'
import type { EventName, Listener } from '../events.js'
import type { Explanation } from '../explain.js'
import type { Acquisition } from '../lease.js'
import type { DurationText, PoliciesInput, PolicyInput, PolicyName, SubjectOf } from '../policy.js'
import type { Subject } from '../subject.js'
import type { LimiterMetrics } from './tally.js'

/** What every call takes. */
export interface CallOptions {
  /**
   * Rejects the call with the signal's reason. Aborted before the call, nothing is charged; while the request is on its
   * way to a server, it may be.
   */
  readonly signal?: AbortSignal
}

/** Another limit for this one call, such as what this user has paid for. For policies of one limit. */
export interface OverrideOptions {
  /** Units per window, per period, or held at once: an integer >= 1. Default: the policy's. */
  readonly limit?: number
  /** With `limit`, `gcra` and buckets only: units that pass at once after a pause. Default: `limit`. */
  readonly burst?: number
}

export interface CostOptions extends OverrideOptions {
  /** Units: an integer >= 1. Default: 1. */
  readonly cost?: number
}

export interface CheckOptions extends CostOptions, CallOptions {}

export interface MaxWait {
  /** Longest wait, such as `'500ms'`; what would take longer is refused at once. Default: `'5s'`. */
  readonly maxWait?: DurationText
}

export interface WaitOptions extends CallOptions, MaxWait {}

export interface RefundOptions extends CallOptions {
  /** Units to give back of each charge: an integer from 1 to what was charged. Default: all. */
  readonly units?: number
}

export interface BlockOptions extends CallOptions {
  /** How long everything is refused, such as `'15m'`. */
  readonly for: DurationText
}

export interface AcquireOptions extends CallOptions, OverrideOptions {
  /** Units of the concurrency limit to hold: an integer from 1 to 64. Default: 1. */
  readonly units?: number
  /** Units charged to the policy's other limits. Default: 1. */
  readonly cost?: number
  /** How long the units stay held without a renewal, up to 407 days. Default: the policy's `lease`. */
  readonly ttl?: DurationText
  /** Renew the lease every third of its time until it is released. Default: true. */
  readonly autoRenew?: boolean
}

/** One check of `checkAll`, its subject typed by its policy. */
export type CheckItem<P extends PoliciesInput> = {
  readonly [N in PolicyName<P>]: { readonly policy: N; readonly subject: SubjectOf<P[N]> } & CostOptions
}[PolicyName<P>]

/**
 * A rate limiter: policies by name, and a store that counts. Made by `createLimiter`.
 *
 * A refusal is a `Decision`. Whatever else goes wrong rejects with a class of `docs/errors.md`: a policy that does not
 * exist, a cost that can never pass, a store that cannot be asked.
 */
export interface Limiter<P extends PoliciesInput = PoliciesInput> extends AsyncDisposable {
  /** Takes `cost` units from every limit of the policy if all of them have them, else from none. */
  check<N extends PolicyName<P>>(
    policy: N,
    subject: SubjectOf<P[N]>,
    options?: CheckOptions,
  ): Promise<Decision>

  /** Several checks as one: all pass and are charged, or none is. At most 16, counting each limit of each policy. */
  checkAll(items: readonly CheckItem<P>[], options?: CallOptions): Promise<Decision>

  /**
   * As `check`, but where it would be refused it waits until it passes, behind those who wait for the same policy and subject in this
   * process. What would take longer than `maxWait` is refused at once, and so is what finds no place to wait. When the signal
   * aborts, the place and the units are free again.
   *
   * Others who share the store may take what is waited for; then it waits for what comes next. A store that cannot be asked
   * is not waited for.
   */
  wait<N extends PolicyName<P>>(
    policy: N,
    subject: SubjectOf<P[N]>,
    options?: CheckOptions & MaxWait,
  ): Promise<Decision>

  /** As `checkAll`, waiting as `wait` does, behind those who wait for the same list of policies and subjects. */
  waitAll(items: readonly CheckItem<P>[], options?: WaitOptions): Promise<Decision>

  /** What `check` would answer now. Charges nothing and writes nothing. */
  peek<N extends PolicyName<P>>(
    policy: N,
    subject: SubjectOf<P[N]>,
    options?: CheckOptions,
  ): Promise<Decision>

  /** Records what was used already, over the limit if need be, as far as the policy's `debt` goes. Never refused. */
  debit<N extends PolicyName<P>>(
    policy: N,
    subject: SubjectOf<P[N]>,
    options?: CheckOptions,
  ): Promise<Decision>

  /**
   * Gives back what a Decision charged. What has come back by itself meanwhile is not given twice: a charge of an earlier
   * window is ignored. Give each receipt once.
   */
  refund(receipt: Receipt, options?: RefundOptions): Promise<Decision>

  /** Forgets the subject under this policy: its counters, leases and block. */
  reset<N extends PolicyName<P>>(policy: N, subject: SubjectOf<P[N]>, options?: CallOptions): Promise<void>

  /** Refuses the subject under this policy for a while, whatever its counters say. They live on. */
  block<N extends PolicyName<P>>(policy: N, subject: SubjectOf<P[N]>, options: BlockOptions): Promise<void>

  /** Lifts a block and keeps the counters. */
  unblock<N extends PolicyName<P>>(policy: N, subject: SubjectOf<P[N]>, options?: CallOptions): Promise<void>

  /**
   * Holds units of a policy with a concurrency limit until the lease is released or ends. The policy's other limits are
   * charged in the same decision. Answers a `Lease`, or a `RefusedLease` when there is no room.
   */
  acquire<N extends PolicyName<P>>(
    policy: N,
    subject: SubjectOf<P[N]>,
    options?: AcquireOptions,
  ): Promise<Acquisition>

  /** Every policy's state for this subject, and why it is refused. Charges nothing. */
  explain(subject: Subject, options?: CallOptions): Promise<readonly Explanation[]>

  /**
   * Replaces the policies while calls go on. A limit that keeps its policy's name, its place there and its algorithm keeps
   * its counters; `docs/policies.md` tells what a changed number means for them.
   *
   * @throws PolicyError listing everything that is wrong; the policies then stay as they were
   */
  update(policies: Readonly<Record<PolicyName<P>, PolicyInput>>): void

  /**
   * Adds policies, such as those of an adapter that shares this limiter's store. `update` leaves them as they are. The same
   * limiter, with the names of both for TypeScript.
   *
   * @throws PolicyError listing everything that is wrong, names that there are already among it
   */
  define<const Q extends PoliciesInput>(policies: Q): Limiter<P & Q>

  /** Listens to what the limiter does. @returns what takes the listener away again */
  on<E extends EventName>(event: E, listener: Listener<E>): () => void

  /** What the limiter has done since it was made. A snapshot. */
  metrics(): LimiterMetrics

  /** Resolves when the store can decide; rejects with the reason when it cannot. */
  ready(): Promise<void>

  /** Lets calls under way finish and gives back connections, files and timers. Calls after it reject. Idempotent. */
  close(): Promise<void>
}

/** A limiter whose store is in this process. */
export interface SyncLimiter<P extends PoliciesInput = PoliciesInput> extends Limiter<P> {
  /** As `check`, without a promise: throws what `check` rejects with. */
  checkSync<N extends PolicyName<P>>(
    policy: N,
    subject: SubjectOf<P[N]>,
    options?: Omit<CheckOptions, 'signal'>,
  ): Decision

  /** As `checkAll`, without a promise: throws what `checkAll` rejects with. */
  checkAllSync(items: readonly CheckItem<P>[]): Decision
}
