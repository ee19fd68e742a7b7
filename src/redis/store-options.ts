import { z } from 'zod'
import { didYouMean, list, Refusal, show } from '../policy/refusal.js'
import type { NodeAddress } from './redis-client.js'
import type { ScriptBuild } from './scripts.js'
import { PORT, readNodes, readStoreUrl, SENTINEL_PORT, type StorePlace, withoutSecrets } from './store-url.js'

/** PEM text, or the bytes of a file that holds it. */
export type Pem = string | Uint8Array

export interface TlsOptions {
  /** Certificates of the authorities that may have signed the server's. Default: those that Node.js comes with. */
  readonly ca?: Pem | readonly Pem[] | undefined
  /** The client's own certificate, where the server asks for one; with its `key`. */
  readonly cert?: Pem | undefined
  readonly key?: Pem | undefined
  /** Of an encrypted `key`. */
  readonly passphrase?: string | undefined
  /** The name that the server's certificate must have. Default: the host. */
  readonly servername?: string | undefined
  /** `false` accepts any certificate, and with it anybody in between. Default: `true`. */
  readonly rejectUnauthorized?: boolean | undefined
}

export interface SentinelOptions {
  /** `host:port` of some of the Sentinels; the port may be left out (26379). */
  readonly nodes: string | readonly string[]
  /** What the Sentinels call the primary. */
  readonly name: string
  /** Of the Sentinels themselves, where they ask for it. */
  readonly username?: string | undefined
  readonly password?: string | undefined
  /** For the connections to the Sentinels. */
  readonly tls?: TlsOptions | undefined
}

/**
 * A client that is connected, or will be, to what the limiter is to use: of ioredis or iovalkey (`Redis`, `Cluster`), or
 * of node-redis 5 or later (`createClient`, `createCluster`, `createSentinel`). Connections of its kind are opened with
 * its settings; it is itself neither used nor changed nor closed.
 */
export interface UserClient {
  sendCommand(...args: never[]): unknown
}

/** A store on Redis with more to say than a URL can hold. One of `url`, `cluster`, `sentinel` and `client`. */
export interface RedisStoreOptions {
  /** As the store could be written alone: `redis://…`, `/run/redis.sock`, `redis+cluster://…`, `redis+sentinel://…`. */
  readonly url?: string | undefined
  /** `host:port` of some nodes of a cluster; the port may be left out (6379). */
  readonly cluster?: string | readonly string[] | undefined
  readonly sentinel?: SentinelOptions | undefined
  readonly client?: UserClient | undefined
  /** Of the servers. */
  readonly username?: string | undefined
  readonly password?: string | undefined
  /** Number of the database. Default: 0. A cluster has no other. */
  readonly database?: number | undefined
  /** For the connections to the servers; an empty object suffices to have TLS. */
  readonly tls?: TlsOptions | undefined
  /** Takes a `client` although it cannot be told to send no command late or twice: a check may then be charged twice. */
  readonly allowReplay?: boolean | undefined
  /**
   * How scripts are called: `'evalsha'`, or `'functions'` for a library that is loaded once and stays with the data, with
   * FCALL. They do the same to the same keys, and may be mixed in a fleet. Default: `'evalsha'`.
   */
  readonly scripts?: ScriptBuild | undefined
}

/** What connections that Sluice opens by itself are made of. */
export interface ConnectionSettings {
  readonly place: StorePlace
  readonly username: string | undefined
  readonly password: string | undefined
  readonly database: number
  readonly tls: TlsOptions | undefined
  /** How to get into the Sentinels, where there are any. */
  readonly sentinel: Pick<SentinelOptions, 'username' | 'password' | 'tls'>
}

/** A store on Redis, read. */
export type RedisStore = ConnectionSettings | { readonly client: UserClient; readonly allowReplay: boolean }

const wrong = (accepted: string) => ({
  error: ({ input }: { input?: unknown }) => `${show(input)} is not ${accepted}`,
})
/** Never shows what was given. */
const secret = (name: string) => z.string({ error: () => `is not a text; ${name} is one` })

const isPem = (value: unknown): value is Pem => typeof value === 'string' || value instanceof Uint8Array
const pem = z
  .custom<Pem>(isPem, 'is neither PEM text nor the bytes of a file')
  .refine(
    value => typeof value !== 'string' || value.includes('-----BEGIN'),
    "holds no '-----BEGIN'; give the content of the file, such as readFileSync('ca.pem')",
  )
const text = (what: string) => z.string(wrong(what)).min(1, wrong(what))
const yesOrNo = z.boolean(wrong('true or false'))

const TLS = z
  .strictObject({
    ca: z.union([pem, z.array(pem)]).optional(),
    cert: pem.optional(),
    key: pem.optional(),
    passphrase: secret('a passphrase').optional(),
    servername: text('a name of a host').optional(),
    rejectUnauthorized: yesOrNo.optional(),
  })
  .refine(
    ({ cert, key }) => (cert === undefined) === (key === undefined),
    "has one of 'cert' and 'key'; give both",
  )

const NODES = wrong("'host:port', or a list of such")
const nodes = (defaultPort: number) =>
  z
    .union([z.string(), z.array(z.string()).min(1, NODES)], NODES)
    .transform((written, context): readonly NodeAddress[] => {
      const read = readNodes([written].flat().map(withoutScheme).join(','), defaultPort)
      if (!(read instanceof Refusal)) return read
      context.addIssue({ code: 'custom', message: read.message, input: written })
      return z.NEVER
    })

