import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Entry } from '../../cluster/loadtest/entries.js'
import { RecordingEngine } from '../../cluster/loadtest/recording-engine.js'
import { Status } from '../../src/core/step.js'
import { openEngine } from '../../src/engine/open-engine.js'
import { createLimiter } from '../../src/limiter.js'
import { type RedisServer, startRedis } from '../support/redis-server.js'
import { startTcpProxy } from '../support/tcp-proxy.js'
import { JOBS, LEASE_MS } from './programs/jobs.js'

const ASK_EVERY_MS = 5
const ROOT = new URL('../../', import.meta.url)

let redis: RedisServer

beforeAll(async () => {
  redis = await startRedis()
})

afterAll(async () => {
  await redis.stop()
})

/** A process that holds every unit. */
async function startHolder(): Promise<ChildProcess> {
  const program = ['--import', './scripts/run-source.ts', 'test/cluster/programs/lease-holder.ts', redis.url]
  const holder = spawn(process.execPath, program, { cwd: ROOT, stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = once(holder, 'exit').then(([code]) => {
    throw new Error(`the holder ended with ${code} before it held anything`)
  })
  const [said] = await Promise.race([once(holder.stdout, 'data'), ended])
  ended.catch(() => {})
  expect(String(said)).toBe('holding\n')
  return holder
}

/** When the units that are held now end, us. */
async function endsUs(): Promise<number[]> {
  const key = await redis.cli('--scan', '--pattern', '*:jobs:*')
  const lines = (await redis.cli('ZRANGE', key, '0', '-1', 'WITHSCORES')).split('\n')
  return lines.filter((_, i) => i % 2 === 1).map(Number)
}

test('a replica killed while it holds leases: its units are free when the leases end, and not before', async () => {
  const holder = await startHolder()
  const firstEndUs = Math.min(...(await endsUs()))
  // Longer than a lease, so that it holds them only because it renews.
  await sleep(1.5 * LEASE_MS)
  holder.kill('SIGKILL')
  await once(holder, 'exit')
  const ends = await endsUs()
  expect(ends).toHaveLength(JOBS.limit)
  expect(Math.min(...ends)).toBeGreaterThan(firstEndUs)

  const entries: Entry[] = []
  const store = new RecordingEngine(openEngine({ store: redis.url }), entry => entries.push(entry))
  const limiter = createLimiter({ store, deadline: '10s', policies: { jobs: JOBS } })
  while (!(await limiter.acquire('jobs', 'acme', { autoRenew: false })).acquired) await sleep(ASK_EVERY_MS)
  const decided = entries.filter(entry => entry.kind === 'decided')
  const admitted = decided.at(-1)
  expect(decided.length).toBeGreaterThan(1)
  expect(decided.slice(0, -1).every(({ status }) => status === Status.denied)).toBe(true)
  expect(admitted?.nowUs).toBeGreaterThanOrEqual(Math.min(...ends))
  // And no later than the first ask after that.
  expect(decided.at(-2)?.nowUs).toBeLessThan(Math.min(...ends))

  await limiter.close()
  const key = await redis.cli('--scan', '--pattern', '*:jobs:*')
  expect(Number(await redis.cli('PTTL', key))).toBeGreaterThan(0)
})

test('a holder cut off from Redis: it hears that its leases are over before anybody else gets its units', async () => {
  const proxy = await startTcpProxy(redis.port)
  const options = { onStoreFailure: 'closed', deadline: '10s', policies: { apart: JOBS } } as const
  const holder = createLimiter({ store: proxy.url, ...options })
  const lease = await holder.acquire('apart', 'acme', { units: JOBS.limit })
  if (!lease.acquired) throw new Error('somebody else holds a unit')
  // Longer than a lease: it is held by being renewed.
  await sleep(1.5 * LEASE_MS)
  expect(lease.signal.aborted).toBe(false)
  await proxy.close()

  const other = createLimiter({ store: redis.url, ...options })
  while (!(await other.acquire('apart', 'acme', { autoRenew: false })).acquired) {
    await sleep(ASK_EVERY_MS)
  }
  expect(lease.signal.aborted).toBe(true)
  await holder.close()
  await other.close()
})
