import { cdiv } from '../core/time.js'
import { warnProcess } from '../events.js'
import { createKeyBuilder, type KeyBuilder } from '../keys.js'
import { type Limit, parseDuration } from '../policy.js'
import { keyPrefixOf } from '../redis/targets/target-of.js'
import type { OnBatch } from '../redis/topology.js'
import type { Engine } from './engine.js'
import { type EngineOptions, FILE, type FileStoreOptions, isEngine, isRedisStore } from './engine-options.js'
import { FileEngine } from './file-engine.js'
import { KeyValueEngine } from './key-value-engine.js'
import { isKeyValueStore } from './key-value-store.js'
import { MemoryEngine } from './memory-engine.js'
import { assertNotRequired, chooseNative, isFasterNatively, nativeModeOf } from './native-choice.js'
import { NativeMemoryEngine } from './native-memory-engine.js'
import { openNativeRedis } from './open-native-redis.js'
import { createRedisEngine } from './redis-engine.js'

/** An engine, and the keys it counts under, for messages. */
export interface EngineSetup {
  readonly engine: Engine
  readonly keyOf: KeyBuilder
}

export interface EngineHooks {
  /** Told of what a person should look at, such as a snapshot that could not be read. Default: a warning of the process. */
  readonly onWarning?: (message: string, error: unknown) => void
  /** Told of every batch that came back from a server, or failed. */
  readonly onBatch?: OnBatch
}

export interface EngineSettings extends EngineOptions {
  /** False: nobody else counts under this prefix in Redis. Default: true. */
  readonly shared?: boolean
  /** Those it will be asked for at first: they tell whether the native engine would be faster. Default: unknown. */
  readonly limits?: readonly Limit[]
}

/**
 * Makes the engine of a store: the only place that chooses one. Takes options that were read before.
 *
 * @param hooks what the engine tells of, besides its answers
 * @throws FileLockedError, SnapshotError when a file cannot be had
 * @throws NativeError when the native engine is required and cannot be had
 */
export function createEngine(options: EngineSettings, hooks: EngineHooks = {}): EngineSetup {
  const { store = 'memory', shards, maxKeys, clock, shared, limits = [] } = options
  const { onWarning = warnProcess, onBatch } = hooks
  const mode = nativeModeOf(options.native)
  const prefix = options.prefix ?? (isRedisStore(store) ? keyPrefixOf(store) : undefined)
  const keys = { ...(prefix !== undefined && { prefix }), ...(shards !== undefined && { shards }) }
  const keyOf = createKeyBuilder(keys)
  const own = { ...(clock !== undefined && { clock }), ...(maxKeys !== undefined && { maxKeys }) }
  // Listeners come after this call.
  const onMissing = (message: string) => queueMicrotask(() => onWarning(message, undefined))
  if (store === 'memory') {
    const native = chooseNative(mode, isFasterNatively(limits), onMissing)
    const engine = native === undefined ? new MemoryEngine(own) : new NativeMemoryEngine(native, own)
    return { engine, keyOf }
  }
  if (isEngine(store) || isKeyValueStore(store) || !isRedisStore(store)) {
    assertNotRequired(mode, "of all stores only 'memory' and those on Redis have one")
  }
  if (isEngine(store)) return { engine: store, keyOf }
  if (isKeyValueStore(store)) return { engine: new KeyValueEngine(store, keyOf, clock), keyOf }
  if (isRedisStore(store)) {
    const asked = { ...(clock !== undefined && { clock }), ...(shared !== undefined && { shared }) }
    const batch = onBatch === undefined ? {} : { onBatch }
    const native = openNativeRedis(store, mode, { ...keys, ...asked, ...batch, keyOf, onWarning, onMissing })
    if (native !== undefined) return { engine: native, keyOf }
    return { engine: createRedisEngine({ store, ...keys, ...asked, ...batch, onWarning }), keyOf }
  }
  return { engine: new FileEngine({ ...own, ...fileOf(store), onWarning }), keyOf }
}

/** The file of a store, as its engine takes it. */
export function fileOf(store: string | FileStoreOptions): {
  readonly path: string
  readonly intervalMs?: number
} {
  if (typeof store === 'string') return { path: store.slice(FILE.length) }
  const { file, interval } = store
  if (interval === undefined) return { path: file }
  return { path: file, intervalMs: cdiv(parseDuration(interval), 1000) }
}
