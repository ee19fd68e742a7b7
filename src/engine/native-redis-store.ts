import * as nodeTls from 'node:tls'
import { OptionError } from '../errors.js'
import type { NativeStore } from '../native/binding.js'
import { Refusal } from '../policy/refusal.js'
import {
  type ConnectionSettings,
  type Pem,
  type RedisStoreOptions,
  readRedisStore,
  scriptBuildOf,
  type TlsOptions,
  type UserClient,
} from '../redis/store-options.js'

/** How the native engine reaches a store. */
export type NativePlace = Omit<NativeStore, 'prefix' | 'shards' | 'shared' | 'tellsBatches'>

/**
 * A store on Redis as the native engine takes it.
 *
 * @returns a refusal that says why only TypeScript can ask this store
 * @throws OptionError when the address or an option cannot be accepted at all
 */
export function nativePlaceOf(store: string | RedisStoreOptions | UserClient): NativePlace | Refusal {
  const read = readRedisStore(store)
  if (read instanceof Refusal) throw new OptionError(`store: ${read.message}`)
  if ('client' in read) return new Refusal('it cannot ask through a client of yours; give it the address')
  if (scriptBuildOf(store) === 'functions') {
    return new Refusal("it does not call functions; let scripts be 'evalsha'")
  }
  if (read.place.kind === 'sentinel') return new Refusal('it knows no Sentinels')
  const { tls } = read
  if (tls?.passphrase !== undefined) {
    return new Refusal('it opens no encrypted key; give tls.key without a passphrase')
  }
  if (tls?.servername !== undefined) {
    return new Refusal('it compares a certificate with the host alone; leave out tls.servername')
  }
  return { ...placeOf(read.place), ...accessOf(read), ...(tls !== undefined && { tls: tlsOf(tls) }) }
}

function placeOf(
  place: Exclude<ConnectionSettings['place'], { kind: 'sentinel' }>,
): Pick<NativePlace, 'path' | 'nodes' | 'isCluster'> {
  if (place.kind === 'socket') return { path: place.path, nodes: [], isCluster: false }
  if (place.kind === 'server') return { nodes: [place.node], isCluster: false }
  return { nodes: place.nodes, isCluster: true }
}

const accessOf = ({ username, password, database }: ConnectionSettings) => ({
  database,
  ...(username !== undefined && { username, password: password ?? '' }),
  ...(password !== undefined && { password }),
})

/** Trusts whom Node trusts, where nobody is named. */
function tlsOf({ ca, cert, key, rejectUnauthorized = true }: TlsOptions): NonNullable<NativePlace['tls']> {
  const authorities = ca === undefined ? trusted() : [ca].flat()
  return {
    ca: authorities.map(textOf).join('\n'),
    acceptsAny: !rejectUnauthorized,
    ...(cert !== undefined && { cert: textOf(cert) }),
    ...(key !== undefined && { key: textOf(key) }),
  }
}

/** Not there before Node 22.15, which then leaves out those of NODE_EXTRA_CA_CERTS. */
function trusted(): readonly string[] {
  const { getCACertificates, rootCertificates }: Partial<typeof nodeTls> = nodeTls
  return getCACertificates?.('default') ?? rootCertificates ?? []
}

const textOf = (pem: Pem): string => (typeof pem === 'string' ? pem : Buffer.from(pem).toString('latin1'))
