import { didYouMean, Refusal, show } from '../policy/refusal.js'
import type { NodeAddress } from './redis-client.js'

/** Where the servers of a store are. */
export type StorePlace =
  | { readonly kind: 'server'; readonly node: NodeAddress }
  | { readonly kind: 'socket'; readonly path: string }
  | { readonly kind: 'cluster'; readonly nodes: readonly NodeAddress[] }
  /** `name`: of the primary, as the Sentinels know it. */
  | { readonly kind: 'sentinel'; readonly nodes: readonly NodeAddress[]; readonly name: string }

/** The address of a store, read. What it does not say is undefined. */
export interface StoreUrl {
  readonly place: StorePlace
  readonly tls: boolean
  readonly username: string | undefined
  readonly password: string | undefined
  readonly database: number | undefined
}

/** Where servers and Sentinels listen when nothing else is said. */
export const PORT = 6379
export const SENTINEL_PORT = 26379
const PORT_MAX = 65_535

const SCHEMES = {
  redis: 'server',
  rediss: 'server',
  unix: 'socket',
  'redis+cluster': 'cluster',
  'rediss+cluster': 'cluster',
  'redis+sentinel': 'sentinel',
  'rediss+sentinel': 'sentinel',
} as const
type Scheme = keyof typeof SCHEMES

/** What an address of a Redis store may begin with, besides the `/` of a socket's path. */
export const STORE_SCHEMES: readonly string[] = Object.keys(SCHEMES).map(scheme => `${scheme}://`)

