import { execFile } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type RedisServer, startRedis } from './redis-server.js'

const run = promisify(execFile)

/** A server at the far end of a link of its own, which can be cut. Its Unix socket works all the same. */
export interface PartitionedRedis extends Omit<RedisServer, 'tlsPort'> {
  readonly host: string
  /** From now on every packet is lost on its way, both ways, and neither end is told. */
  cut(): Promise<void>
  mend(): Promise<void>
}

/** Why there are no network namespaces here; undefined where there are. */
export async function whyNoPartition(): Promise<string | undefined> {
  try {
    await run('unshare', ['--net', 'ip', 'link', 'add', 'near', 'type', 'veth', 'peer', 'name', 'far'])
    return undefined
  } catch (error) {
    const why = error instanceof Error ? error.message.trim() : String(error)
    return `network namespaces take root, 'ip' and 'unshare' (Debian: iproute2, util-linux): ${why}`
  }
}

/** Of the far end: known beforehand, so that the near one never has to ask for it, and never hears that nobody answers. */
const FAR_MAC = '02:00:00:00:00:02'
/** Networks of four addresses in 198.18.0.0/15, which is there for tests (RFC 2544). */
const NETWORKS = 2 ** 15

/** The two ends of a link. Processes that run side by side get networks of their own. */
function addressesOf(pid: number): { readonly near: string; readonly far: string } {
  const first = (pid % NETWORKS) * 4
  const address = (n: number) => `198.${18 + (n >> 16)}.${(n >> 8) & 0xff}.${n & 0xff}`
  return { near: address(first + 1), far: address(first + 2) }
}

/** Starts a real server in a network namespace, which ends some time after the server, however that ends, and so does the link. */
export async function startPartitionedRedis(): Promise<PartitionedRedis> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-namespace-'))
  const binary = join(folder, 'redis-server')
  const server = process.env.SLUICE_TEST_REDIS_SERVER ?? 'redis-server'
  writeFileSync(binary, `#!/bin/sh\nexec unshare --net ${server} "$@"\n`)
  chmodSync(binary, 0o755)
  const started = await startRedis({ binary, args: ['--bind', '0.0.0.0', '--protected-mode', 'no'] })
  rmSync(folder, { recursive: true })

  const { pid, port, socketPath, stop } = started
  const { near, far } = addressesOf(pid)
  const device = `sluice${pid % NETWORKS}`
  const ip = (...args: string[]) => run('ip', args)
  const ipThere = (...args: string[]) => run('nsenter', [`--net=/proc/${pid}/ns/net`, 'ip', ...args])
  const mend = async () => {
    await ipThere('address', 'add', `${far}/30`, 'dev', 'far')
  }
  try {
    const peer = ['type', 'veth', 'peer', 'name', 'far', 'address', FAR_MAC, 'netns', String(pid)]
    await ip('link', 'add', device, ...peer)
    await ip('address', 'add', `${near}/30`, 'dev', device)
    await ip('link', 'set', device, 'up')
    await ip('neighbour', 'replace', far, 'lladdr', FAR_MAC, 'dev', device, 'nud', 'permanent')
    await ipThere('link', 'set', 'far', 'up')
    await mend()
  } catch (error) {
    await stop()
    throw error
  }
  return {
    host: far,
    port,
    socketPath,
    pid,
    url: `redis://${far}:${port}`,
    async cli(...args) {
      const { stdout } = await run('redis-cli', ['-s', socketPath, ...args])
      return stdout.replace(/\n$/, '')
    },
    // A namespace outlives its processes for as long as their connections try to end in good order: the link goes first.
    async stop() {
      await ip('link', 'delete', device).catch(() => {})
      await stop()
    },
    // What is addressed to nobody there is dropped without a word.
    async cut() {
      await ipThere('address', 'delete', `${far}/30`, 'dev', 'far')
    },
    mend,
  }
}
