/**
 * A store of your own that keeps text under keys, such as a cache. Nothing in it makes reading and writing one step, so it is for
 * the limiters of one process: two processes would overwrite each other's counts.
 */
export interface KeyValueStore {
  /** The text that `set` was given last; undefined or null where there is none, or its time is over. */
  get(key: string): Promise<string | undefined | null> | string | undefined | null
  /** @param ttlMs how long it is needed; a store that keeps it for longer does no harm but takes room */
  set(key: string, text: string, ttlMs: number): unknown
  /** Of a key that may not be there. */
  delete(key: string): unknown
  /** Called when the limiter is closed. Default: the store stays open. */
  close?(): unknown
}

const METHODS = ['get', 'set', 'delete'] as const

/** Clients of Redis have such methods, too: they are asked for before. */
export const isKeyValueStore = (store: unknown): store is KeyValueStore =>
  typeof store === 'object' &&
  store !== null &&
  METHODS.every(name => typeof Reflect.get(store, name) === 'function') &&
  !('sendCommand' in store)
