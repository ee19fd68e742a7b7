import type { Decision } from '../../decision.js'
import { OptionError, StoreUnavailableError } from '../../errors.js'
import { limitKeyName } from '../../key-part.js'
import type { LimiterOptions } from '../../limiter/options.js'
import type { Limiter } from '../../limiter/types.js'
import { createLimiter } from '../../limiter.js'
import { show } from '../../policy/refusal.js'
import type { PolicyInput } from '../../policy.js'
import { identify } from '../../subject.js'

/** Where a store counts, and how it goes on in an outage: options of `createLimiter`, and a name. */
export interface WindowCounterOptions extends Omit<LimiterOptions, 'policies'> {
  /** Begins the policy in keys: stores of different names do not share counts. */
  readonly name?: string
}

/** Hits of a key in its window, and ms until the window ends. */
export interface Hits {
  readonly count: number
  readonly resetMs: number
}

/** Above every limit: the middleware that asks does the comparing. */
const UNLIMITED = 2 ** 40
/** Each window is a policy. A window that is computed from the request could be anything. */
const WINDOWS_MAX = 1_000

/** Counts hits in fixed windows that begin at the first, as the stores of other rate limiters do. */
export class WindowCounter {
  readonly #name: string
  readonly #policies: Record<string, PolicyInput> = {}
  readonly #options: Omit<LimiterOptions, 'policies'>
  #limiter: Limiter | undefined

  constructor({ name, ...options }: WindowCounterOptions, defaultName: string) {
    this.#name = name ?? defaultName
    this.#options = options
  }

  /** Counts a hit. @throws StoreUnavailableError where the store cannot be asked and `onStoreFailure` is `closed` */
  async hit(key: string, windowMs: number): Promise<Hits> {
    const policy = this.#policyOf(windowMs)
    const decision = await this.#limiterOf().check(policy, subjectOf(key))
    if (decision.allowed) return hitsOf(decision)
    throw new StoreUnavailableError('the store cannot be asked, so the hit was not counted')
  }

  /** What was counted; nothing is. */
  async read(key: string, windowMs: number): Promise<Hits> {
    const policy = this.#policyOf(windowMs)
    return hitsOf(await this.#limiterOf().peek(policy, subjectOf(key)))
  }

  /** Takes back a hit of the window that runs, if there is one. */
  async takeBack(key: string, windowMs: number): Promise<void> {
    const policy = this.#policyOf(windowMs)
    const subject = identify({ name: policy, by: undefined, group: undefined }, subjectOf(key))
    const limit = limitKeyName(policy, 0)
    // Without the time of the hit: whoever asks keeps to the window.
    const charge = { policy, limit, algorithm: 'fixed_window', subject, units: 1, atUs: 0 } as const
    await this.#limiterOf().refund({ charges: [charge] })
  }

  async forget(key: string, windowMs: number): Promise<void> {
    const policy = this.#policyOf(windowMs)
    await this.#limiterOf().reset(policy, subjectOf(key))
  }

  async close(): Promise<void> {
    await this.#limiter?.close()
  }

  #policyOf(windowMs: number): string {
    if (!Number.isFinite(windowMs) || windowMs <= 0) {
      throw new OptionError(
        `${this.#name}: a window of ${show(windowMs)} ms does not end after it began; give a number above 0`,
      )
    }
    const policy = `${this.#name}-${windowMs}ms`
    if (Object.hasOwn(this.#policies, policy)) return policy
    if (Object.keys(this.#policies).length >= WINDOWS_MAX) {
      throw new OptionError(
        `${this.#name}: more than ${WINDOWS_MAX} different windows, of which ${windowMs} ms is the latest; give few windows, ` +
          `and let limits differ instead`,
      )
    }
    const window = `${windowMs}ms`
    this.#policies[policy] = { algorithm: 'fixed_window', limit: UNLIMITED, window }
    if (this.#limiter !== undefined) this.#limiter.update({ ...this.#policies })
    return policy
  }

  /** Made with the first window, as a limiter needs a policy. */
  #limiterOf(): Limiter {
    this.#limiter ??= createLimiter({ ...this.#options, policies: { ...this.#policies } })
    return this.#limiter
  }
}

const NUL = '\0'

/**
 * The subject of a key. Other rate limiters count whatever a key function answers: numbers, and an empty text, which no subject
 * is. A NUL stands for that one, and before keys that begin with one.
 */
function subjectOf(key: unknown): string {
  const text = String(key).toWellFormed()
  return text === '' || text.startsWith(NUL) ? NUL + text : text
}

/** In an outage a process admits its share, so that a hit weighs as many as there are shares. */
function hitsOf({ limit, remaining, resetAfterMs }: Decision): Hits {
  const shares = Math.round(UNLIMITED / limit)
  return { count: (limit - remaining) * shares, resetMs: resetAfterMs }
}
