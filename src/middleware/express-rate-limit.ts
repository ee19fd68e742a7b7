/** `sluice/express-rate-limit`: a store for express-rate-limit 7 and 8. `docs/http.md` is the guide. */
import type { ClientRateLimitInfo, Options, Store } from 'express-rate-limit'
import { systemClock } from '../core/time.js'
import { OptionError } from '../errors.js'
import { type Hits, WindowCounter, type WindowCounterOptions } from './stores/window-counter.js'

/** Options of `createLimiter` but for the policies, and `name`: stores of one name and window share counts. */
export interface SluiceStoreOptions extends WindowCounterOptions {}

const NAME = 'express-rate-limit'

/**
 * Counts for express-rate-limit: `rateLimit({ store: new SluiceStore({ store: 'redis://…' }) })`. One for each middleware. In
 * an outage it goes on as `onStoreFailure` says; `closed` rejects, which express-rate-limit hands to Express.
 */
export class SluiceStore implements Store {
  /** Stands before a key, by which express-rate-limit tells counts apart. */
  readonly prefix: string
  /** The counts are of this process only. */
  readonly localKeys: boolean
  readonly #counter: WindowCounter
  #windowMs: number | undefined

  constructor(options: SluiceStoreOptions = {}) {
    this.prefix = options.name ?? NAME
    this.localKeys = options.store === undefined || options.store === 'memory'
    this.#counter = new WindowCounter(options, NAME)
  }

  init({ windowMs }: Options): void {
    this.#windowMs = windowMs
  }

  async increment(key: string): Promise<ClientRateLimitInfo> {
    const hits = await this.#counter.hit(key, this.#window())
    // Where everything passes in an outage nothing is counted, and the middleware takes no 0.
    return infoOf({ ...hits, count: Math.max(1, hits.count) })
  }

  async get(key: string): Promise<ClientRateLimitInfo | undefined> {
    const hits = await this.#counter.read(key, this.#window())
    return hits.count === 0 ? undefined : infoOf(hits)
  }

  async decrement(key: string): Promise<void> {
    await this.#counter.takeBack(key, this.#window())
  }

  async resetKey(key: string): Promise<void> {
    await this.#counter.forget(key, this.#window())
  }

  /** Closes the connections. */
  shutdown(): Promise<void> {
    return this.#counter.close()
  }

  #window(): number {
    if (this.#windowMs !== undefined) return this.#windowMs
    throw new OptionError(
      "SluiceStore: the store is not in use yet; give it to rateLimit({ store }), which tells it 'windowMs'",
    )
  }
}

const infoOf = ({ count, resetMs }: Hits): ClientRateLimitInfo => ({
  totalHits: count,
  resetTime: new Date(systemClock.nowUs() / 1000 + resetMs),
})
