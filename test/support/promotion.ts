import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import type { ServerContainer } from './server-container.js'

const POLL_MS = 50
/** Polls after which something is wrong: half a minute, and more on a busy machine. */
const POLLS_MAX = 600
/** Far longer than a promotion takes: it ends the pause itself. */
const PAUSE_MS = 60_000
/** A replica that cannot read what it is sent asks for all of it again, for ever. */
const REFUSED_AFTER_SYNCS = 2

/** How servers of tests are started that replicate: at once, without waiting for more replicas. */
export const REPLICATING = ['--repl-diskless-sync-delay', '0']

/** Makes a server the replica of another. @returns why it cannot be; undefined when it has all that the other has */
export async function replicate(
  primary: ServerContainer,
  replica: ServerContainer,
): Promise<string | undefined> {
  return talking([primary, replica], async ([first, second]) => {
    const { host, port } = primary.addressInNetwork
    const syncsBefore = await syncsOf(first)
    await second.replicaof(host, port)
    return until(async () => {
      const link = await field(second, 'replication', 'master_link_status')
      if (link === 'up') return { done: undefined }
      const syncs = (await syncsOf(first)) - syncsBefore
      if (syncs >= REFUSED_AFTER_SYNCS) return { done: refusalOf(replica, syncs) }
      return { waiting: `${replica.image} has no link to ${primary.image}: ${link}, ${syncs} syncs` }
    })
  })
}

/** What the replica wrote of it: `Can't handle RDB format version 12`. */
function refusalOf({ log }: ServerContainer, syncs: number): string {
  return /Can't handle RDB.*/.exec(log())?.[0].trimEnd() ?? `it began anew ${syncs} times:\n${log()}`
}

/**
 * A planned promotion, by which nothing is lost: the servers of a fleet change roles, then `move` brings the fleet to
 * the new primary. Whoever still asks the old one is told that it is read-only.
 */
export async function promote(
  primary: ServerContainer,
  replica: ServerContainer,
  changeRoles: ChangeRoles,
  move: () => Promise<void>,
): Promise<void> {
  await talking([primary, replica], clients => changeRoles(clients, replica.addressInNetwork))
  await move()
  await primary.stop()
}

type ChangeRoles = (
  [primary, replica]: readonly [Redis, Redis],
  replicaAddress: { readonly host: string; readonly port: number },
) => Promise<void>

/** Step by step: writes stop, the replica has all of them, and only then it is the primary. */
export const byHand: ChangeRoles = async ([primary, replica], { host, port }) => {
  await primary.call('CLIENT', 'PAUSE', PAUSE_MS, 'WRITE')
  await until(async () => {
    const sent = await field(primary, 'replication', 'master_repl_offset')
    const applied = await field(replica, 'replication', 'slave_repl_offset')
    return sent === applied ? { done: undefined } : { waiting: `the replica is at ${applied} of ${sent}` }
  })
  await replica.replicaof('NO', 'ONE')
  // What waits for the end of the pause finds a replica, and is refused.
  await primary.replicaof(host, port)
  await primary.call('CLIENT', 'UNPAUSE')
}

/** The same by one command, which the primary carries out itself. */
export const byFailover: ChangeRoles = async ([primary, replica], { host, port }) => {
  await primary.call('FAILOVER', 'TO', host, port)
  await until(async () => {
    const state = await field(primary, 'replication', 'master_failover_state')
    const roles = [await roleOf(primary), await roleOf(replica)].join(' and ')
    if (state === 'no-failover' && roles === 'slave and master') return { done: undefined }
    return { waiting: `the servers are ${roles}, ${state}` }
  })
}

const syncsOf = async (redis: Redis) => Number(await field(redis, 'stats', 'sync_full'))
const roleOf = (redis: Redis) => field(redis, 'replication', 'role')

/** @throws with what it waited for, when that does not come */
async function until<T>(look: () => Promise<{ done: T } | { waiting: string }>): Promise<T> {
  for (let polls = 1; ; polls++) {
    const seen = await look()
    if ('done' in seen) return seen.done
    if (polls === POLLS_MAX) throw new Error(`${seen.waiting}, after ${POLLS_MAX} looks`)
    await sleep(POLL_MS)
  }
}

async function talking<T>(
  servers: readonly [ServerContainer, ServerContainer],
  talk: (clients: readonly [Redis, Redis]) => Promise<T>,
): Promise<T> {
  const [first, second] = servers.map(({ url }) => new Redis(url)) as [Redis, Redis]
  try {
    return await talk([first, second])
  } finally {
    first.disconnect()
    second.disconnect()
  }
}

async function field(redis: Redis, section: string, name: string): Promise<string | undefined> {
  const info = await redis.info(section)
  return new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1]
}
