import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { NEEDED_COMMANDS } from '../support/needed-commands.js'
import { type RedisServer, type StartRedisOptions, startRedis } from '../support/redis-server.js'
import { makeCertificates } from '../support/tls-certificates.js'
import { runCli, runHere } from './run-cli.js'

let server: RedisServer
let folder: string
/** Addresses of servers that limits cannot be kept on, by what is odd about them. */
const odd = new Map<string, string>()
const closers: (() => unknown)[] = []

async function start(options: StartRedisOptions = {}): Promise<RedisServer> {
  const started = await startRedis(options)
  closers.push(() => started.stop())
  return started
}

beforeAll(async () => {
  server = await start()
  folder = await mkdtemp(join(tmpdir(), 'sluice-odd-'))
  closers.push(() => rm(folder, { recursive: true }))
  writeFileSync(join(folder, 'limiters.json'), '{ "login": { "points": 5, "duration": 900 } }')

  odd.set('nothing listens', 'redis://127.0.0.1:1')
  odd.set('no such host', 'redis://no-such-host.invalid')
  odd.set('no cluster', `redis+cluster://127.0.0.1:${server.port}`)
  odd.set('no Sentinel', `redis+sentinel://127.0.0.1:${server.port}/main`)
  odd.set('no TLS', `rediss://127.0.0.1:${server.port}`)
  odd.set('a replica', (await start({ args: ['--replicaof', '127.0.0.1', String(server.port)] })).url)
  odd.set('one node of a cluster', (await start({ cluster: true })).url)
  const secret = await start()
  await secret.cli('CONFIG', 'SET', 'requirepass', 'secret')
  odd.set('no password', secret.url)
  odd.set('another password', `redis://:gue%73s@127.0.0.1:${secret.port}`)
  const certificates = await makeCertificates()
  closers.push(() => certificates.remove())
  const encrypted = await start({ tls: port => certificates.serverArgs(port, 'do not ask') })
  odd.set('TLS without saying so', `redis://127.0.0.1:${encrypted.tlsPort}`)
  odd.set('an authority that is not known', `rediss://127.0.0.1:${encrypted.tlsPort}`)
  const web = createServer((_, response) => response.end('hello')).listen(0, '127.0.0.1')
  await once(web, 'listening')
  closers.push(() => web.close())
  odd.set('a web server', `redis://127.0.0.1:${(web.address() as AddressInfo).port}`)
})

afterAll(async () => {
  for (const close of closers.reverse()) await close()
})

const commands = () => [
  ['meta'],
  ['meta', '--set-shards', '64'],
  ['compat', 'live'],
  migration(),
  [...migration(), '--apply'],
]
const migration = () => [
  ...['migrate', '--from', 'rate-limiter-flexible', '--to', 'sluice', '--settle', '1ms'],
  ...['--limiters', join(folder, 'limiters.json')],
]

