/**
 * What Sluice needs of a Redis client, and no more: the seam for other clients and topologies. An adapter must send
 * every command at most once. It never queues what it cannot send and never sends again what may have been executed.
 */
export interface RedisClient {
  readonly state: ClientState
  /** Is called after every change of `state`. */
  onStateChange: ((state: ClientState) => void) | undefined

  /**
   * Runs a script: by digest (`evalsha`) or by source (`eval`).
   *
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
  ): Promise<unknown>

  /** `SCRIPT LOAD`. Rejects as `evaluate` does. */
  loadScript(source: string): Promise<void>

  /** Resolves once `state` is `ready`; rejects with StoreUnavailableError when the attempt under way fails, or none is. */
  ready(): Promise<void>

  /** Waits for the answers under way, then closes the connection. Idempotent. */
  close(): Promise<void>
}

export type ScriptCommand = 'evalsha' | 'eval'
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
