import { setTimeout as sleep } from 'node:timers/promises'
import { type RedisServer, type StartRedisOptions, startRedis } from './redis-server.js'

/** Asked this often whether something has come about. */
const POLL_MS = 20
/** Nothing that a test waits for takes so long: it has failed. */
const PATIENCE_MS = 30_000

export interface StartSentinelsOptions {
  /** Default: 1. */
  sentinels?: number
  /** Password of the servers, and between them. */
  password?: string
}

/** A primary, one replica, and Sentinels that watch them under the name `mymaster`. */
export interface SentinelGroup {
  readonly name: 'mymaster'
  readonly sentinels: readonly RedisServer[]
  readonly nodes: readonly { readonly host: string; readonly port: number }[]
  /** The first primary and its replica; a failover exchanges what they are. */
  readonly servers: readonly [RedisServer, RedisServer]
  /** The server that the Sentinels name now. */
  primary(): Promise<RedisServer>
  /** Stops the primary's process for good, without ending it, and resolves when the Sentinels name the other. */
  pausePrimary(): Promise<void>
  /** Has the Sentinels promote the replica, and resolves when they name it, it takes writes, and the failover has ended. */
  failover(): Promise<void>
  stop(): Promise<void>
}

const NAME = 'mymaster'
const HOST = '127.0.0.1'

/** Starts real processes on the loopback interface, and resolves when the Sentinels know the replica. */
export async function startSentinels(options: StartSentinelsOptions = {}): Promise<SentinelGroup> {
  const started: RedisServer[] = []
  const start = async (how: StartRedisOptions) => {
    const server = await startRedis(how)
    started.unshift(server)
    return server
  }
  const stop = async () => {
    for (const server of started) await server.stop()
  }
  try {
    return await startGroup(options, start, stop)
  } catch (error) {
    await stop()
    throw error
  }
}

async function startGroup(
  { sentinels: count = 1, password }: StartSentinelsOptions,
  start: (how: StartRedisOptions) => Promise<RedisServer>,
  stop: () => Promise<void>,
): Promise<SentinelGroup> {
  const secret = password === undefined ? [] : ['--requirepass', password, '--masterauth', password]
  const auth = password === undefined ? [] : ['--no-auth-warning', '-a', password]
  const primary = await start({ args: secret })
  const replica = await start({
    args: [...secret, '--replicaof', `${HOST} ${primary.port}`, '--repl-diskless-sync-delay', '0'],
  })
  const servers = [primary, replica] as const
  const sentinels = await Promise.all(
    Array.from({ length: count }, () =>
      start({
        sentinel: [
          `sentinel monitor ${NAME} ${HOST} ${primary.port} ${Math.floor(count / 2) + 1}`,
          `sentinel down-after-milliseconds ${NAME} 1500`,
          `sentinel failover-timeout ${NAME} 2000`,
          ...(password === undefined ? [] : [`sentinel auth-pass ${NAME} ${password}`]),
        ],
      }),
    ),
  )
  const [first] = sentinels as [RedisServer, ...RedisServer[]]
  const named = async () => {
    const [, port] = (await first.cli('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', NAME)).split('\n')
    return servers.find(server => server.port === Number(port)) ?? primary
  }
  // A client may refuse a primary whose flags tell more than that: a failover that has not ended, or one that is down.
  const isSettled = async () => {
    const fields = (await first.cli('SENTINEL', 'MASTER', NAME)).split('\n')
    return fields[fields.indexOf('flags') + 1] === 'master'
  }
  const takesWrites = async (server: RedisServer) =>
    (await server.cli(...auth, 'ROLE')).startsWith('master') &&
    (await server.cli(...auth, 'SET', 'probe', '1')) === 'OK'

  await until('the Sentinels know the replica', async () =>
    (await first.cli('SENTINEL', 'REPLICAS', NAME)).includes(String(replica.port)),
  )
  await until('the replica follows the primary', async () =>
    (await replica.cli(...auth, 'INFO', 'replication')).includes('master_link_status:up'),
  )
  return {
    name: NAME,
    sentinels,
    nodes: sentinels.map(({ port }) => ({ host: HOST, port })),
    servers,
    primary: named,
    async pausePrimary() {
      const before = await named()
      process.kill(before.pid, 'SIGSTOP')
      await until('the other is named', async () => (await named()) !== before)
    },
    async failover() {
      const before = await named()
      // Refused while a Sentinel has not seen a good replica yet.
      await until('a failover begins', async () => (await first.cli('SENTINEL', 'FAILOVER', NAME)) === 'OK')
      await until('the other is the primary', async () => {
        const now = await named()
        return now !== before && (await takesWrites(now)) && (await isSettled())
      })
    },
    stop,
  }
}

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  for (let waitedMs = 0; waitedMs < PATIENCE_MS; waitedMs += POLL_MS) {
    if (await isSo()) return
    await sleep(POLL_MS)
  }
  throw new Error(`waited ${PATIENCE_MS / 1000} s in vain until ${what}`)
}
