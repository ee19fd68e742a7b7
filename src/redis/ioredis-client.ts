import { Redis, type RedisOptions } from 'ioredis'
import { ClientError, ConnectionLostError, StoreUnavailableError } from '../errors.js'
import { EvaluateCommand } from './evaluate-command.js'
import {
  type ClientState,
  type EvaluateOptions,
  type RedisClient,
  type ScriptArg,
  type ScriptCommand,
  ServerError,
} from './redis-client.js'

const BACKOFF_FIRST_MS = 50
const BACKOFF_MAX_MS = 2_000
const CONNECT_TIMEOUT_MS = 5_000

/** Waits 50 ms before the first attempt, twice that before each next one up to 2 s, each shortened at random by up to half. */
function backoffMs(attempt: number): number {
  const fullMs = Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** (attempt - 1))
  return Math.ceil(fullMs * (0.5 + Math.random() / 2))
}

const firstWord = (message: string): string => new ServerError(message).kind

/** Switches off everything by which ioredis sends a command later or twice. */
const AT_MOST_ONCE = {
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  // Rejects what is under way as soon as the connection ends, instead of keeping it for the next one.
  maxRetriesPerRequest: 0,
  // A deadline belongs to whoever asks, not to the connection.
  commandTimeout: undefined,
  lazyConnect: true,
  connectTimeout: CONNECT_TIMEOUT_MS,
  retryStrategy: backoffMs,
  // After a failover the old primary may keep its connections: look the address up again. 1 reconnects, 2 would resend.
  reconnectOnError: (error: Error) => (firstWord(error.message) === 'READONLY' ? 1 : false),
} satisfies RedisOptions

/** What a connection of somebody else's may be set up for, and ours is not. */
const PLAIN_CONNECTION = {
  monitor: false,
  readOnly: false,
  autoResubscribe: false,
  enableAutoPipelining: false,
  keyPrefix: '',
  scripts: undefined,
  himportFieldsets: undefined,
} satisfies RedisOptions

/**
 * Opens a connection of our own.
 *
 * @param target `redis://user:password@host:port/db`, `rediss://…` for TLS, the path of a Unix socket (`/run/redis.sock?db=2`),
 *   or an ioredis client, of which the address, credentials and TLS settings are taken by `duplicate()`: the client
 *   itself is neither changed nor used nor closed
 */
export function connectIoredis(target: string | Redis): RedisClient {
  if (typeof target === 'string') return new IoredisClient(new Redis(target, AT_MOST_ONCE))
  if (target.isCluster) {
    throw new ClientError(
      'client: this is an ioredis Cluster; give a client of a standalone server, or its address',
    )
  }
  return new IoredisClient(target.duplicate({ ...AT_MOST_ONCE, ...PLAIN_CONNECTION }))
}

class IoredisClient implements RedisClient {
  onStateChange: ((state: ClientState) => void) | undefined
  readonly #redis: Redis
  /** The last attempt failed, or the connection ended, and none is ready since. */
  #lost = false
  #closed = false
  #lastFailure: Error | undefined

  constructor(redis: Redis) {
    this.#redis = redis
    redis.on('error', error => {
      this.#lastFailure = error
    })
    redis.on('ready', () => {
      this.#lost = false
      this.#lastFailure = undefined
      this.onStateChange?.(this.state)
    })
    redis.on('close', () => {
      this.#lost = true
      this.onStateChange?.(this.state)
    })
    // Its failure arrives as `close`.
    redis.connect().catch(() => {})
  }

  get state(): ClientState {
    if (this.#closed) return 'closed'
    switch (this.#redis.status) {
      case 'ready':
        return 'ready'
      case 'wait':
      case 'connecting':
      case 'connect':
        return this.#lost ? 'down' : 'connecting'
      default:
        return 'down'
    }
  }

  get address(): string {
    return addressOf(this.#redis.options)
  }

  evaluate(
    command: ScriptCommand,
    script: string,
    keys: readonly string[],
    args: readonly ScriptArg[],
    options?: EvaluateOptions,
  ): Promise<unknown> {
    if (this.#redis.status !== 'ready') return Promise.reject(this.#unavailable())
    // Its answer is always OK; where it is lost, so is the answer that matters.
    if (options?.asking) this.#redis.call('ASKING').catch(() => {})
    const sent = new EvaluateCommand(command, script, keys, args)
    this.#redis.sendCommand(sent)
    return sent.promise.catch(rethrow)
  }

  async call(command: string, ...args: readonly string[]): Promise<unknown> {
    if (this.#redis.status !== 'ready') throw this.#unavailable()
    return this.#redis.call(command, ...args).catch(rethrow)
  }

  ready(): Promise<void> {
    const { state } = this
    if (state === 'ready') return Promise.resolve()
    if (state !== 'connecting') return Promise.reject(this.#unavailable())
    return new Promise((resolve, reject) => {
      const settle = () => {
        this.#redis.off('ready', settle)
        this.#redis.off('close', settle)
        if (this.state === 'ready') resolve()
        else reject(this.#unavailable())
      }
      this.#redis.on('ready', settle)
      this.#redis.on('close', settle)
    })
  }

  async close(): Promise<void> {
    if (this.#closed) return
    const wasReady = this.#redis.status === 'ready'
    this.#closed = true
    // QUIT is answered after everything sent before it. Where it cannot be, the connection is gone already.
    if (wasReady) await this.#redis.quit().catch(() => {})
    this.#redis.disconnect()
  }

  #unavailable(): StoreUnavailableError {
    if (this.#closed) return new StoreUnavailableError('the connection to Redis was closed by this process')
    const cause = this.#lastFailure
    const why = cause === undefined ? '' : `: ${cause.message}`
    return new StoreUnavailableError(
      `Redis at ${this.address} cannot be reached${why}; nothing was charged`,
      { cause },
    )
  }
}

/** Never the whole address: it may hold a password. */
function addressOf(options: RedisOptions): string {
  return options.path ?? `${options.host}:${options.port}`
}

function rethrow(error: unknown): never {
  // By name: a client of the user's may come from another copy of ioredis.
  if (error instanceof Error && error.name === 'ReplyError')
    throw new ServerError(error.message, { cause: error })
  throw new ConnectionLostError(
    'the connection to Redis ended before the answer came; the check may have been charged, do not send it again',
    { cause: error },
  )
}
