/** `sluice/fastify-rate-limit`: a store for @fastify/rate-limit 10 and 11. `docs/http.md` is the guide. */
import { z } from 'zod'
import { OptionError } from '../errors.js'
import { WindowCounter, type WindowCounterOptions } from './stores/window-counter.js'

/** Options of `createLimiter` but for the policies, and `name`: stores of one name, route and window share counts. */
export interface FastifyRateLimitStoreOptions extends WindowCounterOptions {}

/** What the plugin is told of a key. */
type Told = (error: Error | null, result?: { current: number; ttl: number }) => void

/** What the plugin tells a store of itself, or of a route. Its types do not have all of it. */
const PLUGIN_OPTIONS = z.object({
  continueExceeding: z.boolean().optional(),
  exponentialBackoff: z.boolean().optional(),
  routeInfo: z
    .object({ method: z.union([z.string(), z.array(z.string())]).optional(), url: z.string().optional() })
    .optional(),
})

/** A store as the plugin makes it. */
export interface FastifyRateLimitStore {
  incr(key: string, callback: Told, timeWindow: number, max: number): void
  read(key: string, callback: Told, timeWindow: number, max: number): void
  child(routeOptions: object): FastifyRateLimitStore
}

/** What `store` of the plugin takes. */
export interface FastifyRateLimitStoreClass {
  new (options: object): FastifyRateLimitStore
  /** Closes the connections of all stores of this class. */
  close(): Promise<void>
}

const NAME = 'fastify-rate-limit'

/**
 * Makes a store for the plugin: `app.register(rateLimit, { store: fastifyRateLimitStore({ store: 'redis://…' }) })`. In an
 * outage it goes on as `onStoreFailure` says; `closed` answers the plugin with an error, which goes by its `skipOnError`.
 */
export function fastifyRateLimitStore(
  storeOptions: FastifyRateLimitStoreOptions = {},
): FastifyRateLimitStoreClass {
  const counter = new WindowCounter(storeOptions, NAME)

  class SluiceFastifyStore implements FastifyRateLimitStore {
    static close(): Promise<void> {
      return counter.close()
    }

    readonly #route: string

    constructor(options: object, route = '') {
      const plugin = PLUGIN_OPTIONS.parse(options)
      for (const name of ['continueExceeding', 'exponentialBackoff'] as const) {
        if (plugin[name] === true) {
          throw new OptionError(
            `${NAME}: '${name}' makes a window longer by refused requests, and here a refusal changes nothing; leave it out, ` +
              `or use limiter.block`,
          )
        }
      }
      this.#route = route
    }

    incr(key: string, callback: Told, timeWindow: number): void {
      counter.hit(this.#route + key, timeWindow).then(tell(callback), callback)
    }

    read(key: string, callback: Told, timeWindow: number): void {
      counter.read(this.#route + key, timeWindow).then(tell(callback), callback)
    }

    /** A route of its own limit counts apart. */
    child(routeOptions: object): FastifyRateLimitStore {
      const { method = '', url = '' } = PLUGIN_OPTIONS.parse(routeOptions).routeInfo ?? {}
      return new SluiceFastifyStore(routeOptions, `${this.#route}${String(method)}${url}-`)
    }
  }
  return SluiceFastifyStore
}

const tell =
  (callback: Told) =>
  ({ count, resetMs }: { count: number; resetMs: number }) =>
    callback(null, { current: count, ttl: resetMs })
