import type { Redis, RedisOptions } from 'ioredis'
import { ConnectionLostError } from '../errors.js'
import { backoffMs } from './backoff.js'
import { ConnectionState } from './connection-state.js'
import { EvaluateCommand } from './evaluate-command.js'
import { patiently } from './patience.js'
import {
  type ClientState,
  type EvaluateOptions,
  type RedisClient,
  type ScriptArg,
  type ScriptCommand,
  ServerError,
} from './redis-client.js'
import { type ConnectionUse, checkServer } from './server-check.js'
import { SILENCE_MAX_MS } from './silence.js'
import { SENTINEL_PORT } from './store-url.js'

const CONNECT_TIMEOUT_MS = 5_000

const isReadOnlyReply = (error: Error): boolean => new ServerError(error.message).kind === 'READONLY'

/** Switches off everything by which ioredis sends a command later or twice. */
export const AT_MOST_ONCE = {
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  // Rejects what is under way as soon as the connection ends, instead of keeping it for the next one.
  maxRetriesPerRequest: 0,
  // A deadline belongs to whoever asks, not to the connection.
  commandTimeout: undefined,
  lazyConnect: true,
  connectTimeout: CONNECT_TIMEOUT_MS,
  socketTimeout: SILENCE_MAX_MS,
  // After a failover the old primary may keep its connections: look the address up again. 1 reconnects, 2 would resend.
  reconnectOnError: (error: Error) => (isReadOnlyReply(error) ? 1 : false),
} satisfies RedisOptions

/** What a connection of somebody else's may be set up for, and ours is not. */
const PLAIN_CONNECTION = {
  monitor: false,
  readOnly: false,
  enableReadyCheck: true,
  autoResubscribe: false,
  enableAutoPipelining: false,
  keyPrefix: '',
  scripts: undefined,
  himportFieldsets: undefined,
  stringNumbers: false,
  replyMapping: 'legacy',
} satisfies RedisOptions

/** Sentinels are asked for the primary at every attempt, and tell when it changes: the old one may be silent then. */
const FOLLOW_THE_PRIMARY = {
  role: 'master',
  failoverDetector: true,
  sentinelRetryStrategy: backoffMs,
  sentinelReconnectStrategy: backoffMs,
  // Of one that stands still; then the next is asked.
  sentinelCommandTimeout: CONNECT_TIMEOUT_MS,
} satisfies RedisOptions

/**
 * Opens a connection by ioredis, or by what has its interface (iovalkey), and keeps on opening it until it is closed.
 *
 * @param create makes a client with these options over its own
 * @param use what is checked when it is connected
 */
export function connectIoredis(create: (options: RedisOptions) => Redis, use: ConnectionUse): RedisClient {
  let attempt = 0
  const redis = create({
    ...PLAIN_CONNECTION,
    ...AT_MOST_ONCE,
    ...FOLLOW_THE_PRIMARY,
    retryStrategy: () => backoffMs(++attempt),
  })
  return new IoredisClient(redis, use, () => {
    attempt = 0
  })
}

class IoredisClient implements RedisClient {
  readonly #redis: Redis
  readonly #use: ConnectionUse
  readonly #onReady: () => void
  readonly #state: ConnectionState
  /** Counts connections, so that an answer of one that is gone changes nothing. */
  #connection = 0
  /** Why this connection cannot be used, although it stands. */
  #refused: Error | undefined
  /** What the last Sentinel that was asked said. */
  #sentinelFailure: Error | undefined
  #failure: Error | undefined

