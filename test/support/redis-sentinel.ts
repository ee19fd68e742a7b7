import { setTimeout as sleep } from 'node:timers/promises'
import { type RedisServer, startRedis } from './redis-server.js'

/** Asked this often whether something has come about. */
const POLL_MS = 20

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
  /** Has the Sentinels promote the replica, and resolves when they name it and it takes writes. */
  failover(): Promise<void>
  stop(): Promise<void>
}

const NAME = 'mymaster'
const HOST = '127.0.0.1'

/** Starts real processes on the loopback interface, and resolves when the Sentinels know the replica. */
export async function startSentinels(options: StartSentinelsOptions = {}): Promise<SentinelGroup> {
  const { sentinels: count = 1, password } = options
  const secret = password === undefined ? [] : ['--requirepass', password, '--masterauth', password]
  const auth = password === undefined ? [] : ['--no-auth-warning', '-a', password]
  const primary = await startRedis({ args: secret })
  const replica = await startRedis({
    args: [...secret, '--replicaof', `${HOST} ${primary.port}`, '--repl-diskless-sync-delay', '0'],
  })
  const servers = [primary, replica] as const
  const sentinels = await Promise.all(
    Array.from({ length: count }, () =>
      startRedis({
        sentinel: [
          `sentinel monitor ${NAME} ${HOST} ${primary.port} ${Math.floor(count / 2) + 1}`,
          `sentinel down-after-milliseconds ${NAME} 500`,
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
  const takesWrites = async (server: RedisServer) =>
    (await server.cli(...auth, 'ROLE')).startsWith('master') &&
    (await server.cli(...auth, 'SET', 'probe', '1')) === 'OK'

  await until(async () => (await first.cli('SENTINEL', 'REPLICAS', NAME)).includes(String(replica.port)))
  await until(async () =>
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
      await until(async () => (await named()) !== before)
    },
    async failover() {
      const before = await named()
      // Refused while a Sentinel has not seen a good replica yet.
      await until(async () => (await first.cli('SENTINEL', 'FAILOVER', NAME)) === 'OK')
      await until(async () => {
        const now = await named()
        return now !== before && (await takesWrites(now))
      })
    },
    async stop() {
      for (const server of [...sentinels, replica, primary]) await server.stop()
    },
  }
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(POLL_MS)
}
