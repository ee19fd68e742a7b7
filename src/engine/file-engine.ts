import type { Clock } from '../core/time.js'

/** Where the counters of a file engine live, and how often they are written. */
export interface FileEngineOptions {
  /** The snapshot file. Its folder has to exist and be writable. */
  readonly path: string
  /** Longest time from a change to the snapshot that holds it, ms. Default: 1000. */
  readonly intervalMs?: number
  readonly maxKeys?: number
  readonly clock?: Clock
}
