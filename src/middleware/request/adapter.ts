/** What a framework knows of a client's address by its own settings. */
export interface FrameworkAddress<A extends readonly unknown[]> {
  of(...args: A): string | undefined
  /** It takes whatever a client writes into `X-Forwarded-For`. */
  believesEveryProxy(...args: A): boolean
  /** How it is told otherwise, for a message. */
  readonly wayOut: string
}

/**
 * What a framework is to a `RequestLimit`.
 *
 * @typeParam A what it hands a handler
 * @typeParam R what it has for a response
 */
export interface RequestAdapter<A extends readonly unknown[], R> {
  /** For messages: `sluice/express`. */
  readonly place: string
  /** Address of who is connected to this process; undefined where there is none, as on a Unix socket. */
  peer(...args: A): string | undefined
  /** `X-Forwarded-For` as it came. */
  forwardedFor(...args: A): string | undefined
  /** Where the framework reads `X-Forwarded-For` itself. */
  readonly framework?: FrameworkAddress<A>
  /** Status of a response that is finished. */
  statusOf(response: R): number
  /** Calls the listener when the client is gone, at once where it is. @returns what takes it away again */
  onGone(listener: () => void, ...args: A): () => void
}
