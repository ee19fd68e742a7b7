import { list } from '../policy/refusal.js'
import type { CompiledPolicy } from '../policy.js'

/**
 * Which policies a cluster cannot decide together in one step: those that group subjects by different parts, so that the
 * keys of one request may be at several nodes.
 *
 * @returns undefined where all group them alike: then one subject has all its keys at one node
 */
export function atomicityWarning(policies: Iterable<CompiledPolicy>): string | undefined {
  const byGroup = Map.groupBy(policies, groupOf)
  if (byGroup.size < 2) return undefined
  const groups = [...byGroup].map(([group, own]) => `${list(own.map(({ name }) => name))} (by ${group})`)
  return (
    `on a cluster, checkAll decides policies in one step only where they group subjects alike: ${groups.join('; ')}. ` +
    `Across these, and across subjects of different groups, it looks at every limit, charges one after the other, and ` +
    `gives back where one refuses: never above a limit, but a request may briefly refuse others. ` +
    `Give policies that are checked together the same 'group' (docs/cluster.md)`
  )
}

/** What is to be known of a store that only one process may count in. */
export const SINGLE_PROCESS_WARNING =
  'limits are counted in a store of get and set, which is not safe for several processes: two would overwrite each ' +
  "other's counts. Where more than one counts, use Redis, or an Engine of your own (docs/stores.md)"

const groupOf = ({ group, by }: CompiledPolicy): string => (group ?? by)?.join(' and ') ?? 'the whole subject'
