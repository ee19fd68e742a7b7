import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { LiveReport } from '../../src/compat/live.js'
import { createLimiter } from '../../src/limiter.js'
import { startRedisCluster } from '../support/redis-cluster.js'
import { type RedisServer, startRedis } from '../support/redis-server.js'
import { runHere } from './run-cli.js'

let server: RedisServer
const closers: (() => Promise<unknown>)[] = []
beforeEach(async () => {
  server = await startRedis({ args: ['--enable-debug-command', 'yes'] })
})
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
  await server.stop()
})

async function live(store: string, ...args: string[]): Promise<LiveReport> {
  const { code, stdout, stderr } = await runHere(['compat', 'live', '--redis', store, '--json', ...args])
  expect([code, stderr]).toEqual([0, ''])
  return JSON.parse(stdout)
}

async function count(store: Parameters<typeof createLimiter>[0]['store'], subjects: number, prefix = 'shop') {
  const limiter = createLimiter({ store, prefix, deadline: '10s', policies: { perUser: '5/m' } })
  closers.push(() => limiter.close())
  await limiter.ready()
  await Promise.all(Array.from({ length: subjects }, (_, i) => limiter.check('perUser', `user-${i}`)))
}

async function writes(): Promise<readonly string[]> {
  const stats = await server.cli('INFO', 'commandstats')
  return [...stats.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)].map(([, name, calls]) => `${name} ${calls}`)
}

describe('sluice compat live', () => {
  test('tells our keys by policy, what was agreed on, and which scripts are loaded', async () => {
    await count(server.url, 20)
    const { groups, agreements, scripts, others, nodes } = await live(server.url)
    expect(nodes).toMatchObject([{ keys: 21, sampled: 21, isWhole: true }])
    expect(groups).toMatchObject([
      {
        system: 'sluice',
        name: 'perUser',
        algorithm: 'gcra',
        prefix: 'shop:',
        estimated: 20,
        endless: 0,
        wrongType: 0,
      },
      { system: 'sluice', name: 'meta', estimated: 1, endless: 0 },
    ])
    expect(others).toBe(0)
    expect(agreements).toEqual([{ key: 'shop:sl1:meta', meta: { stateVersion: 1, shards: 32 } }])
    expect(scripts).toMatchObject([{ name: expect.stringMatching(/^decide of this package$/) }])
  })

  test('tells keys of other limiters, those without end, and those of a wrong type', async () => {
    await server.cli(
      'MSET',
      'rl:1.2.3.4',
      '3',
      'rlflx:7',
      '1',
      'session:1',
      'x',
      'sl1:{5b}:perUser:gcra:eve',
      '1',
    )
    await server.cli('HSET', 'rl:acme:tool:search:1', 'tokens', '3')
    await server.cli('SADD', 'sl1:{5b}:perUser:gcra:alice', 'x')
    const { groups, others } = await live(server.url)
    const told = groups.map(({ system, estimated, endless, wrongType }) => [
      system,
      estimated,
      endless,
      wrongType,
    ])
    expect(told.sort()).toEqual([
      ['mcp-gateway', 1, 1, 0],
      ['rate-limit-redis', 1, 1, 0],
      ['rate-limiter-flexible', 1, 1, 0],
      ['sluice', 2, 2, 1],
    ])
    expect(others).toBe(1)
    const { stdout } = await runHere(['compat', 'live', '--redis', server.url])
    expect(stdout).toMatch(/of a type that is not theirs: 1 key of perUser \(sluice\)/)
    expect(stdout).toMatch(/and 1 of others/)
  })

  test('looks at a bounded sample, says so, and estimates the rest', async () => {
    await server.cli('DEBUG', 'POPULATE', '4000', 'rlflx')
    const { nodes, groups } = await live(server.url, '--sample', '600')
    expect(nodes).toMatchObject([{ keys: 4000, sampled: 600, isWhole: false }])
    expect(groups).toMatchObject([{ system: 'rate-limiter-flexible', sampled: 600, estimated: 4000 }])
    const { stdout } = await runHere(['compat', 'live', '--redis', server.url, '--sample', '600'])
    expect(stdout).toMatch(/4,000 keys, 600 looked at, the rest estimated/)
    expect(stdout).toMatch(/~ 4,000/)
  })

  test('only reads', async () => {
    await count(server.url, 3)
    const before = await server.cli('DEBUG', 'DIGEST')
    await server.cli('CONFIG', 'RESETSTAT')
    await live(server.url)
    expect(before).toMatch(/^[0-9a-f]{40}$/)
    expect(await server.cli('DEBUG', 'DIGEST')).toBe(before)
    const commands = (await writes()).map(line => line.split(' ')[0])
    for (const command of commands) {
      expect(command).toMatch(
        /^(scan|type|pttl|get|dbsize|script\|exists|function\|list|hello|info|client.*|select|quit|debug|config.*|command.*)$/,
      )
    }
  })

  test('finds libraries of functions', async () => {
    await count({ url: server.url, scripts: 'functions' }, 1)
    expect((await live(server.url)).libraries).toMatchObject([{ name: expect.stringMatching(/^sluice_\d/) }])
  })

  test('shows a damaged agreement, and goes on without what the user may not ask', async () => {
    await server.cli('SET', 'shop:sl1:meta', 'hello')
    await server.cli('ACL', 'SETUSER', 'app', 'on', '>pw', '~*', '+@all', '-function', '-script')
    const report = await live(`redis://app:pw@127.0.0.1:${server.port}`)
    expect(report.agreements).toMatchObject([
      { key: 'shop:sl1:meta', problem: expect.stringMatching(/holds 'hello'/) },
    ])
    expect(report.notAllowed).toEqual(['SCRIPT EXISTS', 'FUNCTION LIST'])
  })

  test('asks for a store, and says when it cannot be reached', async () => {
    expect(await runHere(['compat', 'live'])).toMatchObject({ code: 2 })
    expect(await runHere(['compat', 'live', '--store', 'redis://127.0.0.1:1'])).toMatchObject({
      code: 3,
      stdout: '',
    })
  })

  test('looks at every master of a cluster', async () => {
    const cluster = await startRedisCluster()
    closers.push(() => cluster.stop())
    const store = `redis+cluster://127.0.0.1:${cluster.nodes[0]?.port}`
    await count(store, 60)
    const { nodes, groups, agreements, scripts } = await live(store)
    expect(nodes).toHaveLength(3)
    expect(groups[0]).toMatchObject({ name: 'perUser', estimated: 60 })
    expect(agreements).toMatchObject([{ meta: { shards: 32 } }])
    expect(scripts[0]?.nodes).toHaveLength(3)
  })
})
