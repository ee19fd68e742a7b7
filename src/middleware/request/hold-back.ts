import { setTimeout as delay } from 'node:timers/promises'
import type { Decision } from '../../decision.js'
import type { CheckItem, Limiter } from '../../limiter/types.js'
import type { DurationText, PoliciesInput } from '../../policy.js'
import type { RequestAdapter } from './adapter.js'

/** A timer that is to wait for longer fires at once. */
const TIMER_MS_MAX = 2 ** 31 - 1

/** Requests that wait before they go on. A client that leaves also leaves the line, and what was taken is given back. */
export class HoldBack<A extends readonly unknown[]> {
  readonly #limiter: Limiter
  readonly #adapter: Pick<RequestAdapter<A, never>, 'onGone'>

  constructor(limiter: Limiter, adapter: Pick<RequestAdapter<A, never>, 'onGone'>) {
    this.#limiter = limiter
    this.#adapter = adapter
  }

  /**
   * Waits in line until the request passes; refused at once where that takes longer.
   *
   * @returns undefined where the client has left
   */
  wait(
    items: readonly CheckItem<PoliciesInput>[],
    maxWait: DurationText,
    args: A,
  ): Promise<Decision | undefined> {
    return this.#whileThere(args, signal => this.#limiter.waitAll(items, { maxWait, signal }))
  }

  /** A shaped request goes on when its turn has come. @returns false where the client has left */
  async untilItsTurn({ delayMs, receipt }: Decision, args: A): Promise<boolean> {
    const came = await this.#whileThere(args, async signal => {
      for (let leftMs = delayMs; leftMs > 0; leftMs -= TIMER_MS_MAX) {
        await delay(Math.min(leftMs, TIMER_MS_MAX), undefined, { signal })
      }
      return true
    })
    // What cannot be given back, the limiter tells as `error`.
    if (came === undefined && receipt !== undefined) this.#limiter.refund(receipt).catch(() => {})
    return came ?? false
  }

  /** That a client leaves is no error: nobody is there to be told, and clients must not fill logs. */
  async #whileThere<T>(args: A, run: (signal: AbortSignal) => Promise<T>): Promise<T | undefined> {
    const gone = new AbortController()
    const forget = this.#adapter.onGone(() => gone.abort(), ...args)
    try {
      return await run(gone.signal)
    } catch (error) {
      if (gone.signal.aborted) return undefined
      throw error
    } finally {
      forget()
    }
  }
}
