import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { systemClock } from '../../src/core/time.js'
import type { Store } from '../../src/engine/engine-options.js'
import type { GuardSettings } from '../../src/engine/guard-options.js'
import { createLimiter } from '../../src/limiter.js'
import { STORE_KINDS } from '../support/clients.js'
import { aboveLine } from '../support/history.js'
import { type RedisServer, startRedis } from '../support/redis-server.js'
import {
  expectExact,
  expectExactButUnanswered,
  expectNoLeakedKeys,
  FleetUnderLoad,
  POLICIES,
  POLICY_NAMES,
  USERS,
  WINDOW_US,
} from './fleet-under-load.js'

/** A pause of half a minute in production; here long enough for a few hundred checks to pile up. */
const PAUSE_MS = Number(process.env.SLUICE_TEST_PAUSE_MS ?? 2000)
const FLUSH_EVERY_MS = 100
const REPLICAS = STORE_KINDS.length + 1

const running: { stop(): Promise<void> }[] = []

afterEach(async () => {
  for (const each of running.splice(0).reverse()) await each.stop()
})

async function startServer(args: readonly string[] = [], port?: number): Promise<RedisServer> {
  const server = await startRedis({ args, ...(port !== undefined && { port }) })
  running.push(server)
  return server
}

/** What replicas let pass by themselves is no more than the shares of all of them. */
function expectWithinShares(fleet: FleetUnderLoad): void {
  for (const [policy, admitted] of fleet.admittedWithoutStore) {
    const shares = REPLICAS * Math.floor(POLICIES[policy].limit / REPLICAS) * USERS
    // Those that go by rate give as much again over a minute, which no test takes.
    const most = policy === 'gcra' || policy === 'token_bucket' ? 2 * shares : shares
    expect(admitted).toBeGreaterThan(0)
    expect(admitted).toBeLessThanOrEqual(most)
  }
}

/** A fleet in which no replica is like the other: each client, and scripts as functions. */
const storesOf = (port: number): readonly Store[] => [
  ...STORE_KINDS.map(({ store }) => store({ port })),
  { url: `redis://127.0.0.1:${port}`, scripts: 'functions' },
]

async function startFleet({ port }: RedisServer, limiter: GuardSettings = {}): Promise<FleetUnderLoad> {
  const fleet = new FleetUnderLoad({ stores: storesOf(port), limiter })
  running.push(fleet)
  await fleet.untilDecided(200)
  return fleet
}

test('Redis killed under load and started again without its data: two bounds at most, and nothing hangs', async () => {
  const first = await startServer()
  const fleet = await startFleet(first, { onStoreFailure: 'local', replicas: REPLICAS })
  await first.stop()
  // One machine: the clocks of its servers and of this process are one.
  const deadUs = systemClock.nowUs()
  await fleet.untilUndecided(200)
  const second = await startServer([], first.port)
  await fleet.untilDecided(400)
  await fleet.stop()

  for (const policy of POLICY_NAMES) {
    // Each server by itself decided exactly; what was on its way when the first one died died with it.
    const lives = [fleet.replay(policy, 0, deadUs), fleet.replay(policy, deadUs)] as const
    for (const { allowed, expected, uncertain, brokenBound } of lives) {
      expect([policy, brokenBound]).toEqual([policy, undefined])
      expect(allowed).toBeLessThanOrEqual(expected)
      expect(allowed).toBeGreaterThanOrEqual(expected - uncertain)
    }
    // The promise of a store without persistence, and a proof that it lost its counters.
    const { limit } = POLICIES[policy]
    for (const admissions of fleet.admissions(policy)) {
      expect(aboveLine(admissions, { limit, windowUs: WINDOW_US }, 2 * limit, 0)).toBeUndefined()
      expect(admissions.length).toBeGreaterThan(limit)
    }
  }
  // Meanwhile each replica let pass its share, and nobody asked a store that was known to be gone.
  expectWithinShares(fleet)
  expect(fleet.outages).toBeGreaterThanOrEqual(REPLICAS)
  expect(fleet.askedWhileDown).toBe(0)
  await expectNoLeakedKeys(second)
})

test('Redis killed and started again with its append-only file: the bound itself', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-aof-'))
  const args = ['--appendonly', 'yes', '--appendfsync', 'always', '--dir', folder]
  const first = await startServer(args)
  const fleet = await startFleet(first)
  await first.stop()
  await fleet.untilUndecided(200)
  const second = await startServer(args, first.port)
  await fleet.untilDecided(200)
  await fleet.stop()
  expectExactButUnanswered(fleet)
  await expectNoLeakedKeys(second)
  rmSync(folder, { recursive: true })
})

test('a fleet that is up before Redis is: each replica lets pass its share, and then the store decides', async () => {
  const { port, stop } = await startRedis()
  await stop()
  const fleet = new FleetUnderLoad({ stores: storesOf(port), limiter: { replicas: REPLICAS } })
  running.push(fleet)
  await fleet.untilUndecided(400)
  expect(fleet.decided).toBe(0)
  const server = await startServer([], port)
  await fleet.untilDecided(400)
  await fleet.stop()
  expectExact(fleet)
  expectWithinShares(fleet)
  expect(fleet.askedWhileDown).toBe(0)
  await expectNoLeakedKeys(server)
})

