import { z } from 'zod'
import { isSluiceError, MetaDamagedError, MetaMismatchError, PermissionError } from '../errors.js'
import { show } from '../policy/refusal.js'
import { type RedisClient, ServerError } from './redis-client.js'
import { translateServerError } from './server-errors.js'

/**
 * What all limiters on the same keys must agree on: JSON text at `[prefix:]sl1:meta`, without an end. The first limiter
 * writes it; the others compare. Fields that a later release adds are left alone.
 */
const MetaFields = z.object({ stateVersion: z.int().min(1), shards: z.int().min(1) })

export type Meta = Readonly<z.infer<typeof MetaFields>>

/** Version of the states that the scripts of this package keep: `lua/README.md`. */
export const STATE_VERSION = 1

/** Any command, sent to the node that holds the key of meta. */
export type Call = RedisClient['call']

/**
 * @returns undefined where no limiter has written it yet
 * @throws MetaDamagedError when the key holds something else
 * @throws PermissionError, StoreUnavailableError, ConnectionLostError, …
 */
export async function readMeta(call: Call, key: string): Promise<Meta | undefined> {
  const text = await call('GET', key).catch(error => refuse(error, key))
  return text === null ? undefined : parseMeta(key, text)
}

/** Writes it over whatever stands there. @throws as `readMeta` does, ReadOnlyError, OutOfMemoryError */
export async function writeMeta(call: Call, key: string, { stateVersion, shards }: Meta): Promise<void> {
  await call('SET', key, JSON.stringify({ stateVersion, shards })).catch(error => refuse(error, key))
}

/**
 * Compares what this limiter is set up for with what the store says; writes it where nobody has. A read comes first, so
 * that a full server or a read-only one is asked to write only what is not there yet.
 *
 * @throws MetaMismatchError, MetaDamagedError
 * @throws PermissionError, ReadOnlyError, OutOfMemoryError, StoreUnavailableError, ConnectionLostError, …
 */
async function agreeOnMeta(call: Call, key: string, own: Meta): Promise<void> {
  const stored = (await readMeta(call, key)) ?? (await proposeMeta(call, key, own))
  if (stored.stateVersion !== own.stateVersion || stored.shards !== own.shards) {
    throw new MetaMismatchError(key, own, stored)
  }
}

/** Whoever comes first decides: the answer is what stands there afterwards. */
async function proposeMeta(call: Call, key: string, { stateVersion, shards }: Meta): Promise<Meta> {
  const proposal = { stateVersion, shards }
  const before = await call('SET', key, JSON.stringify(proposal), 'NX', 'GET').catch(error =>
    refuse(error, key),
  )
  return before === null ? proposal : parseMeta(key, before)
}

function parseMeta(key: string, text: unknown): Meta {
  try {
    return MetaFields.parse(JSON.parse(String(text)))
  } catch (cause) {
    throw new MetaDamagedError(key, show(text), { cause })
  }
}

function refuse(error: unknown, key: string): never {
  if (error instanceof ServerError && error.kind === 'WRONGTYPE') {
    throw new MetaDamagedError(key, 'a value of another type', { cause: error })
  }
  if (error instanceof ServerError && error.kind === 'NOPERM') {
    throw new PermissionError(
      `Redis does not let this user read and write '${key}', by which limiters agree on their keys: ${error.message}; ` +
        `allow GET and SET on it`,
      { cause: error },
    )
  }
  throw translateServerError(error)
}

/**
 * The agreement of one engine with its store. Until it is reached, every check waits for it or is refused; from then on
 * it costs nothing.
 */
export class MetaAgreement {
  readonly #call: Call
  readonly #key: string
  readonly #own: Meta
  #reached = false
  #asking: Promise<void> | undefined

  /** @param key `metaKeyOf(prefix)` of `src/keys.ts` */
  constructor(call: Call, key: string, own: Meta) {
    this.#call = call
    this.#key = key
    this.#own = own
  }

  /** Whether checks may go: to be looked at before `ask` is waited for. */
  get reached(): boolean {
    return this.#reached
  }

  /**
   * Asks the store; whoever asks meanwhile shares the answer. An engine asks before its first check, and on every new
   * connection, since another server may have taken the place of the one before. What was agreed on holds until the
   * store says otherwise; what was refused is asked again by the next check.
   *
   * @throws as `agreeOnMeta` does
   */
  ask(): Promise<void> {
    this.#asking ??= agreeOnMeta(this.#call, this.#key, this.#own)
      .then(
        () => {
          this.#reached = true
        },
        error => {
          if (
            isSluiceError(error, 'ERR_SLUICE_META_MISMATCH') ||
            isSluiceError(error, 'ERR_SLUICE_META_DAMAGED')
          )
            this.#reached = false
          throw error
        },
      )
      .finally(() => {
        this.#asking = undefined
      })
    return this.#asking
  }
}