/** The text as a message may show it: without user, password and query. */
export const withoutSecrets = (text: string): string =>
  text.replace(/^([a-z+]*:?\/*).*@/is, '$1…@').replace(/\?.*$/s, '?…')

/**
 * Reads the address of a store on Redis:
 *
 * - `redis://user:password@host:6379/0`, `rediss://…` for TLS
 * - `/run/redis.sock?db=0`, or `unix://user:password@/run/redis.sock?db=0`
 * - `redis+cluster://user:password@host1:6379,host2:6379`, `rediss+cluster://…`: some of its nodes
 * - `redis+sentinel://user:password@host1:26379,host2:26379/name/0`, `rediss+sentinel://…`: the Sentinels, the name they
 *   have for the primary, and the database; user and password are those of the servers
 *
 * Without a port, 6379 or 26379 is meant. In user and password `%XX` is a byte.
 */
export function readStoreUrl(text: string): StoreUrl | Refusal {
  if (text.startsWith('/')) return readSocket(text, undefined)
  const split = /^([^:/?#]*):\/\/(.*)$/s.exec(text)
  const scheme = split?.[1]?.toLowerCase()
  if (split === null || !isScheme(scheme)) {
    const begin = split === null ? text : `${scheme}://`
    return refusal(
      text,
      `must begin with ${STORE_SCHEMES.join(', ')} or /${didYouMean(begin, STORE_SCHEMES)}`,
    )
  }
  // The last one: a password may hold an @ that nobody has encoded.
  const rest = split[2] as string
  const at = rest.lastIndexOf('@')
  const access = readAccess(text, rest.slice(0, Math.max(0, at)))
  if (access instanceof Refusal) return access
  const place = rest.slice(at + 1)
  if (SCHEMES[scheme] === 'socket') return readSocket(place, access)
  return readHosts(text, scheme, place, access)
}

const isScheme = (scheme: string | undefined): scheme is Scheme =>
  scheme !== undefined && Object.hasOwn(SCHEMES, scheme)

const refusal = (text: string, problem: string): Refusal =>
  new Refusal(`${show(withoutSecrets(text))} ${problem}`)

interface Access {
  readonly username: string | undefined
  readonly password: string | undefined
}

function readAccess(text: string, userinfo: string): Access | Refusal {
  const colon = userinfo.indexOf(':')
  const username = colon < 0 ? userinfo : userinfo.slice(0, colon)
  const password = colon < 0 ? '' : userinfo.slice(colon + 1)
  try {
    return {
      username: decodeURIComponent(username) || undefined,
      password: decodeURIComponent(password) || undefined,
    }
  } catch {
    return refusal(text, 'has a % in its user or password that begins no byte; write % itself as %25')
  }
}

function readSocket(text: string, access: Access | undefined): StoreUrl | Refusal {
  const [path = '', query = ''] = text.split('?', 2)
  if (path === '' || path === '/')
    return refusal(text, 'names no socket; write its path, such as /run/redis.sock')
  const options = new URLSearchParams(query)
  const unknown = [...options.keys()].find(name => name !== 'db')
  if (unknown !== undefined) return refusal(text, `has an option ${show(unknown)}; a socket has only ?db=0`)
  const database = readDatabase(text, options.get('db') ?? undefined)
  if (database instanceof Refusal) return database
  return {
    place: { kind: 'socket', path: decodePath(path) },
    tls: false,
    username: access?.username,
    password: access?.password,
    database,
  }
}

/** A path is rarely written with `%XX`, and then on purpose. */
function decodePath(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}

function readHosts(text: string, scheme: Scheme, rest: string, access: Access): StoreUrl | Refusal {
  if (rest.includes('?') || rest.includes('#')) {
    return refusal(
      text,
      'has options after its path; give them beside the url: { url, username, password, database, tls }',
    )
  }
  const [authority = '', ...path] = rest.split('/')
  const kind = SCHEMES[scheme]
  const nodes = readNodes(authority, kind === 'sentinel' ? SENTINEL_PORT : PORT)
  if (nodes instanceof Refusal) return refusal(text, nodes.message)

  const name = kind === 'sentinel' ? decodePath(path.shift() ?? '') : ''
  const [databaseText, ...more] = path
  if (more.some(part => part !== '')) return refusal(text, 'has more in its path than a database')
  const database = readDatabase(text, databaseText === '' ? undefined : databaseText)
  if (database instanceof Refusal) return database
  const common = { ...access, tls: scheme.startsWith('rediss'), database }

  if (kind === 'cluster') {
    if (database !== undefined && database !== 0)
      return refusal(text, 'has a database; a cluster has only database 0')
    return { ...common, place: { kind, nodes } }
  }
  if (kind === 'sentinel') {
    if (name === '') {
      return refusal(
        text,
        'does not say what the Sentinels call the primary; write it as the path: …:26379/mymaster',
      )
    }
    return { ...common, place: { kind, nodes, name } }
  }
  const [node, another] = nodes
  if (another !== undefined) {
    return refusal(
      text,
      'names several hosts; of a cluster write redis+cluster://, of Sentinels redis+sentinel://',
    )
  }
  return { ...common, place: { kind: 'server', node: node as NodeAddress } }
}

/** @param text `host:port,host,[::1]:port`: at least one */
export function readNodes(text: string, defaultPort: number): readonly NodeAddress[] | Refusal {
  const nodes: NodeAddress[] = []
  for (const part of text.split(',')) {
    const found = /^(?:\[([0-9a-f:.%]+)\]|([^\s:[\]]+))(?::(\d+))?$/i.exec(part.trim())
    const host = found?.[1] ?? found?.[2]
    const port = Number(found?.[3] ?? defaultPort)
    if (host === undefined)
      return new Refusal(part === '' ? 'names no host' : `has ${show(part)}, which is not host:port`)
    if (port < 1 || port > PORT_MAX) return new Refusal(`has the port ${port}; ports are 1 to ${PORT_MAX}`)
    nodes.push({ host, port })
  }
  return nodes
}

function readDatabase(text: string, written: string | undefined): number | undefined | Refusal {
  if (written === undefined) return undefined
  if (/^\d{1,9}$/.test(written)) return Number(written)
  return refusal(text, `has the database ${show(written)}, which is not a number such as 0`)
}
