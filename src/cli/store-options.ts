import { readFileSync } from 'node:fs'
import { type Command, Option } from 'commander'
import type { Limiter } from '../limiter/types.js'
import { createLimiter } from '../limiter.js'
import type { RedisStoreOptions } from '../redis/store-options.js'
import { FileError, UsageError } from './exit-codes.js'
import { addPolicyOptions, type PolicyOptions, positiveInteger, readPolicyOptions } from './policy-options.js'

/** Options that say where the counters are. */
export interface AddressOptions {
  readonly store?: string
  readonly tlsCa?: string
  readonly tlsCert?: string
  readonly tlsKey?: string
}

/** Options that say which counters, and where. */
export interface StoreOptions extends AddressOptions {
  readonly prefix?: string
  readonly shards?: number
}

/** A store as an address, or with the certificates to reach it. */
export type NamedStore = string | RedisStoreOptions

export type LimiterCliOptions = StoreOptions & PolicyOptions

const REDIS_STORES =
  "'redis://host:6379', 'rediss://…', 'redis+cluster://host:7000,…', 'redis+sentinel://host:26379,…/name', a socket's path"

/**
 * @param keys whether the command builds keys, and so has to know how
 * @param files whether the counters may be in a file
 */
export function addStoreOptions(
  command: Command,
  { keys, files = false }: { readonly keys: boolean; readonly files?: boolean },
): Command {
  const stores = files ? `${REDIS_STORES}, or 'file:PATH'` : REDIS_STORES
  command
    .addOption(new Option('--store <address>', `where the counters are: ${stores}`).env('SLUICE_STORE'))
    .option(
      '--tls-ca <file>',
      'certificates (PEM) of the authorities that may have signed those of the servers',
    )
    .option('--tls-cert <file>', 'a certificate of ours (PEM), where the servers ask for one')
    .option('--tls-key <file>', 'its key (PEM)')
  if (!keys) return command
  return command
    .option('--prefix <text>', 'what the limiters write before their keys')
    .addOption(new Option('--shards <n>', 'virtual shards of the limiters').argParser(positiveInteger))
}

export const addLimiterOptions = (command: Command): Command =>
  addPolicyOptions(addStoreOptions(command, { keys: true, files: true }))

/**
 * The store that was named: these commands look at counters of others, so there is none without.
 *
 * @throws UsageError, FileError
 */
export function requiredStore({ store, tlsCa, tlsCert, tlsKey }: AddressOptions): NamedStore {
  if (store === undefined) {
    throw new UsageError('there is no store; give --store redis://host:6379, or set SLUICE_STORE')
  }
  const pem = { ca: readPem(tlsCa), cert: readPem(tlsCert), key: readPem(tlsKey) }
  return Object.values(pem).every(file => file === undefined) ? store : { url: store, tls: pem }
}

function readPem(path: string | undefined): Uint8Array | undefined {
  if (path === undefined) return undefined
  try {
    return readFileSync(path)
  } catch (cause) {
    throw new FileError(`cannot read '${path}': ${cause instanceof Error ? cause.message : cause}`, { cause })
  }
}

/**
 * Runs with a limiter on the store, and closes it. This is a person asking, not a request: it waits for the store, and what
 * only this process has decided is no answer.
 */
export async function withLimiter<T>(
  options: LimiterCliOptions,
  use: (limiter: Limiter) => Promise<T>,
): Promise<T> {
  const { prefix, shards } = options
  const limiter: Limiter = createLimiter({
    store: requiredStore(options),
    policies: readPolicyOptions(options),
    prefix,
    shards,
    deadline: '10s',
    denyCache: false,
  })
  let failure: unknown
  limiter.on('storeDown', ({ error }) => {
    failure = error
  })
  try {
    await limiter.ready()
    const answer = await use(limiter)
    if (failure !== undefined) throw failure
    return answer
  } finally {
    await limiter.close()
  }
}
