import { performance } from 'node:perf_hooks'
import { z } from 'zod'
import type { Clock } from '../core/time.js'
import { OptionError } from '../errors.js'
import { createKeyBuilder, DEFAULT_SHARDS, type KeyBuilder, metaKeyOf } from '../keys.js'
import { Batcher } from '../redis/batcher.js'
import { type Inspection, readInspection } from '../redis/inspection.js'
import { MetaAgreement, STATE_VERSION } from '../redis/meta.js'
import type { RedisClient } from '../redis/redis-client.js'
import { loadScripts, preload, runScript, type Scripts } from '../redis/scripts.js'
import { translateServerError } from '../redis/server-errors.js'
import { type RedisStoreOptions, scriptBuildOf, type UserClient } from '../redis/store-options.js'
import { keyPrefixOf, targetOf } from '../redis/targets/target-of.js'
import type { Check, DecideOptions, Engine, Outcome } from './engine.js'

export interface RedisEngineOptions {
  /** An address, options, or a client of yours: `docs/stores.md`. */
  readonly store: string | RedisStoreOptions | UserClient
  /** Stands before every key. Default: the `keyPrefix` of a client, else none. */
  readonly prefix?: string
  /** Virtual shards, a power of two: the same for every limiter on these keys. */
  readonly shards?: number
  /** Decides by this clock instead of the server's: for replays and tests. Requests of different instants share no batch. */
  readonly clock?: Clock
  /** False: nobody else counts under this prefix, so there is nothing to agree on and no key of it. Default: true. */
  readonly shared?: boolean
}

/** An engine on Redis, with what only Redis can tell. */
export interface RedisEngine extends Engine {
  /** What stands at these keys, as they are in Redis. Changes nothing. */
  inspect(keys: readonly string[]): Promise<Inspection>
}

const Options = z.strictObject({
  store: z.unknown(),
  prefix: z.string().optional(),
  shards: z.number().optional(),
  clock: z.custom<Clock>(isClock, "must have a method 'nowUs'").optional(),
  shared: z.boolean().optional(),
})

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
  const { store, shards, clock, shared = true } = options
  const prefix = options.prefix ?? keyPrefixOf(store)
  const keyOf = createKeyBuilder({
    ...(prefix !== undefined && { prefix }),
    ...(shards !== undefined && { shards }),
  })
  const target = targetOf(store)
  const topologyOptions = { scripts: loadScripts(), elapsedMs: () => performance.now() }
  const metaKey = metaKeyOf(prefix)
  const agreement = new MetaAgreement((...command) => topology.callAt(metaKey, ...command), metaKey, {
    stateVersion: STATE_VERSION,
    shards: shards ?? DEFAULT_SHARDS,
  })
  if (target.kind === 'cluster') throw new OptionError('store: this engine is of one server')
  const connection = target.connect()
  const agreement = shared
    ? new MetaAgreement((command, ...args) => connection.call(command, ...args), metaKeyOf(prefix), {
        stateVersion: STATE_VERSION,
        shards: shards ?? DEFAULT_SHARDS,
      })
    : undefined
  return new ConnectedRedisEngine(connection, loadScripts(scriptBuildOf(store)), keyOf, clock, agreement)
}

class ConnectedRedisEngine implements RedisEngine {
  readonly source = 'redis'
  readonly #client: RedisClient
  readonly #scripts: Scripts
  readonly #keyOf: KeyBuilder
  readonly #clock: Clock | undefined
  readonly #agreement: MetaAgreement | undefined
  readonly #batcher: Batcher
  #preloaded: Promise<void> | undefined
  #closing: Promise<void> | undefined

  constructor(
    client: RedisClient,
    scripts: Scripts,
    keyOf: KeyBuilder,
    clock: Clock | undefined,
    agreement: MetaAgreement | undefined,
  ) {
    this.#client = client
    this.#scripts = scripts
    this.#keyOf = keyOf
    this.#clock = clock
    this.#agreement = agreement
    this.#batcher = new Batcher(client, scripts.decide, () => performance.now(), agreement)
    client.onStateChange = state => {
      if (state === 'ready') {
        this.#preload()
        // Another server may have taken its place. Checks do not wait for what was agreed on before.
        if (agreement?.reached) agreement.ask().catch(() => {})
      }
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
    if (this.#client.state === 'connecting') await this.#client.ready()
    const reply = await runScript(this.#client, this.#scripts.inspect, keys, []).catch(throwTranslated)
    return readInspection(reply, keys)
  }

  async ready(): Promise<void> {
    await this.#client.ready()
    await this.#preloaded
    await this.#agreement?.ask()
  }

  close(): Promise<void> {
    this.#closing ??= this.#batcher.close().then(() => this.#client.close())
    return this.#closing
  }

  /** On every connection: a restarted server, or the next primary, knows no scripts. Checks do not wait for it. */
  #preload(): void {
    const preloaded = preload(this.#client, this.#scripts.decide).catch(throwTranslated)
    preloaded.catch(() => {})
    this.#preloaded = preloaded
  }
}

function throwTranslated(error: unknown): never {
  throw translateServerError(error)
}
