import { ConnectionLostError } from '../errors.js'
import { backoffMs } from './backoff.js'
import { ConnectionState } from './connection-state.js'
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
import { SILENCE_MAX_MS, SilenceWatch } from './silence.js'

/** What Sluice needs of a client of node-redis. */
export interface NodeRedis {
  readonly isReady: boolean
  sendCommand(args: readonly (string | Buffer)[], options?: CommandOptions): Promise<unknown>
}

interface CommandOptions {
  /** By the first byte of a reply's type in RESP, the class its values become. */
  readonly typeMapping: Readonly<Record<number, unknown>>
}

/** One connection, from the attempt to its end. node-redis is told never to make another by itself. */
export interface NodeRedisLink {
  /** Rejects when the attempt fails. */
  readonly connected: Promise<NodeRedis>
  /** Ends it in whatever state it is, at once. */
  dispose(): void
}

/** @param onLost to be called when the connection has ended; more calls change nothing */
export type OpenNodeRedisLink = (onLost: (error: Error) => void) => NodeRedisLink

export interface NodeRedisOptions {
  readonly open: OpenNodeRedisLink
  readonly address: string
  readonly tls: boolean
  readonly use: ConnectionUse
}

/** Bulk strings and simple strings as bytes. */
const BYTES: CommandOptions = { typeMapping: { [byteOf('$')]: Buffer, [byteOf('+')]: Buffer } }
const TEXTS: CommandOptions = { typeMapping: {} }

function byteOf(character: string): number {
  return character.charCodeAt(0)
}

/**
 * A connection by node-redis, which is opened anew until it is closed.
 *
 * node-redis writes what it was given at the end of a turn of the event loop, in the order given. When the connection
 * ends it rejects all that was not answered, and with `disableOfflineQueue` also what was not written yet; it sends
 * nothing again.
 */
export class NodeRedisClient implements RedisClient {
  readonly address: string
  readonly #open: OpenNodeRedisLink
  readonly #use: ConnectionUse
  readonly #state: ConnectionState
  #link: NodeRedisLink | undefined
  #silence: SilenceWatch | undefined
  /** Of the link, once it may be used. */
  #client: NodeRedis | undefined
  /** Since the connection was last ready. */
  #attempt = 0
  #timer: NodeJS.Timeout | undefined

  constructor({ open, address, tls, use }: NodeRedisOptions) {
    this.address = address
    this.#open = open
    this.#use = use
    this.#state = new ConnectionState(() => address, tls)
    this.#connect()
  }

  get onStateChange(): ((state: ClientState) => void) | undefined {
    return this.#state.onChange
  }

  set onStateChange(listener: ((state: ClientState) => void) | undefined) {
    this.#state.onChange = listener
  }

  get state(): ClientState {
    const { current } = this.#state
    return current === 'ready' && !this.#client?.isReady ? 'down' : current
  }

  evaluate(
    command: ScriptCommand,
    script: string,
    keys: readonly string[],
    args: readonly ScriptArg[],
    options?: EvaluateOptions,
  ): Promise<unknown> {
    if (this.#client === undefined || this.state !== 'ready') return Promise.reject(this.#state.unavailable())
    // Its answer is always OK; where it is lost, so is the answer that matters.
    if (options?.asking) this.#client.sendCommand(['ASKING'], TEXTS).catch(() => {})
    const words: (string | Buffer)[] = [command.toUpperCase(), script, String(keys.length), ...keys]
    // It is written later, when whoever owns the bytes may have written others over them.
    for (const arg of args) words.push(typeof arg === 'string' ? arg : Buffer.from(arg))
    return this.#send(this.#client, words, BYTES)
  }

  async call(command: string, ...args: readonly string[]): Promise<unknown> {
    if (this.#client === undefined || this.state !== 'ready') throw this.#state.unavailable()
    return this.#send(this.#client, [command, ...args], TEXTS)
  }

  ready(): Promise<void> {
    return this.#state.ready()
  }

  async close(): Promise<void> {
    if (this.#state.current === 'closed') return
    const client = this.state === 'ready' ? this.#client : undefined
    this.#state.close()
    clearTimeout(this.#timer)
    this.#silence?.end()
    // QUIT is answered after everything sent before it. Where it cannot be, the connection is gone already.
    if (client !== undefined) await patiently(client.sendCommand(['QUIT'], TEXTS).catch(() => {}))
    this.#link?.dispose()
    this.#link = undefined
  }

  #send(client: NodeRedis, words: readonly (string | Buffer)[], options: CommandOptions): Promise<unknown> {
    const link = this.#link
    const answer = client.sendCommand(words, options)
    this.#silence?.await(answer)
    return answer.catch(error => {
      if (!(error instanceof Error && (isReply(error) || (link === this.#link && client.isReady)))) {
        throw new ConnectionLostError(
          'the connection to Redis ended before the answer came; the check may have been charged, do not send it again',
          { cause: error },
        )
      }
      const reply = new ServerError(error.message, { cause: error })
      // After a failover the old primary may keep its connections: look the address up again.
      if (reply.kind === 'READONLY' && link !== undefined) this.#lost(link, reply)
      throw reply
    })
  }

  #connect(): void {
    const link: NodeRedisLink = this.#open(error => this.#lost(link, error))
    this.#link = link
    const silence = new SilenceWatch(() =>
      this.#lost(link, new Error(`nothing came from it within ${SILENCE_MAX_MS / 1000} s`)),
    )
    this.#silence = silence
    const usable = link.connected.then(client => this.#check(link, client))
    silence.await(usable)
    usable.catch(error => this.#lost(link, error))
  }

  /** The connection stands: is it one to the right server? */
  async #check(link: NodeRedisLink, client: NodeRedis): Promise<void> {
    const problem = await checkServer(
      command => client.sendCommand([command], TEXTS),
      this.address,
      this.#use,
    )
    if (link !== this.#link || this.#state.current === 'closed') return
    if (problem !== undefined) throw problem
    this.#client = client
    this.#attempt = 0
    this.#state.becomeReady()
  }

  #lost(link: NodeRedisLink, error: Error): void {
    if (link !== this.#link || this.#state.current === 'closed') return
    this.#link = undefined
    this.#client = undefined
    this.#silence?.end()
    link.dispose()
    this.#timer = setTimeout(() => this.#connect(), backoffMs(++this.#attempt))
    this.#state.lose(error)
  }
}

/** By name: a client of the user's comes from a package that Sluice does not import. */
function isReply(error: Error): boolean {
  for (let of = Object.getPrototypeOf(error); of !== null; of = Object.getPrototypeOf(of)) {
    if (of.constructor.name === 'ErrorReply') return true
  }
  return false
}
