import { SluiceError, StoreUnavailableError } from '../errors.js'
import { describeFailure } from './failure-hints.js'
import { type ClientState, ServerError } from './redis-client.js'

/** The state of one connection that comes and goes, and who waits for it: the same for every client beneath. */
export class ConnectionState {
  /** Is called after every change. */
  onChange: ((state: ClientState) => void) | undefined
  readonly #address: () => string
  readonly #tls: boolean
  #current: ClientState = 'connecting'
  #failure: Error | undefined
  #waiting: PromiseWithResolvers<void>[] = []

  /**
   * @param address of the server, for messages: without a password
   * @param tls whether the connection is encrypted, for hints
   */
  constructor(address: () => string, tls: boolean) {
    this.#address = address
    this.#tls = tls
  }

  get current(): ClientState {
    return this.#current
  }

  becomeReady(): void {
    this.#failure = undefined
    this.#become('ready')
  }

  /** @param cause why the connection failed or ended; undefined where nothing more is known than before */
  lose(cause: Error | undefined): void {
    // That an address was right is known once a connection to it stood: what ended it says nothing more.
    const ended = this.#current === 'ready' && !(cause instanceof SluiceError || cause instanceof ServerError)
    this.#failure = ended ? new Error('the connection ended', { cause }) : (cause ?? this.#failure)
    this.#become('down')
  }

  close(): void {
    this.#become('closed')
  }

  /** Resolves when ready. @throws StoreUnavailableError, or the error that the server's own state deserves */
  ready(): Promise<void> {
    if (this.#current === 'ready') return Promise.resolve()
    if (this.#current !== 'connecting') return Promise.reject(this.unavailable())
    const waiting = Promise.withResolvers<void>()
    this.#waiting.push(waiting)
    return waiting.promise
  }

  /** Why nothing can be sent now. */
  unavailable(): SluiceError {
    if (this.#current === 'closed') {
      return new StoreUnavailableError('the connection to Redis was closed by this process')
    }
    const cause = this.#failure
    if (cause instanceof SluiceError) return cause
    const why = cause === undefined ? '' : `: ${describeFailure(cause, this.#tls)}`
    const message = `Redis at ${this.#address()} cannot be reached${why}; nothing was charged`
    return new StoreUnavailableError(message, { cause })
  }

  #become(state: ClientState): void {
    if (this.#current === 'closed' || this.#current === state) return
    this.#current = state
    for (const { resolve, reject } of this.#waiting.splice(0)) {
      if (state === 'ready') resolve()
      else reject(this.unavailable())
    }
    this.onChange?.(state)
  }
}
