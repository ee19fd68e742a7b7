import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

export interface StartRedisOptions {
  /** More arguments for the server, after ours, so that they win: `['--maxmemory', '10mb']`. */
  args?: readonly string[]
  /** TCP port on 127.0.0.1. Default: a free one. */
  port?: number
  /** The server's program. Default: `SLUICE_TEST_REDIS_SERVER`, else `redis-server`. */
  binary?: string
  /** Starts it as a node of a cluster, with a free port for the bus, alone and without slots. Default: false. */
  cluster?: boolean
  /** Starts it as a Sentinel, with these lines of configuration, which it goes on writing. Default: as a server. */
  sentinel?: readonly string[]
  /** Arguments by which it serves TLS on a port of its own, besides the plain one. */
  tls?: (port: number) => readonly string[]
}

export interface RedisServer {
  /** `redis://127.0.0.1:<port>` */
  readonly url: string
  readonly port: number
  /** The one that speaks TLS; 0 where there is none. */
  readonly tlsPort: number
  /** A Unix socket of the same server. */
  readonly socketPath: string
  readonly pid: number
  /** Runs `redis-cli` against this server and answers what it printed, without the last line end. */
  cli(...args: string[]): Promise<string>
  /** Kills this very process, waits until it is gone and removes its folder. May be called twice. */
  stop(): Promise<void>
}

/** A port that nothing listens on now. Another process may take it first: callers try again. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => {
        if (address !== null && typeof address === 'object') resolve(address.port)
        else reject(new Error('the operating system named no free port'))
      })
    })
  })
}

/**
 * Starts a real server without persistence on the loopback interface and resolves once it accepts connections.
 * A port that was taken meanwhile is replaced by another, unless the caller named it.
 */
export async function startRedis(options: StartRedisOptions = {}): Promise<RedisServer> {
  const attempts = options.port === undefined ? 5 : 1
  for (let attempt = 1; ; attempt++) {
    const port = options.port ?? (await freePort())
    try {
      return await startOn(port, options)
    } catch (error) {
      const taken = error instanceof Error && error.message.includes('Address already in use')
      if (!taken || attempt >= attempts) throw error
    }
  }
}

/**
 * Runs the server for as long as our end of its standard input is open, which no way of dying leaves open: neither
 * Ctrl-C nor a killed test worker leaves a server or its folder behind. Signals of the terminal are the worker's
 * affair. Once the server ends, so does the output; this shell holds none of it.
 */
const SUPERVISE = `
  folder=$1; shift
  trap '' INT TERM HUP
  "$@" </dev/null &
  echo "pid $!"
  exec >/dev/null 2>&1
  cat
  kill -9 $!
  wait
  rm -rf "$folder"`

/** What a server and a Sentinel log once they accept connections. */
const SERVES = /Ready to accept connections|Sentinel ID is/

function writeConfig(folder: string, lines: readonly string[]): string {
  const path = join(folder, 'sentinel.conf')
  writeFileSync(path, `${lines.join('\n')}\n`)
  return path
}

async function startOn(port: number, options: StartRedisOptions): Promise<RedisServer> {
  const binary = options.binary ?? process.env.SLUICE_TEST_REDIS_SERVER ?? 'redis-server'
  const folder = mkdtempSync(join(tmpdir(), 'sluice-redis-'))
  const socketPath = join(folder, 'redis.sock')
  const tlsPort = options.tls === undefined ? 0 : await freePort()
  const args = [
    ...(options.sentinel ? [writeConfig(folder, options.sentinel), '--sentinel'] : []),
    ...['--port', String(port), '--bind', '127.0.0.1', '--unixsocket', socketPath, '--dir', folder],
    ...['--save', '', '--appendonly', 'no', '--daemonize', 'no', '--loglevel', 'notice'],
    ...(options.cluster ? ['--cluster-enabled', 'yes', '--cluster-port', String(await freePort())] : []),
    ...(options.tls?.(tlsPort) ?? []),
    ...(options.args ?? []),
  ]
  const child = spawn('sh', ['-c', SUPERVISE, 'supervise', folder, binary, ...args])
  const gone = new Promise<void>(resolve => child.once('exit', () => resolve()))
  const stop = async () => {
    child.stdin.end()
    await gone
  }

  try {
    const pid = await new Promise<number>((resolve, reject) => {
      let log = ''
      let serves = false
      const read = (chunk: Buffer) => {
        // Once it serves, its log is only drained: a full pipe would block the server.
        if (serves) return
        log += chunk.toString()
        // The shell may come to say which process it is after that process has said that it serves.
        const pid = /^pid (\d+)$/m.exec(log)?.[1]
        serves = pid !== undefined && SERVES.test(log)
        if (serves) resolve(Number(pid))
      }
      child.stdout.on('data', read)
      child.stderr.on('data', read)
      child.once('error', reject)
      // What it wrote to either comes before the end of that one, and not before the end of the other.
      Promise.all([once(child.stdout, 'end'), once(child.stderr, 'end')]).then(() => {
        reject(new Error(`${binary} ended before it served (scripts/setup brings one):\n${log}`))
      }, reject)
    })
    return {
      url: `redis://127.0.0.1:${port}`,
      port,
      tlsPort,
      socketPath,
      pid,
      async cli(...cliArgs) {
        const { stdout } = await run(cliOf(binary), ['-p', String(port), ...cliArgs])
        return stdout.replace(/\n$/, '')
      },
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

/** The command-line client that belongs to a server program: `valkey-server` has `valkey-cli` beside it. */
function cliOf(binary: string): string {
  const name = binary.endsWith('valkey-server') ? 'valkey-cli' : 'redis-cli'
  return binary.includes('/') ? join(dirname(binary), name) : name
}
