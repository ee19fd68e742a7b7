import { type Command, Option } from 'commander'
import type { Limiter } from '../limiter/types.js'
import { createLimiter } from '../limiter.js'
import { UsageError } from './exit-codes.js'
import { addPolicyOptions, type PolicyOptions, positiveInteger, readPolicyOptions } from './policy-options.js'

/** Options that say where the counters are. */
export interface StoreOptions {
  readonly store?: string
  readonly prefix?: string
  readonly shards?: number
}

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
  command.addOption(new Option('--store <address>', `where the counters are: ${stores}`).env('SLUICE_STORE'))
  if (!keys) return command
  return command
    .option('--prefix <text>', 'what the limiters write before their keys')
    .addOption(new Option('--shards <n>', 'virtual shards of the limiters').argParser(positiveInteger))
}

export const addLimiterOptions = (command: Command): Command =>
  addPolicyOptions(addStoreOptions(command, { keys: true, files: true }))

/** The store that was named: these commands look at counters of others, so there is none without. */
export function requiredStore({ store }: StoreOptions): string {
  if (store === undefined) {
    throw new UsageError('there is no store; give --store redis://host:6379, or set SLUICE_STORE')
  }
  return store
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
