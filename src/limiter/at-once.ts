import type { Decision } from '../decision.js'
import { isSluiceError } from '../errors.js'
import type { PoliciesInput } from '../policy.js'
import type { Subject } from '../subject.js'
import type { CheckItem, CheckOptions, Limiter, SyncLimiter } from './types.js'

/** Asks a limiter without a promise as long as its store may be in this process: the first call tells. */
export class AtOnce {
  readonly #limiter: Limiter
  #sync: Pick<SyncLimiter, 'checkSync' | 'checkAllSync'> | undefined

  constructor(limiter: Limiter) {
    this.#limiter = limiter
    this.#sync = 'checkSync' in limiter && 'checkAllSync' in limiter ? (limiter as SyncLimiter) : undefined
  }

  /** As `Limiter.check`; throws at once where it can. */
  check(policy: string, subject: Subject, options?: CheckOptions): Decision | Promise<Decision> {
    const sync = this.#sync
    if (sync === undefined || options?.signal?.aborted) return this.#limiter.check(policy, subject, options)
    try {
      return sync.checkSync(policy, subject, options)
    } catch (error) {
      this.#assertUnsupported(error)
      return this.#limiter.check(policy, subject, options)
    }
  }

  /** As `Limiter.checkAll`; throws at once where it can. */
  checkAll(items: readonly CheckItem<PoliciesInput>[], signal?: AbortSignal): Decision | Promise<Decision> {
    const sync = this.#sync
    if (sync === undefined || signal?.aborted) return this.#limiter.checkAll(items, signal && { signal })
    try {
      return sync.checkAllSync(items)
    } catch (error) {
      this.#assertUnsupported(error)
      return this.#limiter.checkAll(items, signal && { signal })
    }
  }

  /** The store has to be asked over a connection: nothing was decided, and it is not tried again. Else the error is thrown. */
  #assertUnsupported(error: unknown): void {
    if (!isSluiceError(error, 'ERR_SLUICE_SYNC_UNSUPPORTED')) throw error
    this.#sync = undefined
  }
}
