import { z } from 'zod'
import { cdiv } from '../core/time.js'
import { STORE_FAILURE_POLICIES } from '../policy/options.js'
import { Refusal } from '../policy/refusal.js'
import { option, recordOf } from '../policy/schema.js'
import { readCount, readWait, readWord } from '../policy/values.js'
import type { DurationText, StoreFailurePolicy } from '../policy.js'

/** What is remembered of denials. */
export interface DenyCacheSettings {
  /** What gives allowance back elsewhere (a refund, a reset, a raised limit) is seen after this at the latest. Default: `'1s'`. */
  readonly maxAge?: DurationText
  /** Denials remembered at once. Default: 10,000. */
  readonly maxKeys?: number
}

/** What stands between a limiter and a store that has to be asked. A store in this process needs none of it. */
export interface GuardSettings {
  /** Longest wait for the store, `'1ms'` to `'24d'`. Then the call goes on without it. Default: `'100ms'`. */
  readonly deadline?: DurationText | undefined
  /** How to go on while the store cannot be asked: `local`, `open` or `closed`. Default: `local`. */
  readonly onStoreFailure?: StoreFailurePolicy | undefined
  /** With `local`: processes that share the limits, each of which then admits its part. Default: 1, the whole limit. */
  readonly replicas?: number | undefined
  /**
   * Answers a subject that was refused without asking the store, until it may pass again. `false`: asks always, and so
   * does a limiter with a `clock`. Default: on.
   */
  readonly denyCache?: DenyCacheSettings | false | undefined
}

/** The settings in force. */
export interface GuardConfig {
  readonly deadlineMs: number
  readonly onStoreFailure: StoreFailurePolicy
  readonly replicas: number
  readonly denyCache: { readonly maxAgeUs: number; readonly maxKeys: number } | undefined
}

const DEFAULT_DEADLINE_MS = 100
const DEFAULT_MAX_AGE_US = 1_000_000
const DEFAULT_MAX_DENIALS = 10_000

const readDenials = recordOf(
  { maxAge: option(readWait).optional(), maxKeys: option(readCount).optional() },
  "{ maxAge: '1s', maxKeys: 10_000 }, and not false",
)

function readDenyCache(value: unknown): GuardConfig['denyCache'] | Refusal {
  if (value === false) return undefined
  const read = readDenials(value)
  if (read instanceof Refusal) return read
  const { maxAge = DEFAULT_MAX_AGE_US, maxKeys = DEFAULT_MAX_DENIALS } = read
  return { maxAgeUs: maxAge, maxKeys }
}

/** The options of the guard, for the schema of a limiter. */
export const GUARD_OPTIONS = {
  deadline: option(readWait).optional(),
  onStoreFailure: option(readWord(STORE_FAILURE_POLICIES)).optional(),
  replicas: option(readCount).optional(),
  denyCache: option(readDenyCache).optional(),
}

const SCHEMA = z.object(GUARD_OPTIONS)

/** The settings with their defaults. Takes settings that were read before. */
export function guardConfig(settings: GuardSettings): GuardConfig {
  const { deadline, onStoreFailure = 'local', replicas = 1, denyCache } = SCHEMA.parse(settings)
  return {
    deadlineMs: deadline === undefined ? DEFAULT_DEADLINE_MS : cdiv(deadline, 1000),
    onStoreFailure,
    replicas,
    denyCache:
      settings.denyCache === undefined
        ? { maxAgeUs: DEFAULT_MAX_AGE_US, maxKeys: DEFAULT_MAX_DENIALS }
        : denyCache,
  }
}
