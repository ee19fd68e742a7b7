/** Policies under which no counter goes that somebody may still be refused by, or only when it ends next of all. */
const HARMLESS: ReadonlySet<string> = new Set(['noeviction', 'volatile-ttl'])

/**
 * What a person should know of a server that makes room by taking keys away: every key of Sluice has an expiry, so all
 * policies that evict may take one.
 *
 * @param info its answer to `INFO memory`
 * @returns undefined where no counter is in danger, or where the server does not say
 */
export function evictionWarning(info: unknown): string | undefined {
  if (typeof info !== 'string') return undefined
  const field = (name: string) => new RegExp(`^${name}:(\\S+)`, 'm').exec(info)?.[1]
  const policy = field('maxmemory_policy')
  const maxmemory = field('maxmemory')
  if (policy === undefined || maxmemory === undefined || maxmemory === '0' || HARMLESS.has(policy)) {
    return undefined
  }
  return (
    `Redis evicts keys when it is full (maxmemory-policy ${policy}): a counter that it takes starts anew, and ` +
    `its subject may use its whole limit again; set maxmemory-policy to 'noeviction', or to 'volatile-ttl', which takes ` +
    `first what ends first, or give the limits a server of their own`
  )
}
