import { z } from 'zod'
import type { Clock } from '../core/time.js'
import { OptionError } from '../errors.js'
import { createKeyBuilder } from '../keys.js'
import { didYouMean, list, Refusal, show } from '../policy/refusal.js'
import { readWait } from '../policy/values.js'
import type { DurationText } from '../policy.js'
import {
  isRedisStoreOptions,
  isUserClient,
  type RedisStoreOptions,
  readRedisStore,
  type UserClient,
} from '../redis/store-options.js'
import { STORE_SCHEMES, withoutSecrets } from '../redis/store-url.js'
import type { Engine, SyncEngine } from './engine.js'
import { isKeyValueStore, type KeyValueStore } from './key-value-store.js'
import { assertMaxKeys } from './memory-keys.js'
import { type NativeMode, readNativeMode } from './native-choice.js'

/** A file of this process: its counters outlive it. */
export interface FileStoreOptions {
  /** Path of the file, in a folder that exists. */
  readonly file: string
  /** From a change to the snapshot that has it: what a crash can lose. Default: `'1s'`. */
  readonly interval?: DurationText
}

/** Stores in this process: `checkSync` works. */
export type InProcessStore = 'memory' | `file:${string}` | FileStoreOptions | SyncEngine

/** Where counters live. */
export type Store = InProcessStore | RedisStoreOptions | UserClient | Engine | KeyValueStore | (string & {})

export interface EngineOptions {
  /**
   * - `'memory'` (default): this process.
   * - `'file:PATH'` or `{ file: PATH, interval: '5s' }`: this process, with a snapshot that the next one goes on with.
   * - `'redis://user:password@host:6379/0'`, `'rediss://…'` for TLS, `'/run/redis.sock'` for a Unix socket,
   *   `'redis+cluster://user:password@host1,host2'`, `'redis+sentinel://user:password@host1,host2/name/0'`: a fleet.
   * - the same with more to say, as an object: `{ url, cluster, sentinel, username, password, database, tls }`.
   * - a client of ioredis, iovalkey or node-redis, or `{ client }`: connections like it are opened, yours stays yours.
   * - a store of your own with `get`, `set` and `delete`, for the limiters of one process.
   * - an `Engine` of your own.
   */
  readonly store?: Store | undefined
  /** Stands before every key in Redis, followed by a `:`. Default: the `keyPrefix` of a client, else none. */
  readonly prefix?: string | undefined
  /** Virtual shards in Redis, a power of two up to 1024, the same for all limiters on the same keys. Default: 32. */
  readonly shards?: number | undefined
  /**
   * Keys held at once by a store in this process (default: 1,000,000), or while a store elsewhere is down (100,000). Full, it
   * evicts first what ends first and refuses nobody.
   */
  readonly maxKeys?: number | undefined
  /**
   * Whether the engine written in Rust decides: `'auto'` (default), where it was measured to be faster; `'never'`; `'require'`.
   * The variable `SLUICE_NATIVE` of the environment stands above it. `docs/native.md`
   */
  readonly native?: NativeMode | undefined
  /** Decides by this clock. Default: the wall clock in this process, the server's clock in Redis. For tests and replays. */
  readonly clock?: Clock | undefined
}

const hasMethod = (value: unknown, name: string): boolean =>
  typeof value === 'object' &&
  value !== null &&
  typeof (value as Record<string, unknown>)[name] === 'function'

export const isEngine = (store: unknown): store is Engine =>
  ['decide', 'ready', 'close'].every(method => hasMethod(store, method))

/** Is it a store in Redis? */
export const isRedisStore = (store: unknown): store is string | RedisStoreOptions | UserClient =>
  (typeof store === 'string' && store !== 'memory' && !store.startsWith(FILE)) ||
  isUserClient(store) ||
  (isRedisStoreOptions(store) && !isKeyValueStore(store))

/** What a store begins with that is a file. */
export const FILE = 'file:'

/** An optional value of a type that TypeScript knows, with the problem that a function finds in it. */
const checked = (problem: (value: unknown) => string | undefined) =>
  z.unknown().check(({ value, issues }) => {
    const message = value === undefined ? undefined : problem(value)
    if (message !== undefined) issues.push({ code: 'custom', message, input: value })
  })

const ofType = (accepted: string) => ({
  error: (issue: { input?: unknown }) => `${show(issue.input)} is not ${accepted}`,
})

const WORDS = ['memory', FILE, ...STORE_SCHEMES]
const ACCEPTED =
  "write 'memory', 'file:PATH', 'redis://host:6379', 'redis+cluster://…' or 'redis+sentinel://…', or give options, a " +
  "client of ioredis, iovalkey or node-redis, a store with 'get', 'set' and 'delete', or an engine"

const FILE_STORE = z.strictObject({
  file: z.string(ofType('the path of a file')).min(1, ofType('the path of a file')),
  interval: checked(value => {
    const us = readWait(value)
    return us instanceof Refusal ? us.message : undefined
  }).optional(),
})

function storeProblem(store: unknown): string | undefined {
  if (store === 'memory' || isEngine(store) || isKeyValueStore(store)) return undefined
  if (typeof store === 'object' && store !== null && 'file' in store) {
    const read = FILE_STORE.safeParse(store)
    return read.error?.issues.map(fileStoreProblem).join('; ')
  }
  if (typeof store === 'string' && store.startsWith(FILE) && store.length > FILE.length) return undefined
  if (!isRedisStore(store)) return `${show(store)} is no store; ${ACCEPTED}`
  if (typeof store === 'string' && !store.startsWith('/') && !isServerUrl(store)) {
    const scheme = store.includes('://') ? store.slice(0, store.indexOf('://') + 3) : store
    return `${show(withoutSecrets(store))} is no store; ${ACCEPTED}${didYouMean(scheme, WORDS)}`
  }
  const read = readRedisStore(store)
  return read instanceof Refusal ? read.message : undefined
}

const isServerUrl = (store: string): boolean =>
  STORE_SCHEMES.some(scheme => store.toLowerCase().startsWith(scheme))

function fileStoreProblem(issue: z.core.$ZodIssue): string {
  if (issue.code !== 'unrecognized_keys') return `${issue.path.join('.')}: ${issue.message}`
  const names = Object.keys(FILE_STORE.shape)
  return issue.keys
    .map(
      name =>
        `${show(name)} is not an option of a file; options are ${list(names)}${didYouMean(name, names)}`,
    )
    .join('; ')
}

/** What is wrong with an option, in the words of who takes it. */
function problemOf(take: () => unknown): string | undefined {
  try {
    take()
    return undefined
  } catch (error) {
    if (error instanceof OptionError) return error.message.replace(/^\w+: /, '')
    throw error
  }
}

/** The options that choose and set up an engine. */
export const ENGINE_OPTIONS = {
  store: checked(storeProblem).optional(),
  prefix: checked(prefix => problemOf(() => createKeyBuilder({ prefix } as object))).optional(),
  shards: checked(shards => problemOf(() => createKeyBuilder({ shards } as object))).optional(),
  maxKeys: checked(maxKeys => problemOf(() => assertMaxKeys(maxKeys))).optional(),
  native: checked(mode => {
    const read = readNativeMode(mode)
    return read instanceof Refusal ? read.message : undefined
  }).optional(),
  clock: z
    .custom<Clock>(value => hasMethod(value, 'nowUs'), ofType("a clock, an object with a method 'nowUs'"))
    .optional(),
}
