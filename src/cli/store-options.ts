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

/** @param keys whether the command builds keys, and so has to know how */
export function addStoreOptions(command: Command, { keys }: { readonly keys: boolean }): Command {
  command.addOption(
    new Option(
      '--store <address>',
      "where the counters are: 'redis://host:6379', 'rediss://…', or a socket's path",
    ).env('SLUICE_STORE'),
  )
  if (!keys) return command
  return command
    .option('--prefix <text>', 'what the limiters write before their keys')
    .addOption(new Option('--shards <n>', 'virtual shards of the limiters').argParser(positiveInteger))
}

export const addLimiterOptions = (command: Command): Command =>
  addPolicyOptions(addStoreOptions(command, { keys: true }))

/** The store that was named: these commands look at counters of others, so there is none without. */
export function requiredStore({ store }: StoreOptions): string {
  if (store === undefined) {
    throw new UsageError('there is no store; give --store redis://host:6379, or set SLUICE_STORE')
  }
  return store
}

/** Runs with a limiter on the store, and closes it. Waits for the store first: this is a person asking, not a request. */
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
  })
  try {
    await limiter.ready()
    return await use(limiter)
  } finally {
    await limiter.close()
  }
}
