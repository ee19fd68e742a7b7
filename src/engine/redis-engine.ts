import { performance } from 'node:perf_hooks'
import { z } from 'zod'
import type { Clock } from '../core/time.js'
import { ClosedError, type ConnectionLostError, OptionError } from '../errors.js'
import { warnProcess } from '../events.js'
import { createKeyBuilder, DEFAULT_SHARDS, type KeyBuilder, metaKeyOf } from '../keys.js'
import { ClusterTopology } from '../redis/cluster-topology.js'
import { evictionWarning } from '../redis/eviction.js'
import type { Inspection } from '../redis/inspection.js'
import { type Call, type Meta, MetaAgreement, STATE_VERSION } from '../redis/meta.js'
import type { RedisTarget } from '../redis/redis-client.js'
import { loadScripts, type Scripts } from '../redis/scripts.js'
import { ServerTopology } from '../redis/server-topology.js'
import { type RedisStoreOptions, scriptBuildOf, type UserClient } from '../redis/store-options.js'
import { keyPrefixOf, targetOf } from '../redis/targets/target-of.js'
import type { OnBatch, Topology } from '../redis/topology.js'
import { rejectOnAbort } from '../redis/waiting.js'
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
  /** Told of what a person should look at. Default: a warning of the process. */
  readonly onWarning?: (message: string, error: unknown) => void
  /** Told of every batch that came back or failed. */
  readonly onBatch?: OnBatch
}

/** An engine on Redis, with what only Redis can tell. */
export interface RedisEngine extends Engine {
  /** What stands at these keys, as they are in Redis. Changes nothing. */
  inspect(keys: readonly string[]): Promise<Inspection>
}

const callback = z.custom<() => void>(value => typeof value === 'function', 'must be a function')

const Options = z.strictObject({
  store: z.unknown(),
  prefix: z.string().optional(),
  shards: z.number().optional(),
  clock: z.custom<Clock>(isClock, "must have a method 'nowUs'").optional(),
  shared: z.boolean().optional(),
  onWarning: callback.optional(),
  onBatch: callback.optional(),
})

function isClock(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'nowUs' in value && typeof value.nowUs === 'function'
}

/**
 * Connects in the background and answers at once: what is asked before that waits for the first attempt.
 *
 * @throws OptionError naming each option that cannot be accepted
 * @throws ClientError when the client cannot be used without sending checks twice
 */
export function createRedisEngine(options: RedisEngineOptions): RedisEngine {
  const parsed = Options.safeParse(options)
  if (!parsed.success) throw new OptionError(`options of the Redis engine:\n${z.prettifyError(parsed.error)}`)
  const { store, shards, clock, shared = true, onWarning = warnProcess, onBatch } = options
  const prefix = options.prefix ?? keyPrefixOf(store)
  const keyOf = createKeyBuilder({
    ...(prefix !== undefined && { prefix }),
    ...(shards !== undefined && { shards }),
  })
  const target = targetOf(store)
  return new ConnectedRedisEngine(target, {
    scripts: loadScripts(scriptBuildOf(store)),
    keyOf,
    clock,
    onWarning,
    onBatch,
    meta: shared
      ? { key: metaKeyOf(prefix), own: { stateVersion: STATE_VERSION, shards: shards ?? DEFAULT_SHARDS } }
      : undefined,
  })
}

interface Setup {
  readonly scripts: Scripts
  readonly keyOf: KeyBuilder
  readonly clock: Clock | undefined
  readonly onWarning: (message: string, error: unknown) => void
  readonly onBatch: OnBatch | undefined
  /** What to agree on with other limiters; undefined where nobody shares these keys. */
  readonly meta: { readonly key: string; readonly own: Meta } | undefined
}

