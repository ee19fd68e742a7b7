import {
  OutOfMemoryError,
  ProtocolError,
  ReadOnlyError,
  ScriptingError,
  StoreUnavailableError,
} from '../errors.js'
import { ServerError } from './redis-client.js'

type Translate = (reply: string, cause: ServerError) => Error

const unavailable: Translate = (reply, cause) =>
  new StoreUnavailableError(`Redis cannot decide now: ${reply}`, { cause })

const readOnly: Translate = (reply, cause) =>
  new ReadOnlyError(`Redis refuses writes: ${reply}; nothing was charged; point the store at the primary`, {
    cause,
  })

const notDurable: Translate = (reply, cause) =>
  new ReadOnlyError(`Redis refuses writes: ${reply}; nothing was charged`, { cause })

const scripting: Translate = (reply, cause) =>
  new ScriptingError(
    `Redis could not run a script: ${reply}; the user needs EVALSHA, EVAL, SCRIPT LOAD and what the scripts call`,
    { cause },
  )

/** By the first word of the reply, which Redis keeps stable; never by the text after it. */
const BY_KIND: ReadonlyMap<string, Translate> = new Map([
  ['READONLY', readOnly],
  ['MISCONF', notDurable],
  ['NOREPLICAS', notDurable],
  [
    'OOM',
    (reply, cause) =>
      new OutOfMemoryError(
        `Redis is at its maxmemory: ${reply}; nothing was charged; raise maxmemory, or let it evict with 'volatile-ttl'`,
        { cause },
      ),
  ],
  ['LOADING', unavailable],
  ['BUSY', unavailable],
  ['MASTERDOWN', unavailable],
  ['CLUSTERDOWN', unavailable],
  ['TRYAGAIN', unavailable],
  ['NOAUTH', unavailable],
  ['WRONGPASS', unavailable],
  ['SLUICE', (reply, cause) => new ProtocolError(`the script refused the batch: ${reply}`, { cause })],
])

/** The error of Sluice for what a client rejected with. What is no reply of the server is already one, and passes. */
export function translateServerError(error: unknown): unknown {
  if (!(error instanceof ServerError)) return error
  return (BY_KIND.get(error.kind) ?? scripting)(error.message, error)
}
