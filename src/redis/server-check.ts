import { OptionError, ReadOnlyError, ScriptingError, type SluiceError } from '../errors.js'

/** What a connection is for: a server that holds all keys, or a node of a cluster. */
export type ConnectionUse = 'server' | 'node'

const OLDEST_MAJOR = 7

/**
 * Asks a server what it is, once connected and before the first check.
 *
 * @param call sends a command, and rejects with the server's error
 * @returns why it cannot be used; undefined where it can, or where it does not say
 */
export async function checkServer(
  call: (command: 'HELLO') => Promise<unknown>,
  address: string,
  use: ConnectionUse,
): Promise<Error | undefined> {
  try {
    return serverProblem(await call('HELLO'), address, use)
  } catch (error) {
    // Not every proxy knows the command. A client that has no password does not ask whether one is needed.
    return error instanceof Error && error.message.startsWith('NOAUTH') ? error : undefined
  }
}

/**
 * What is wrong with a server, as far as it says so itself.
 *
 * @param hello its answer to HELLO, as a flat list of names and values
 * @param address for messages
 * @returns undefined where nothing is, or where it does not say
 */
function serverProblem(hello: unknown, address: string, use: ConnectionUse): SluiceError | undefined {
  const said = (name: string) => {
    const at = Array.isArray(hello) ? hello.indexOf(name) : -1
    return at < 0 ? undefined : (hello as unknown[])[at + 1]
  }
  const mode = said('mode')
  if (mode === 'sentinel') {
    return new OptionError(
      `store: ${address} is a Sentinel, which holds no keys; write redis+sentinel://${address}/NAME, with the name it ` +
        'has for the primary',
    )
  }
  if (use === 'server' && mode === 'cluster') {
    return new OptionError(
      `store: ${address} is a node of a cluster, and holds only some of the keys; write redis+cluster://${address}`,
    )
  }
  const version = said('version')
  if (
    said('server') === 'redis' &&
    typeof version === 'string' &&
    Number.parseInt(version, 10) < OLDEST_MAJOR
  ) {
    return new ScriptingError(
      `Redis at ${address} is version ${version}; the scripts need ${OLDEST_MAJOR}.0 or later, or Valkey`,
    )
  }
  const role = said('role')
  if (use === 'server' && role !== undefined && role !== 'master') {
    return new ReadOnlyError(
      `Redis at ${address} is a read-only ${role}; nothing was charged; point the store at the primary`,
    )
  }
  return undefined
}