class ConnectedRedisEngine implements RedisEngine {
  readonly source = 'redis'
  /** Nodes of a cluster fail apart. */
  readonly partOf?: (request: readonly Check[]) => string | undefined
  readonly atomicWithin: 'group' | undefined
  readonly #topology: Topology
  readonly #keyOf: KeyBuilder
  readonly #clock: Clock | undefined
  readonly #agreement: MetaAgreement | undefined
  /** The request that was last asked about, and its keys: it is the next to be decided. */
  #located: readonly Check[] | undefined
  #locatedKeys: readonly string[] = []
  #closing: Promise<void> | undefined
  #lookedForEviction = false

  constructor(target: RedisTarget, { scripts, keyOf, clock, onWarning, onBatch, meta }: Setup) {
    this.#keyOf = keyOf
    this.#clock = clock
    const options = {
      scripts,
      elapsedMs: () => performance.now(),
      onConnect: () => {
        // Another server may have taken its place. Checks do not wait for what was agreed on before.
        if (this.#agreement?.reached) this.#agreement.ask().catch(() => {})
        if (meta !== undefined) this.#lookForEviction(meta.key, onWarning)
      },
      onBatch,
      onLoss: (error: ConnectionLostError) => onWarning(error.message, error),
    }
    this.atomicWithin = target.kind === 'cluster' ? 'group' : undefined
    if (target.kind === 'server') {
      this.#topology = new ServerTopology(target.connect(), options)
    } else {
      const cluster = new ClusterTopology(target, options)
      this.#topology = cluster
      this.partOf = request => {
        this.#located = request
        this.#locatedKeys = this.#keysOf(request)
        return cluster.nodeOf(this.#locatedKeys)
      }
    }
    if (meta !== undefined) {
      const call: Call = (...command) => this.#topology.callAt(meta.key, ...command)
      this.#agreement = new MetaAgreement(call, meta.key, meta.own)
    }
  }

  decide(request: readonly Check[], options?: DecideOptions): Promise<Outcome> {
    const keys = request === this.#located ? this.#locatedKeys : this.#keysOf(request)
    const nowUs = this.#clock === undefined ? 0 : this.#clock.nowUs()
    if (this.#agreement?.reached === false) return this.#decideOnceAgreed(request, keys, nowUs, options)
    return this.#topology.decide(request, keys, nowUs, options)
  }

  inspect(keys: readonly string[]): Promise<Inspection> {
    return this.#topology.inspect(keys)
  }

  async ready(): Promise<void> {
    await this.#topology.ready()
    await this.#agreement?.ask()
  }

  close(): Promise<void> {
    this.#closing ??= this.#topology.close()
    return this.#closing
  }

  /** Once, on the side: of a server that does not say, or not to this user, there is nothing to tell. */
  #lookForEviction(key: string, onWarning: Setup['onWarning']): void {
    if (this.#lookedForEviction) return
    this.#lookedForEviction = true
    const tell = (info: unknown) => {
      const warning = evictionWarning(info)
      if (warning !== undefined) onWarning(warning, undefined)
    }
    this.#topology.callAt(key, 'INFO', 'memory').then(tell, () => {})
  }

  #keysOf(request: readonly Check[]): readonly string[] {
    const keys: string[] = []
    for (const { limit, subject } of request) keys.push(this.#keyOf(limit, subject))
    return keys
  }

  #decideOnceAgreed(
    request: readonly Check[],
    keys: readonly string[],
    nowUs: number,
    options: DecideOptions | undefined,
  ): Promise<Outcome> {
    if (this.#closing !== undefined) return Promise.reject(new ClosedError('the limiter was closed'))
    const { promise, resolve, reject } = Promise.withResolvers<Outcome>()
    const { signal, caller } = options ?? {}
    if (signal !== undefined) rejectOnAbort(promise, reject, signal)
    const agreement = this.#agreement as MetaAgreement
    agreement
      .ask()
      .then(() => this.#topology.decide(request, keys, nowUs, { signal, caller }))
      .then(resolve, reject)
    return promise
  }
}
