import type { Clock } from '../core/time.js'
import { DEFAULT_SHARDS, type KeyBuilder } from '../keys.js'
import { Refusal } from '../policy/refusal.js'
import type { RedisStoreOptions, UserClient } from '../redis/store-options.js'
import type { OnBatch } from '../redis/topology.js'
import type { Engine } from './engine.js'
import { assertNotRequired, chooseNative, type NativeMode } from './native-choice.js'
import { NativeRedisEngine } from './native-redis-engine.js'
import { nativePlaceOf } from './native-redis-store.js'

export interface NativeRedisOptions {
  readonly prefix?: string | undefined
  readonly shards?: number | undefined
  readonly keyOf: KeyBuilder
  readonly clock?: Clock | undefined
  readonly shared?: boolean | undefined
  readonly onWarning: (message: string, error: unknown) => void
  readonly onBatch?: OnBatch | undefined
  /** Told, once in a process, why TypeScript takes over. */
  readonly onMissing: (message: string) => void
}

/** As `docs/performance.md` has it. */
const IS_FASTER = false

/**
 * The native engine for a store on Redis, where it is to decide.
 *
 * @throws NativeError when it is required, and cannot be had or cannot ask this store
 */
export function openNativeRedis(
  store: string | RedisStoreOptions | UserClient,
  mode: NativeMode,
  options: NativeRedisOptions,
): Engine | undefined {
  if (mode === 'never' || (mode === 'auto' && !IS_FASTER)) return undefined
  const place = nativePlaceOf(store)
  if (place instanceof Refusal) {
    assertNotRequired(mode, place.message)
    return undefined
  }
  const native = chooseNative(mode, IS_FASTER, options.onMissing)
  if (native === undefined) return undefined
  const { prefix = '', shards = DEFAULT_SHARDS, shared = true, keyOf, clock, onWarning, onBatch } = options
  return new NativeRedisEngine(native, {
    store: { ...place, prefix, shards, shared, tellsBatches: onBatch !== undefined },
    keyOf,
    clock,
    onWarning,
    onBatch,
  })
}