describe('a store that cannot be asked is told in one line, with the way out, by every command', () => {
  test.each<[string, RegExp, number?]>([
    ['nothing listens', /127\.0\.0\.1:1 .*nothing listens there: check host and port/],
    ['no such host', /no-such-host\.invalid.*check the host/],
    ['no cluster', /it is no node of a cluster: write redis:\/\//],
    ['no Sentinel', /unknown command 'sentinel'/],
    ['no TLS', /if the port speaks none, write redis:\/\/ instead of rediss:\/\//],
    ['TLS without saying so', /if the port speaks TLS, write rediss:\/\//],
    ['an authority that is not known', /give it as tls\.ca/],
    ['no password', /it asks for a password: write redis:\/\/user:password@…/],
    ['another password', /check user and password/],
    ['a replica', /is a read-only replica; .*point the store at the primary/],
    ['one node of a cluster', /holds only some of the keys; write redis\+cluster:\/\//, 2],
    ['a web server', /cannot be reached: /],
  ])('%s', async (name, message, code = 3) => {
    const store = odd.get(name) as string
    const ends = await Promise.all(commands().map(args => runHere([...args, '--store', store])))
    for (const end of ends) {
      expect(end).toMatchObject({ code, stdout: '' })
      expect(end.stderr).toMatch(/^error: .+\n$/)
      expect(end.stderr).toMatch(message)
      expect(end.stderr).not.toMatch(/gue%73s|guess/)
    }
    const { code: doctor, stdout } = await runHere(['doctor', '--json', '--store', store])
    expect(doctor).toBe(3)
    expect(JSON.parse(stdout)).toMatchObject({
      healthy: false,
      findings: [{ check: 'connection', status: 'failed', found: expect.stringMatching(message) }],
    })
  })
})

describe('a user of the server', () => {
  const as = async (name: string, ...rules: string[]) => {
    await server.cli('ACL', 'SETUSER', name, 'reset', 'on', '>pw', ...rules)
    return `redis://${name}:pw@127.0.0.1:${server.port}`
  }
  const doctor = async (store: string) => {
    const { code, stdout } = await runHere(['doctor', '--json', '--store', store])
    const { findings } = JSON.parse(stdout) as { findings: readonly { check: string; status: string }[] }
    return { code, of: (check: string) => findings.find(finding => finding.check === check) }
  }

  test('with the rights that the documents name is healthy', async () => {
    const store = await as('app', '~sl1:*', '-@all', ...NEEDED_COMMANDS)
    const { code, of } = await doctor(store)
    expect(code).toBe(0)
    expect(of('latency')).toMatchObject({ found: expect.stringMatching(/a round trip/) })
    expect(of('trial')).toMatchObject({ status: 'ok' })
    await as('app', '~sl1:*', '-@all', ...NEEDED_COMMANDS, '+acl|whoami', '+acl|dryrun')
    expect((await doctor(store)).of('rights')).toMatchObject({ status: 'ok' })
  })

  test('reads nothing of the libraries beneath', async () => {
    const store = await as('app', '~sl1:*', '-@all', ...NEEDED_COMMANDS)
    const { code, stderr } = await runCli(['doctor', '--store', store])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  })

  test('is told the rules that it lacks, for commands and for keys', async () => {
    const store = await as('app', '~other:*', '+@all', '-incrby', '-mget')
    const { code, of } = await doctor(store)
    expect(code).toBe(1)
    expect(of('rights')).toMatchObject({
      found: "user 'app' may not run MGET, INCRBY, nor use the keys 'sl1:*'",
      advice: 'ACL SETUSER app +mget +incrby ~sl1:*; docs/stores.md has all that it needs',
    })
  })

  test('who may not run scripts is told so, also by a migration', async () => {
    const store = await as('few', '~*', '+@all', '-@scripting')
    expect((await doctor(store)).of('trial')).toMatchObject({
      status: 'failed',
      found: expect.stringMatching(/NOPERM .*the user needs EVALSHA/),
    })
    await server.cli('SET', 'rlflx:ann', '3', 'PX', '800000')
    expect(await runHere([...migration(), '--store', store])).toMatchObject({
      code: 3,
      stdout: '',
      stderr: expect.stringMatching(/could not run a script: NOPERM/),
    })
  })

  test('who may not look through the keys is told so', async () => {
    const store = await as('app', '~*', '+@all', '-scan')
    for (const command of [['compat', 'live'], migration()]) {
      expect(await runHere([...command, '--store', store])).toMatchObject({
        code: 3,
        stderr: expect.stringMatching(/does not let this user run SCAN/),
      })
    }
  })

  test('who may not use keys of others sees that there are some', async () => {
    const store = await as('app', '~sl1:*', '+@all')
    await server.cli('SET', 'invoice:1', 'x')
    const { code, stdout } = await runHere(['compat', 'live', '--json', '--store', store])
    expect(code).toBe(0)
    const { others, notAllowed } = JSON.parse(stdout)
    expect(others).toBeGreaterThan(0)
    expect(notAllowed).toEqual([expect.stringMatching(/^TYPE on \d+ of the keys$/)])
  })
})