/** Nodes of a cluster are often written as URLs. */
const withoutScheme = (node: string): string => node.replace(/^rediss?:\/\/(?=[^@/]*$)/, '')

const access = {
  username: secret('a user').optional(),
  password: secret('a password').optional(),
  tls: TLS.optional(),
}

const SENTINEL = z.strictObject({
  nodes: nodes(SENTINEL_PORT),
  name: text('the name that the Sentinels have for the primary'),
  ...access,
})

const STORE = z.strictObject({
  url: z.string(wrong('an address')).optional(),
  cluster: nodes(PORT).optional(),
  sentinel: SENTINEL.optional(),
  client: z.custom<UserClient>(isUserClient, 'is not a client of ioredis, iovalkey or node-redis').optional(),
  ...access,
  database: z.int(wrong('the number of a database')).min(0, wrong('the number of a database')).optional(),
  allowReplay: yesOrNo.optional(),
  scripts: z.enum(['evalsha', 'functions'], wrong("'evalsha' or 'functions'")).optional(),
})
type Written = z.infer<typeof STORE>

/** Names of the options, for messages. */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  '': Object.keys(STORE.shape),
  tls: Object.keys(TLS.shape),
  sentinel: Object.keys(SENTINEL.shape),
  'sentinel.tls': Object.keys(TLS.shape),
}
const WAYS = ['url', 'cluster', 'sentinel', 'client'] as const

/** Does it look like a client? Whether it is one that can be used is for `targetOf` to say. */
export function isUserClient(value: unknown): value is UserClient {
  return (
    typeof value === 'object' &&
    value !== null &&
    'sendCommand' in value &&
    typeof value.sendCommand === 'function'
  )
}

/** Is it an object that is written to say where a store on Redis is? Whether it says so well is another matter. */
export const isRedisStoreOptions = (value: unknown): value is RedisStoreOptions =>
  typeof value === 'object' &&
  value !== null &&
  Object.getPrototypeOf(value) === Object.prototype &&
  !isUserClient(value) &&
  !('file' in value)

/** How scripts are called on this store. */
export const scriptBuildOf = (store: unknown): ScriptBuild =>
  (isRedisStoreOptions(store) ? store.scripts : undefined) ?? 'evalsha'

/**
 * Reads a store on Redis: an address, options, or a client.
 *
 * @returns a refusal that tells everything that is wrong, and no password
 */
export function readRedisStore(store: string | RedisStoreOptions | UserClient): RedisStore | Refusal {
  if (typeof store === 'string') return readAddress({ url: store })
  if (isUserClient(store)) return { client: store, allowReplay: false }
  const read = STORE.safeParse(store)
  if (!read.success) return new Refusal(read.error.issues.flatMap(problemsOf).join('; '))
  const given = read.data
  const ways = WAYS.filter(way => given[way] !== undefined)
  if (ways.length !== 1) {
    const found = ways.length === 0 ? 'none' : list(ways)
    return new Refusal(`says ${found} of ${list(WAYS)}, and one is needed`)
  }
  return given.client === undefined ? readAddress(given) : readClient(given, given.client)
}

function problemsOf(issue: z.core.$ZodIssue): readonly string[] {
  const path = issue.path.join('.')
  if (issue.code !== 'unrecognized_keys') return [`${path}: ${issue.message}`]
  const names = NAMES[path] ?? []
  const of = path === '' ? 'a store on Redis' : path
  return issue.keys.map(
    name => `${show(name)} is not an option of ${of}; options are ${list(names)}${didYouMean(name, names)}`,
  )
}

function readClient(given: Written, client: UserClient): RedisStore | Refusal {
  const own = (['username', 'password', 'database', 'tls'] as const).filter(name => given[name] !== undefined)
  if (own.length > 0) return new Refusal(`gives ${list(own)} beside a client; they are taken from the client`)
  return { client, allowReplay: given.allowReplay ?? false }
}

function readAddress(given: Written): ConnectionSettings | Refusal {
  if (given.allowReplay !== undefined) return new Refusal('allowReplay: concerns a client, and there is none')
  const url = given.url === undefined ? undefined : readStoreUrl(given.url)
  if (url instanceof Refusal) return url
  const twice = (['username', 'password', 'database'] as const).filter(
    name => given[name] !== undefined && url?.[name] !== undefined,
  )
  if (twice.length > 0) {
    return new Refusal(`gives ${list(twice)} both in ${show(withoutSecrets(given.url ?? ''))} and beside it`)
  }
  const place = url?.place ?? placeOf(given)
  const tls = given.tls ?? (url?.tls ? {} : undefined)
  const database = given.database ?? url?.database ?? 0
  if (place.kind === 'cluster' && database !== 0)
    return new Refusal('database: a cluster has only database 0')
  if (place.kind === 'socket' && tls !== undefined) return new Refusal('tls: a Unix socket has none')
  return {
    place,
    username: given.username ?? url?.username,
    password: given.password ?? url?.password,
    database,
    tls,
    sentinel: given.sentinel ?? (url?.tls ? { tls } : {}),
  }
}

function placeOf({ cluster, sentinel }: Written): StorePlace {
  if (cluster !== undefined) return { kind: 'cluster', nodes: cluster }
  const { nodes, name } = sentinel as NonNullable<typeof sentinel>
  return { kind: 'sentinel', nodes, name }
}