  constructor(redis: Redis, use: ConnectionUse, onReady: () => void) {
    this.#redis = redis
    this.#use = use
    this.#onReady = onReady
    this.#state = new ConnectionState(() => this.address, redis.options.tls !== undefined)
    redis.on('error', error => this.#failed(error))
    let socketError: Error | undefined
    listenToSentinels(redis, error => {
      socketError = error
    })
    redis.on('sentinelError', (error: Error) => {
      this.#sentinelFailure = error.message.endsWith('Connection is closed.') ? (socketError ?? error) : error
      socketError = undefined
    })
    redis.on('ready', () => void this.#check())
    redis.on('close', () => {
      this.#connection++
      this.#state.lose(this.#refused ?? this.#failure)
      this.#refused = undefined
      this.#failure = undefined
    })
    // Nothing could even be tried: ioredis tries no more.
    redis.on('end', () => this.#state.lose(this.#failure))
    // Its failure arrives as events.
    redis.connect().catch(() => {})
  }

  get onStateChange(): ((state: ClientState) => void) | undefined {
    return this.#state.onChange
  }

  set onStateChange(listener: ((state: ClientState) => void) | undefined) {
    this.#state.onChange = listener
  }

  get state(): ClientState {
    const { current } = this.#state
    // The events of ioredis come a moment after its status.
    return current === 'ready' && this.#redis.status !== 'ready' ? 'down' : current
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
    if (this.state !== 'ready') return Promise.reject(this.#state.unavailable())
    // Its answer is always OK; where it is lost, so is the answer that matters.
    if (options?.asking) this.#redis.call('ASKING').catch(() => {})
    const sent = new EvaluateCommand(command, script, keys, args)
    this.#redis.sendCommand(sent)
    return sent.promise.catch(rethrow)
  }

  /** By itself ioredis calls the operating system for every command. */
  atOnce(send: () => void): void {
    const { stream } = this.#redis
    stream.cork()
    send()
    stream.uncork()
  }

  async call(command: string, ...args: readonly string[]): Promise<unknown> {
    if (this.state !== 'ready') throw this.#state.unavailable()
    return this.#redis.call(command, ...args).catch(rethrow)
  }

  ready(): Promise<void> {
    return this.#state.ready()
  }

  async close(): Promise<void> {
    if (this.#state.current === 'closed') return
    const wasReady = this.#redis.status === 'ready'
    this.#state.close()
    // QUIT is answered after everything sent before it. Where it cannot be, the connection is gone already.
    if (wasReady) await patiently(this.#redis.quit().catch(() => {}))
    this.#redis.disconnect()
  }

  #failed(error: Error): void {
    this.#failure = error
    const { status } = this.#redis
    if (status === 'connecting' && this.#redis.options.sentinels) {
      // All of them were asked in vain: ioredis asks again without ever ending the attempt.
      this.#state.lose(this.#noPrimary(error))
    } else if (status === 'connect' && isReply(error)) {
      // ioredis goes on without the database that it could not select.
      this.#refused = error
    }
  }

  #noPrimary(error: Error): Error {
    const cause = this.#sentinelFailure
    if (cause === undefined) return error
    const unknown = /^connected to sentinel (\S+) successfully, but got an invalid reply: null$/.exec(
      cause.message,
    )
    if (unknown === null) return cause
    const name = this.#redis.options.name
    return new Error(`the Sentinel at ${unknown[1]} knows no primary of the name '${name}'; check the name`, {
      cause,
    })
  }

  /** The connection stands: is it one to the right server? */
  async #check(): Promise<void> {
    const connection = this.#connection
    const problem = await checkServer(command => this.#redis.call(command), this.address, this.#use)
    if (connection !== this.#connection || this.#state.current === 'closed') return
    this.#refused ??= problem
    if (this.#refused !== undefined) {
      this.#redis.disconnect(true)
      return
    }
    this.#onReady()
    this.#state.becomeReady()
  }
}

/**
 * ioredis gives the clients by which it asks and hears Sentinels no listener for errors, and then prints each error; and
 * what it tells of a Sentinel that cannot be reached is that the connection is closed.
 */
function listenToSentinels(redis: Redis, onError: (error: Error) => void): void {
  const { connector } = redis as unknown as { connector: { connectToSentinel?(...args: unknown[]): Redis } }
  const original = connector.connectToSentinel
  if (original === undefined) return
  connector.connectToSentinel = (...args) => original.apply(connector, args).on('error', onError)
}

/** Never the whole address: it may hold a password. */
function addressOf({ path, sentinels, name, host, port }: RedisOptions): string {
  if (path) return path
  if (!sentinels?.length) return `${host}:${port}`
  const nodes = sentinels.map(sentinel => `${sentinel.host}:${sentinel.port ?? SENTINEL_PORT}`)
  return `the primary '${name}' of the Sentinels at ${nodes.join(',')}`
}

/** By name: a client of the user's may come from another copy of ioredis. */
const isReply = (error: unknown): error is Error => error instanceof Error && error.name === 'ReplyError'

function rethrow(error: unknown): never {
  if (isReply(error)) throw new ServerError(error.message, { cause: error })
  throw new ConnectionLostError(
    'the connection to Redis ended before the answer came; the check may have been charged, do not send it again',
    { cause: error },
  )
}
