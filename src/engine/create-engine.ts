import type { Redis } from 'ioredis'
import { z } from 'zod'
import { type Clock, systemClock } from '../core/time.js'
import { OptionError } from '../errors.js'
import { createKeyBuilder, type KeyBuilder } from '../keys.js'
import { didYouMean, show } from '../policy/refusal.js'
import type { Engine, SyncEngine } from './engine.js'
import { MemoryEngine } from './memory-engine.js'
import { createRedisEngine } from './redis-engine.js'

/** Stores in this process: `checkSync` works. */
export type InProcessStore = 'memory' | SyncEngine

/** Where counters live. */
export type Store = InProcessStore | Redis | Engine | (string & {})

export interface EngineOptions {
  /**
   * - `'memory'` (default): this process.
   * - `'redis://user:password@host:port/db'`, `'rediss://…'` for TLS, `'/run/redis.sock'` for a Unix socket: a fleet.
   * - an ioredis client: a connection like it is opened, yours stays yours.
   * - an `Engine` of your own.
   */
  readonly store?: Store | undefined
  /** Stands before every key in Redis, followed by a `:`. Default: the `keyPrefix` of an ioredis client, else none. */
  readonly prefix?: string | undefined
  /** Virtual shards in Redis, a power of two up to 1024, the same for all limiters on the same keys. Default: 128. */
  readonly shards?: number | undefined
  /** Keys held at once by a store in this process. Default: 1,000,000. Full, it evicts first what ends first and refuses nobody. */
  readonly maxKeys?: number | undefined
  /** Decides by this clock. Default: the wall clock in this process, the server's clock in Redis. For tests and replays. */
  readonly clock?: Clock | undefined
}

/** An engine, and the keys it counts under, for messages. */
export interface EngineSetup {
  readonly engine: Engine
  readonly keyOf: KeyBuilder
}

const hasMethod = (value: unknown, name: string): boolean =>
  typeof value === 'object' &&
  value !== null &&
  typeof (value as Record<string, unknown>)[name] === 'function'

const isEngine = (store: unknown): store is Engine =>
  ['decide', 'ready', 'close'].every(method => hasMethod(store, method))

const isClient = (store: unknown): store is Redis => hasMethod(store, 'duplicate')

const isServerUrl = (store: string): boolean => /^(rediss?:\/\/|\/)/.test(store)

const WORDS = ['memory', 'redis://', 'rediss://']

function storeProblem(store: unknown): string | undefined {
  if (store === 'memory' || isEngine(store) || isClient(store)) return undefined
  if (typeof store !== 'string') {
    return `${show(store)} is no store; write 'memory', 'redis://host:6379', or give an ioredis client or an engine`
  }
  if (isServerUrl(store)) return undefined
  const scheme = store.includes('://') ? store.slice(0, store.indexOf('://') + 3) : store
  return `${show(store)} is no store; write 'memory' or 'redis://host:6379'${didYouMean(scheme, WORDS)}`
}

/** What is wrong with an option of keys, in the words of the one who builds them. */
function keyProblem(options: object): string | undefined {
  try {
    createKeyBuilder(options)
    return undefined
  } catch (error) {
    if (error instanceof OptionError) return error.message.replace(/^\w+: /, '')
    throw error
  }
}

/** An optional value of a type that TypeScript knows, with the problem that a function finds in it. */
const checked = (problem: (value: unknown) => string | undefined) =>
  z.unknown().check(({ value, issues }) => {
    const message = value === undefined ? undefined : problem(value)
    if (message !== undefined) issues.push({ code: 'custom', message, input: value })
  })

const ofType = (accepted: string) => ({
  error: (issue: { input?: unknown }) => `${show(issue.input)} is not ${accepted}`,
})

/** The options that choose and set up an engine. */
export const ENGINE_OPTIONS = {
  store: checked(storeProblem).optional(),
  prefix: checked(prefix => keyProblem({ prefix })).optional(),
  shards: checked(shards => keyProblem({ shards })).optional(),
  maxKeys: z.int(ofType('a whole number of keys')).min(1, ofType('a whole number of at least 1')).optional(),
  clock: z
    .custom<Clock>(value => hasMethod(value, 'nowUs'), ofType("a clock, an object with a method 'nowUs'"))
    .optional(),
}

/** Makes the engine of a store: the only place that chooses one. Takes options that were read before. */
export function createEngine(options: EngineOptions): EngineSetup {
  const { store = 'memory', shards, maxKeys, clock } = options
  const prefix = options.prefix ?? (isClient(store) ? store.options.keyPrefix : undefined)
  const keys = { ...(prefix !== undefined && { prefix }), ...(shards !== undefined && { shards }) }
  const keyOf = createKeyBuilder(keys)
  if (store === 'memory') {
    const engine = new MemoryEngine({
      clock: clock ?? systemClock,
      ...(maxKeys !== undefined && { maxKeys }),
    })
    return { engine, keyOf }
  }
  if (isEngine(store)) return { engine: store, keyOf }
  const where = isClient(store) ? { client: store } : { url: store }
  return { engine: createRedisEngine({ ...where, ...keys, ...(clock !== undefined && { clock }) }), keyOf }
}
