import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import type { ServerContainer } from './server-container.js'

const POLL_MS = 50
/** Far longer than a promotion takes: it ends the pause itself. */
const PAUSE_MS = 60_000
/** A replica that cannot read what it is sent asks for all of it again, for ever. */
const REFUSED_AFTER_SYNCS = 2

/** How servers of tests are started that replicate: at once, without waiting for more replicas. */
export const REPLICATING = ['--repl-diskless-sync-delay', '0']

/** Makes a server the replica of another. @returns whether it can be */
export async function replicate(primary: ServerContainer, replica: ServerContainer): Promise<boolean> {
  return talking([primary, replica], async ([first, second]) => {
    const { host, port } = primary.addressInNetwork
    await second.replicaof(host, port)
    for (;;) {
      if ((await field(second, 'replication', 'master_link_status')) === 'up') return true
      if (Number(await field(first, 'stats', 'sync_full')) >= REFUSED_AFTER_SYNCS) return false
      await sleep(POLL_MS)
    }
  })
}

/**
 * A planned promotion, by which nothing is lost: writes stop, the replica has all of them, and only then it is the
 * primary. Whoever still asks the old one is told that it is read-only, until `move` has brought all to the new one.
 */
export async function promote(
  primary: ServerContainer,
  replica: ServerContainer,
  move: () => Promise<void>,
): Promise<void> {
  await talking([primary, replica], async ([first, second]) => {
    await first.call('CLIENT', 'PAUSE', PAUSE_MS, 'WRITE')
    for (;;) {
      const sent = await field(first, 'replication', 'master_repl_offset')
      if (sent === (await field(second, 'replication', 'slave_repl_offset'))) break
      await sleep(POLL_MS)
    }
    await second.replicaof('NO', 'ONE')
    // What waits for the end of the pause finds a replica, and is refused.
    const { host, port } = replica.addressInNetwork
    await first.replicaof(host, port)
    await first.call('CLIENT', 'UNPAUSE')

    await move()
  })
  await primary.stop()
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