test('Redis stopped and let go on: what was asked meanwhile is decided once, and exactly', async () => {
  const server = await startServer()
  const fleet = await startFleet(server)
  process.kill(server.pid, 'SIGSTOP')
  await sleep(PAUSE_MS)
  process.kill(server.pid, 'SIGCONT')
  await fleet.untilDecided(200)
  await fleet.stop()
  expectExactButUnanswered(fleet)
  // Those wait for the deadline who asked before the first deadline told that the store is down. Nobody after them.
  expect(fleet.outages).toBeGreaterThanOrEqual(REPLICAS)
  expect(fleet.askedWhileDown).toBe(0)
  await expectNoLeakedKeys(server)
})

test('A10: SCRIPT FLUSH and FUNCTION FLUSH every 100 ms: no check fails, and none is charged twice', async () => {
  const server = await startServer()
  // A busy machine is no fault.
  const fleet = await startFleet(server, { deadline: '10s' })
  for (let flushes = 0; flushes < 15; flushes++) {
    await server.cli('SCRIPT', 'FLUSH')
    await server.cli('FUNCTION', 'FLUSH')
    await sleep(FLUSH_EVERY_MS)
  }
  await fleet.stop()
  expect(fleet.storeErrors).toEqual([])
  expectExact(fleet)
  await expectNoLeakedKeys(server)
})

test('out of memory with noeviction: nothing is charged, and all goes on once there is room', async () => {
  const server = await startServer(['--maxmemory-policy', 'noeviction'])
  const fleet = await startFleet(server)
  await server.cli('CONFIG', 'SET', 'maxmemory', '1')
  // Refusals write nothing and are decided all the same; keys have to end before there is anything to write.
  await server.cli('FLUSHALL')
  const flushedUs = systemClock.nowUs()
  await fleet.untilUndecided(200)
  await server.cli('CONFIG', 'SET', 'maxmemory', '0')
  await fleet.untilDecided(200)
  await fleet.stop()
  expect(fleet.storeErrors).toEqual(['ERR_SLUICE_OUT_OF_MEMORY'])
  for (const policy of POLICY_NAMES) {
    const { allowed, expected, difference } = fleet.replay(policy, flushedUs)
    expect([policy, difference, allowed]).toEqual([policy, undefined, expected])
    expect(allowed).toBeGreaterThan(0)
  }
  await expectNoLeakedKeys(server)
})

test('a server that evicts: a warning with the way out, and what it takes starts anew', async () => {
  const server = await startServer(['--maxmemory', '100mb', '--maxmemory-policy', 'allkeys-lru'])
  const limiter = createLimiter({ store: server.url, policies: { perUser: '10/m' } })
  const warned = new Promise<string>(resolve => limiter.on('warning', ({ message }) => resolve(message)))
  expect(await warned).toMatch(/allkeys-lru.*starts anew.*'volatile-ttl'/)
  await limiter.close()

  const fleet = await startFleet(server)
  // Less than it holds: it takes whatever it can.
  await server.cli('CONFIG', 'SET', 'maxmemory', '1')
  while (/^evicted_keys:0\r?$/m.test(await server.cli('INFO', 'stats'))) await fleet.untilEnded(10)
  await server.cli('CONFIG', 'SET', 'maxmemory', '100mb')
  const roomUs = systemClock.nowUs()
  await fleet.untilDecided(200)
  await fleet.stop()
  for (const policy of POLICY_NAMES) {
    expect([policy, fleet.replay(policy, roomUs).brokenBound]).toEqual([policy, undefined])
  }
  await expectNoLeakedKeys(server)
})

test('a server that turns into a read-only replica, and back: nothing is charged meanwhile', async () => {
  const server = await startServer()
  const other = await startServer()
  const fleet = await startFleet(server)
  await server.cli('REPLICAOF', '127.0.0.1', String(other.port))
  const demotedUs = systemClock.nowUs()
  await fleet.untilUndecided(200)
  await server.cli('REPLICAOF', 'NO', 'ONE')
  await fleet.untilDecided(200)
  await fleet.stop()
  expect(fleet.storeErrors).toContain('ERR_SLUICE_READ_ONLY')
  for (const policy of POLICY_NAMES) {
    // Its counters became those of the other server, which had none: as much as a restart without persistence.
    for (const part of [fleet.replay(policy, 0, demotedUs), fleet.replay(policy, demotedUs)]) {
      expect([policy, part.brokenBound]).toEqual([policy, undefined])
    }
  }
  await expectNoLeakedKeys(server)
})

test('a key of the wrong type: its user gets the error that names it, and all others are counted as ever', async () => {
  const server = await startServer()
  const fleet = await startFleet(server)
  const key = await server.cli('--scan', '--pattern', '*:gcra:gcra:user-0')
  // At once: under load the key would be back between two commands.
  const replace = `redis.call('DEL', KEYS[1]) redis.call('RPUSH', KEYS[1], 'not', 'ours')`
  await server.cli('EVAL', replace, '1', key)
  await fleet.untilEnded(200)
  await fleet.stop()
  const failed = fleet.endings.filter(({ code }) => code !== undefined)
  expect([...new Set(failed.map(({ policy, code }) => `${policy} ${code}`))]).toEqual([
    'gcra ERR_SLUICE_WRONG_TYPE',
  ])
  expect(await server.cli('LRANGE', key, '0', '-1')).toBe('not\nours')
  for (const policy of POLICY_NAMES) {
    const { difference, brokenBound } = fleet.replay(policy)
    expect([policy, difference, brokenBound]).toEqual([policy, undefined, undefined])
  }
})
