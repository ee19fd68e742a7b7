import { cdiv } from '../core/time.js'
import { createKeyBuilder, type KeyBuilder } from '../keys.js'
import { parseDuration } from '../policy.js'
import type { Engine } from './engine.js'
import { type EngineOptions, FILE, isClient, isEngine, type Store } from './engine-options.js'
import { FileEngine } from './file-engine.js'
import { MemoryEngine } from './memory-engine.js'
import { createRedisEngine } from './redis-engine.js'

/** An engine, and the keys it counts under, for messages. */
export interface EngineSetup {
  readonly engine: Engine
  readonly keyOf: KeyBuilder
}

/**
 * Makes the engine of a store: the only place that chooses one. Takes options that were read before.
 *
 * @param onWarning told of what a person should look at, such as a snapshot that could not be read. Default:
 * a warning of the process
 * @throws FileLockedError, SnapshotError when a file cannot be had
 */
export function createEngine(
  options: EngineOptions,
  onWarning?: (message: string, error: unknown) => void,
): EngineSetup {
  const { store = 'memory', shards, maxKeys, clock } = options
  const prefix = options.prefix ?? (isClient(store) ? store.options.keyPrefix : undefined)
  const keys = { ...(prefix !== undefined && { prefix }), ...(shards !== undefined && { shards }) }
  const keyOf = createKeyBuilder(keys)
  const own = { ...(clock !== undefined && { clock }), ...(maxKeys !== undefined && { maxKeys }) }
  if (store === 'memory') return { engine: new MemoryEngine(own), keyOf }
  if (isEngine(store)) return { engine: store, keyOf }
  const file = fileOf(store)
  if (file !== undefined) {
    const warning = onWarning === undefined ? {} : { onWarning }
    return { engine: new FileEngine({ ...own, ...file, ...warning }), keyOf }
  }
  const where = isClient(store) ? { client: store } : { url: store as string }
  return { engine: createRedisEngine({ ...where, ...keys, ...(clock !== undefined && { clock }) }), keyOf }
}

/** The file of a store, as its engine takes it; undefined when it is no file. */
function fileOf(store: Store): { readonly path: string; readonly intervalMs?: number } | undefined {
  if (typeof store === 'string')
    return store.startsWith(FILE) ? { path: store.slice(FILE.length) } : undefined
  if (!('file' in store)) return undefined
  const { file, interval } = store
  if (interval === undefined) return { path: file }
  return { path: file, intervalMs: cdiv(parseDuration(interval), 1000) }
}
