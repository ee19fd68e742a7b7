/**
 * What Sluice needs of a Redis client, and no more: the seam for other clients and topologies. An adapter must send
 * every command at most once. It never queues what it cannot send and never sends again what may have been executed.
 */
export interface RedisClient {
  /** `host:port` or the path of a socket, for messages: never with a password. */
  readonly address: string
  readonly state: ClientState
  /** Is called after every change of `state`. */
  onStateChange: ((state: ClientState) => void) | undefined

  /**
   * Runs a script: by digest (`evalsha`), by source (`eval`) or by the name of a function (`fcall`).
   *
   * @param options.asking sends ASKING right before it, on the same connection, for a slot that is being moved here
   * @returns the reply as the client reads it; a bulk string is a `Uint8Array`
   * @throws ServerError when the server answered with an error
   * @throws StoreUnavailableError when nothing was sent
   * @throws ConnectionLostError when it was sent and no answer can come any more: it may have been executed
   */
  evaluate(
    command: ScriptCommand,
    script: string,
    keys: readonly string[],
    args: readonly ScriptArg[],
    options?: EvaluateOptions,
  ): Promise<unknown>

  /**
   * All that `send` evaluates leaves in one write. Absent where the client writes the commands of a turn together by
   * itself.
   */
  atOnce?(send: () => void): void

  /** Any other command, such as `call('SCRIPT', 'LOAD', source)`; strings in its reply are strings. Rejects as `evaluate` does. */
  call(command: string, ...args: readonly string[]): Promise<unknown>

  /** Resolves once `state` is `ready`; rejects with StoreUnavailableError when the attempt under way fails, or none is. */
  ready(): Promise<void>

  /** Waits for the answers under way, then closes the connection. Idempotent. */
  close(): Promise<void>
}

export interface NodeAddress {
  readonly host: string
  readonly port: number
}

/** How to reach a store: what an address, options or a client of the user's come down to. */
export type RedisTarget =
  /** One server, or the primary that Sentinels name. */
  | { readonly kind: 'server'; connect(): RedisClient }
  /** A cluster: any of its nodes tells the others, and each is reached by a connection of its own. */
  | {
      readonly kind: 'cluster'
      readonly seeds: readonly NodeAddress[]
      connectNode(address: NodeAddress): RedisClient
    }

export interface EvaluateOptions {
  readonly asking?: boolean
}

export type ScriptCommand = 'evalsha' | 'eval' | 'fcall'
export type ScriptArg = string | Uint8Array

/**
 * `connecting`: the first attempt is under way. `ready`: connected. `down`: the connection failed or ended; the client
 * goes on trying by itself. `closed`: by `close()`.
 */
export type ClientState = 'connecting' | 'ready' | 'down' | 'closed'

/** An error reply of the server. Its first word is its kind. */
export class ServerError extends Error {
  /** `NOSCRIPT`, `READONLY`, `OOM`, `ERR`, …: the first word of the reply, when it is all capitals. */
  readonly kind: string

  constructor(reply: string, options?: ErrorOptions) {
    super(reply, options)
    this.name = 'ServerError'
    this.kind = /^[A-Z]+(?= |$)/.exec(reply)?.[0] ?? 'ERR'
  }
}
