import { readFileSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import { type MigrationSide, policiesOfSide } from '../../compat/migrate/sides.js'
import type { PoliciesInput } from '../../policy.js'
import { FileError, UsageError } from '../exit-codes.js'
import { type PolicyOptions, readPolicyOptions } from '../policy-options.js'
import { type NamedStore, requiredStore, type StoreOptions } from '../store-options.js'

export const DIALECT_NAMES = ['sluice', 'rate-limiter-flexible', 'rate-limit-redis', 'mcp-gateway'] as const
type DialectName = (typeof DIALECT_NAMES)[number]

/** Options that say from where to where. */
export interface SideOptions extends StoreOptions, PolicyOptions {
  readonly from: DialectName
  readonly to: DialectName
  readonly toStore?: string
  readonly limiters?: string
  readonly toLimiters?: string
  readonly generation?: string
  readonly fromPrefix?: string
  readonly fromShards?: number
}

/**
 * Both sides of a migration, as the options name them.
 *
 * @throws UsageError, FileError
 */
export function readSides(options: SideOptions): {
  readonly from: MigrationSide
  readonly to: MigrationSide
} {
  refuseUnused(options)
  const store = requiredStore(options)
  const toStore =
    options.toStore === undefined ? store : requiredStore({ ...options, store: options.toStore })
  const { from, to } = options
  const isForeign = from !== 'sluice' || to !== 'sluice'
  if (isForeign && options.limiters === undefined) {
    throw new UsageError(
      `--limiters FILE is missing: the options of the limiters of ${from === 'sluice' ? to : from}, as JSON`,
    )
  }
  if (from !== 'sluice' && to !== 'sluice') {
    if (options.toLimiters === undefined) {
      throw new UsageError(`--to-limiters FILE is missing: the options of the limiters of ${to}, as JSON`)
    }
    const before = foreignSide(from, store, options.limiters as string, options)
    const after = foreignSide(to, toStore, options.toLimiters, options)
    if (isDeepStrictEqual(before, after)) {
      throw new UsageError('both sides are the same keys; give other limiters, or another --to-store')
    }
    return { from: before, to: after }
  }
  if (from !== 'sluice') {
    const old = foreignSide(from, store, options.limiters as string, options)
    return { from: old, to: sluiceSide(toStore, readPolicies(options, old), options) }
  }
  if (to !== 'sluice') {
    const next = foreignSide(to, toStore, options.limiters as string, options)
    return { from: sluiceSide(store, readPolicies(options, next), options), to: next }
  }
  const policies = readPolicyOptions(options)
  const { fromPrefix: prefix, fromShards: shards } = options
  const before = sluiceSide(store, policies, { prefix, shards })
  const after = sluiceSide(toStore, policies, options)
  if (store === toStore && before.prefix === after.prefix && before.shards === after.shards) {
    throw new UsageError(
      'both sides are the same keys; give --from-prefix or --from-shards, or another --to-store',
    )
  }
  return { from: before, to: after }
}

/** @throws UsageError for an option that would change nothing here: whoever gives it means something else */
function refuseUnused(options: SideOptions): void {
  const { from, to } = options
  const sluices = [from, to].filter(side => side === 'sluice').length
  const unused: readonly (readonly [string, boolean, string])[] = [
    ['--limiters', options.limiters !== undefined && sluices === 2, 'where a side is not sluice'],
    ['--to-limiters', options.toLimiters !== undefined && sluices > 0, 'where neither side is sluice'],
    [
      '--generation',
      options.generation !== undefined && from !== 'mcp-gateway' && to !== 'mcp-gateway',
      'where a side is mcp-gateway',
    ],
    ['--from-prefix', options.fromPrefix !== undefined && sluices < 2, 'from sluice to sluice'],
    ['--from-shards', options.fromShards !== undefined && sluices < 2, 'from sluice to sluice'],
    ['--prefix', options.prefix !== undefined && sluices === 0, 'where a side is sluice'],
    ['--shards', options.shards !== undefined && sluices === 0, 'where a side is sluice'],
    ['--policies', options.policies !== undefined && sluices === 0, 'where a side is sluice'],
    ['--policy', options.policy.length > 0 && sluices === 0, 'where a side is sluice'],
  ]
  const [option, , place] = unused.find(([, isUnused]) => isUnused) ?? []
  if (option === undefined) return
  throw new UsageError(
    `${option} means something only ${place}, and this goes from ${from} to ${to}: leave it out`,
  )
}

/** Without any on the command line, the limiters of the other side are the policies. */
function readPolicies(options: PolicyOptions, other: MigrationSide): PoliciesInput {
  const isNone = options.policies === undefined && options.policy.length === 0
  return isNone ? policiesOfSide(other) : readPolicyOptions(options)
}

const sluiceSide = (
  store: NamedStore,
  policies: PoliciesInput,
  { prefix, shards }: { readonly prefix?: string | undefined; readonly shards?: number | undefined },
) => ({
  dialect: 'sluice' as const,
  store,
  policies,
  ...(prefix !== undefined && { prefix }),
  ...(shards !== undefined && { shards }),
})

function foreignSide(
  dialect: Exclude<DialectName, 'sluice'>,
  store: NamedStore,
  file: string,
  { generation }: SideOptions,
): MigrationSide {
  const content = readJson(file)
  // Whoever opens the side reads its options as any others, and names what is wrong.
  if (dialect === 'mcp-gateway') {
    return {
      dialect,
      store,
      config: content,
      ...(generation !== undefined && { generation }),
    } as MigrationSide
  }
  return { dialect, store, limiters: content } as MigrationSide
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    const what = error instanceof SyntaxError ? 'is not JSON' : 'cannot be read'
    throw new FileError(`${file}: ${what} (${(error as Error).message})`, { cause: error })
  }
}
