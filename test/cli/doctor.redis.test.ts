import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createLimiter } from '../../src/limiter.js'
import { startRedisCluster } from '../support/redis-cluster.js'
import { type RedisServer, startRedis } from '../support/redis-server.js'
import { runHere } from './run-cli.js'

interface Finding {
  readonly check: string
  readonly status: string
  readonly server?: string
  readonly found: string
  readonly advice: string
}

let server: RedisServer
const closers: (() => Promise<unknown>)[] = []
beforeEach(async () => {
  server = await startRedis()
})
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
  await server.stop()
})

async function doctor(store = server.url, ...args: string[]) {
  const { code, stdout } = await runHere(['doctor', '--store', store, '--json', ...args])
  const { healthy, findings } = JSON.parse(stdout) as { healthy: boolean; findings: readonly Finding[] }
  return { code, healthy, findings, of: (check: string) => findings.find(finding => finding.check === check) }
}

const config = (name: string, value: string) => server.cli('CONFIG', 'SET', name, value)

describe('a healthy server', () => {
  test('passes every check, and nothing is left on it', async () => {
    const { code, healthy, findings } = await doctor()
    expect([code, healthy]).toEqual([0, true])
    expect(findings.map(({ check }) => check).sort()).toEqual([
      'agreement',
      'busy scripts',
      'clock',
      'cluster',
      'connection',
      'latency',
      'memory',
      'persistence',
      'replication',
      'rights',
      'trial',
      'version',
    ])
    const notOk = findings.filter(({ status }) => status !== 'ok').map(({ check }) => check)
    // How long a round trip takes is up to the machine.
    expect(notOk.filter(check => check !== 'latency')).toEqual(['cluster'])
    expect(await server.cli('DBSIZE')).toBe('0')
  })

  test('is told in a table, with a summary below', async () => {
    const { code, stdout } = await runHere(['doctor', '--store', server.url])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^ok {7}connection {4}127\.0\.0\.1:\d+$/m)
    expect(stdout).toMatch(/^ok {7}version {7}(?:Redis|Valkey) \d+\.\d+\.\d+$/m)
    expect(stdout.trimEnd().split('\n').at(-1)).toMatch(/^healthy/)
  })
})

describe('memory', () => {
  test('that loses counters is a warning: it may drop any key', async () => {
    await config('maxmemory', '100mb')
    await config('maxmemory-policy', 'allkeys-lru')
    const { code, of } = await doctor()
    expect(code).toBe(0)
    expect(of('memory')).toMatchObject({ status: 'warning', advice: expect.stringMatching(/volatile-ttl/) })
  })

  test('that refuses writes once full is a warning, and a failure when it is full', async () => {
    await config('maxmemory', '100mb')
    expect((await doctor()).of('memory')).toMatchObject({
      status: 'warning',
      found: expect.stringMatching(/of 100 MB used, noeviction/),
    })
    await config('maxmemory', '1')
    const { code, of } = await doctor()
    expect(code).toBe(1)
    expect(of('memory')).toMatchObject({ status: 'failed' })
    expect(of('trial')).toMatchObject({
      status: 'failed',
      advice: 'docs/errors.md has ERR_SLUICE_OUT_OF_MEMORY',
    })
  })

  test('that drops first what ends first is fine', async () => {
    await config('maxmemory', '100mb')
    await config('maxmemory-policy', 'volatile-ttl')
    expect((await doctor()).of('memory')).toMatchObject({ status: 'ok' })
  })
})

describe('a server that refuses writes', () => {
  test('for lack of replicas', async () => {
    await config('min-replicas-to-write', '1')
    const { code, of } = await doctor()
    expect(code).toBe(1)
    expect(of('replication')).toMatchObject({
      status: 'failed',
      found: 'primary with 0 replicas, min-replicas-to-write 1',
    })
  })

  test('because it is a replica', async () => {
    await server.cli('REPLICAOF', '127.0.0.1', '1')
    const { code, findings } = await doctor()
    expect(code).toBe(3)
    expect(findings).toMatchObject([
      { check: 'connection', status: 'failed', found: expect.stringMatching(/read-only replica/) },
    ])
  })
})

describe('a user with few rights', () => {
  const app = () => `redis://app:pw@127.0.0.1:${server.port}`

  test('is told which ones are missing', async () => {
    await server.cli('ACL', 'SETUSER', 'app', 'on', '>pw', '~sl1:*', '+@all', '-incrby')
    const { code, of } = await doctor(app())
    expect(code).toBe(1)
    expect(of('rights')).toMatchObject({
      status: 'failed',
      found: expect.stringMatching(/'app' may not run INCRBY/),
    })
  })

  test('is looked at by a trial where it may not ask', async () => {
    await server.cli('ACL', 'SETUSER', 'app', 'on', '>pw', '~sl1:*', '+@all', '-@admin', '-@dangerous')
    const { code, of } = await doctor(app())
    expect(code).toBe(0)
    expect(of('server')).toMatchObject({ status: 'warning', found: 'the user may not run INFO' })
    expect(of('rights')).toMatchObject({ status: 'skipped' })
    expect(of('trial')).toMatchObject({ status: 'ok' })
  })

  test('of another prefix fails the trial', async () => {
    await server.cli('ACL', 'SETUSER', 'app', 'on', '>pw', '~shop:*', '+@all')
    expect((await doctor(app())).of('trial')).toMatchObject({ status: 'failed' })
    expect((await doctor(app(), '--prefix', 'shop')).of('trial')).toMatchObject({ status: 'ok' })
  })
})

test('limiters that have agreed on another number of shards are told', async () => {
  const limiter = createLimiter({
    store: server.url,
    shards: 64,
    deadline: '10s',
    policies: { perUser: '5/m' },
  })
  closers.push(() => limiter.close())
  await limiter.check('perUser', 'alice')
  expect((await doctor()).of('agreement')).toMatchObject({
    status: 'failed',
    found: '64 shards, states of version 1',
  })
  expect((await doctor(server.url, '--shards', '64')).of('agreement')).toMatchObject({ status: 'ok' })
})

test('a server that cannot be reached ends with 3', async () => {
  const { code, findings } = await doctor('redis://127.0.0.1:1')
  expect(code).toBe(3)
  expect(findings).toMatchObject([{ check: 'connection', status: 'failed' }])
})

test('a server that stands still is not waited for', async () => {
  process.kill(server.pid, 'SIGSTOP')
  closers.push(async () => process.kill(server.pid, 'SIGCONT'))
  const { code, findings } = await doctor()
  expect(code).toBe(3)
  expect(findings).toMatchObject([{ found: expect.stringMatching(/takes connections and does not answer/) }])
})

test('of a cluster, every master is looked at, and every slot counted', async () => {
  const cluster = await startRedisCluster()
  closers.push(() => cluster.stop())
  const masters = await cluster.masters()
  const store = `redis+cluster://127.0.0.1:${masters[0]?.port}`
  const { code, findings, of } = await doctor(store)
  expect(code).toBe(0)
  expect(findings.filter(({ check }) => check === 'version')).toHaveLength(masters.length)
  expect(of('cluster')).toMatchObject({
    status: 'ok',
    found: expect.stringMatching(/^3 masters that answer, 16384 of 16384 slots/),
  })
  expect(of('trial')).toMatchObject({ status: 'ok' })
  for (const master of masters) expect(await master.cli('DBSIZE')).toBe('0')

  await masters[1]?.cli('CLUSTER', 'DELSLOTSRANGE', '8000', '8001')
  const broken = await doctor(store)
  expect(broken.code).toBe(1)
  expect(broken.of('cluster')).toMatchObject({ status: 'failed' })
})
