import { performance } from 'node:perf_hooks'
import type { Redis } from 'ioredis'
import { z } from 'zod'
import type { Clock } from '../core/time.js'
import { OptionError } from '../errors.js'
import { createKeyBuilder, type KeyBuilder } from '../keys.js'
import { Batcher } from '../redis/batcher.js'
import { type Inspection, readInspection } from '../redis/inspection.js'
import { connectIoredis } from '../redis/ioredis-client.js'
import { type RedisClient, ServerError } from '../redis/redis-client.js'
import { loadScripts, runScript, type Scripts } from '../redis/scripts.js'
import { translateServerError } from '../redis/server-errors.js'
import type { Check, DecideOptions, Engine, Outcome } from './engine.js'

export interface RedisEngineOptions {
  /**
   * `redis://user:password@host:port/db`, `rediss://…` for TLS, or the path of a Unix socket (`/run/redis.sock?db=2`).
   * Either this or `client`.
   */
  readonly url?: string
  /**
   * An ioredis client of yours. A connection like it is opened with `duplicate()`, without its offline queue and its
   * re-sending of commands, because a check must not be sent twice. Yours stays as it is, and open.
   */
  readonly client?: Redis
  /** Stands before every key. Default: the `keyPrefix` of `client`, else none. */
  readonly prefix?: string
  /** Virtual shards, a power of two: the same for every limiter on these keys. */
  readonly shards?: number
  /** Decides by this clock instead of the server's: for replays and tests. Requests of different instants share no batch. */
  readonly clock?: Clock
}

/** An engine on Redis, with what only Redis can tell. */
export interface RedisEngine extends Engine {
  /** What stands at these keys, as they are in Redis. Changes nothing. */
  inspect(keys: readonly string[]): Promise<Inspection>
}

const Options = z
  .strictObject({
    url: z
      .string()
      .regex(/^(rediss?:\/\/|\/)/, "must begin with 'redis://', 'rediss://', or '/' of a Unix socket")
      .optional(),
    client: z.custom<Redis>(isIoredis, 'must be a client made by ioredis').optional(),
    prefix: z.string().optional(),
    shards: z.number().optional(),
    clock: z.custom<Clock>(isClock, "must have a method 'nowUs'").optional(),
  })
  .refine(
    ({ url, client }) => (url === undefined) !== (client === undefined),
    "give either 'url' or 'client'",
  )

function isIoredis(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'duplicate' in value && 'isCluster' in value
}

function isClock(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'nowUs' in value && typeof value.nowUs === 'function'
}

/**
 * Opens a connection and answers at once: what is asked before it is ready waits for the first attempt.
 *
 * @throws OptionError naming each option that cannot be accepted
 * @throws ClientError when the client cannot be used without sending checks twice
 */
export function createRedisEngine(options: RedisEngineOptions): RedisEngine {
  const parsed = Options.safeParse(options)
  if (!parsed.success) throw new OptionError(`options of the Redis engine:\n${z.prettifyError(parsed.error)}`)
  const { url, client, shards, clock } = options
  const prefix = options.prefix ?? client?.options.keyPrefix
  const keyOf = createKeyBuilder({
    ...(prefix !== undefined && { prefix }),
    ...(shards !== undefined && { shards }),
  })
  return new ConnectedRedisEngine(
    connectIoredis((url ?? client) as string | Redis),
    loadScripts(),
    keyOf,
    clock,
  )
}

class ConnectedRedisEngine implements RedisEngine {
  readonly source = 'redis'
  readonly #client: RedisClient
  readonly #scripts: Scripts
  readonly #keyOf: KeyBuilder
  readonly #clock: Clock | undefined
  readonly #batcher: Batcher
  #preloaded: Promise<void> | undefined
  #closing: Promise<void> | undefined

  constructor(client: RedisClient, scripts: Scripts, keyOf: KeyBuilder, clock: Clock | undefined) {
    this.#client = client
    this.#scripts = scripts
    this.#keyOf = keyOf
    this.#clock = clock
    this.#batcher = new Batcher(client, scripts.decide, () => performance.now())
    client.onStateChange = state => {
      if (state === 'ready') this.#preload()
      this.#batcher.wake()
    }
  }

  decide(request: readonly Check[], options?: DecideOptions): Promise<Outcome> {
    const keys: string[] = []
    for (const { limit, subject } of request) keys.push(this.#keyOf(limit, subject))
    return this.#batcher.decide(
      request,
      keys,
      this.#clock === undefined ? 0 : this.#clock.nowUs(),
      options?.signal,
    )
  }

  async inspect(keys: readonly string[]): Promise<Inspection> {
    const reply = await runScript(this.#client, this.#scripts.inspect, keys, []).catch(throwTranslated)
    return readInspection(reply, keys)
  }

  async ready(): Promise<void> {
    await this.#client.ready()
    await this.#preloaded
  }

  close(): Promise<void> {
    this.#closing ??= this.#batcher.close().then(() => this.#client.close())
    return this.#closing
  }

  /** On every connection: a restarted server, or the next primary, knows no scripts. Checks do not wait for it. */
  #preload(): void {
    const preloaded = this.#client.call('SCRIPT', 'LOAD', this.#scripts.decide.source).then(
      () => {},
      error => {
        // A user may lack SCRIPT LOAD and have EVAL: then the first check loads the script.
        if (!(error instanceof ServerError && error.kind === 'NOPERM')) throwTranslated(error)
      },
    )
    preloaded.catch(() => {})
    this.#preloaded = preloaded
  }
}

function throwTranslated(error: unknown): never {
  throw translateServerError(error)
}
