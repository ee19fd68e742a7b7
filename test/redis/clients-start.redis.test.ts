import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createRedisEngine } from '../../src/engine/redis-engine.js'
import { createLimiter } from '../../src/limiter.js'
import { consume, hourly } from '../support/checks.js'
import { CLIENT_KINDS, STORE_KINDS, type StoreKind } from '../support/clients.js'
import { NEEDED_COMMANDS } from '../support/needed-commands.js'
import { type RedisServer, startRedis } from '../support/redis-server.js'

/** A port that nothing listens on: TCPMUX is on no machine. */
const NOBODY = 1

let server: RedisServer
let replica: RedisServer
let node: RedisServer
let full: RedisServer

beforeAll(async () => {
  server = await startRedis({ args: ['--databases', '4', '--requirepass', 'right'] })
  replica = await startRedis({ args: ['--replicaof', '127.0.0.1', String(NOBODY)] })
  node = await startRedis({ cluster: true })
  full = await startRedis({ args: ['--maxmemory', '1', '--maxmemory-policy', 'noeviction'] })
  const cli = (...args: string[]) => server.cli('-a', 'right', '--no-auth-warning', ...args)
  const user = (name: string, ...rules: string[]) => cli('ACL', 'SETUSER', name, 'on', '>right', ...rules)
  await user('no-scripts', '~*', '+@all', '-@scripting')
  await user('no-eval', '~*', '+@all', '-script', '-evalsha')
  await user('no-evalsha', '~*', '+@all', '-evalsha')
  await user('other-keys', '~other:*', '+@all')
  await user('no-select', '~*', '+@all', '-select')
  await user('few', '~sl1:*', '-@all', ...NEEDED_COMMANDS)
})
afterAll(async () => {
  for (const started of [server, replica, node, full]) await started.stop()
})

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

/** What `ready()` and a check say: both have to tell the same. */
async function failuresOf(store: ReturnType<StoreKind['store']>): Promise<Error[]> {
  const engine = createRedisEngine({ store })
  closers.push(() => engine.close())
  const outcomes = await Promise.allSettled([engine.ready(), engine.decide([consume(hourly(10), 'u1')])])
  outcomes.push(...(await Promise.allSettled([engine.decide([consume(hourly(10), 'u1')])])))
  return outcomes.map(outcome =>
    outcome.status === 'rejected' ? outcome.reason : new Error('nothing was wrong'),
  )
}

const UNAVAILABLE = 'ERR_SLUICE_STORE_UNAVAILABLE'
type Wanted = Parameters<StoreKind['store']>[0]

/** What speaks first, and is no Redis. */
const mail = createServer(socket => socket.on('error', () => {}).write('220 mail.example ESMTP\r\n'))
beforeAll(() => once(mail.listen(0, '127.0.0.1'), 'listening'))
afterAll(() => mail.close())

describe.each(STORE_KINDS)('by $name', ({ store }) => {
  test.each<[string, string, string | RegExp, () => Wanted]>([
    ['nothing listens', UNAVAILABLE, /ECONNREFUSED.*nothing listens there/, () => ({ port: NOBODY })],
    ['the name is unknown', UNAVAILABLE, /this name/, () => ({ port: NOBODY, host: 'absent.invalid' })],
    [
      'another service listens',
      UNAVAILABLE,
      /does not speak as Redis does: check host and port/,
      () => ({ port: (mail.address() as AddressInfo).port }),
    ],
    ['there is no socket', UNAVAILABLE, /no such socket/, () => ({ port: 0, path: '/absent/redis.sock' })],
    ['a password is needed', UNAVAILABLE, /NOAUTH.*asks for a password/, () => ({ port: server.port })],
    [
      'the password is wrong',
      UNAVAILABLE,
      /WRONGPASS.*check user and password/,
      () => ({ port: server.port, password: 'not-it' }),
    ],
    [
      'the user is unknown',
      UNAVAILABLE,
      /WRONGPASS/,
      () => ({ port: server.port, username: 'nobody', password: 'right' }),
    ],
    [
      'the database does not exist',
      UNAVAILABLE,
      /out of range.*no such database/,
      () => ({ port: server.port, password: 'right', database: 4 }),
    ],
    [
      'the user may not choose a database',
      UNAVAILABLE,
      /NOPERM/,
      () => ({ port: server.port, username: 'no-select', password: 'right', database: 1 }),
    ],
    [
      'the user may run no scripts',
      'ERR_SLUICE_SCRIPTING',
      /NOPERM.*the user needs EVALSHA/,
      () => ({ port: server.port, username: 'no-scripts', password: 'right' }),
    ],
    [
      'the user may not call a script that is loaded',
      'ERR_SLUICE_SCRIPTING',
      /NOPERM.*the user needs EVALSHA/,
      () => ({ port: server.port, username: 'no-eval', password: 'right' }),
    ],
    [
      'the user may load a script, and not call it',
      'ERR_SLUICE_SCRIPTING',
      /NOPERM.*the user needs EVALSHA/,
      () => ({ port: server.port, username: 'no-evalsha', password: 'right' }),
    ],
    [
      'the user may not touch these keys',
      'ERR_SLUICE_PERMISSION',
      /NOPERM/,
      () => ({ port: server.port, username: 'other-keys', password: 'right' }),
    ],
    [
      'it is a replica',
      'ERR_SLUICE_READ_ONLY',
      /point the store at the primary/,
      () => ({ port: replica.port }),
    ],
    [
      'its memory is full',
      'ERR_SLUICE_OUT_OF_MEMORY',
      /maxmemory.*nothing was charged; raise maxmemory/,
      () => ({ port: full.port }),
    ],
    [
      'it is a node of a cluster',
      'ERR_SLUICE_OPTION',
      /write redis\+cluster:\/\//,
      () => ({ port: node.port }),
    ],
  ])('%s: told at start, and by every check', async (_, code, message, wanted) => {
    for (const failure of await failuresOf(store(wanted()))) {
      expect(failure).toMatchObject({ code, message: expect.stringMatching(message) })
      expect(failure.message).not.toMatch(/\bright\b|not-it/)
    }
  })
})

test('a user who may do only what is needed can use every algorithm', async () => {
  const limiter = createLimiter({
    store: `redis://few:right@127.0.0.1:${server.port}`,
    policies: {
      gcra: '100/m',
      bucket: { algorithm: 'token_bucket', limit: 100, window: '1m' },
      fixed: { algorithm: 'fixed_window', limit: 100, window: '1m' },
      log: { algorithm: 'sliding_window', limit: 100, window: '1m' },
      counter: { algorithm: 'sliding_counter', limit: 100, window: '1m' },
      month: { algorithm: 'quota', limit: 100, period: 'month' },
      held: { algorithm: 'concurrency', limit: 2, lease: '1m' },
    },
  })
  closers.push(() => limiter.close())
  await limiter.ready()
  for (const policy of ['gcra', 'bucket', 'fixed', 'log', 'counter', 'month'] as const) {
    const decision = await limiter.check(policy, 'ada', { cost: 3 })
    expect(decision.allowed).toBe(true)
    if (decision.receipt !== undefined) await limiter.refund(decision.receipt)
    expect((await limiter.check(policy, 'ada')).allowed).toBe(true)
    await limiter.reset(policy, 'ada')
  }
  const lease = await limiter.acquire('held', 'ada')
  await limiter.explain('ada')
  if (lease.acquired) await lease.release()
})

test('a standalone server that is given as a cluster is told', async () => {
  for (const failure of await failuresOf(`redis+cluster://127.0.0.1:${server.port}`)) {
    expect(failure.message).toMatch(/NOAUTH/)
  }
  for (const failure of await failuresOf(`redis+cluster://:right@127.0.0.1:${server.port}`)) {
    expect(failure.message).toMatch(/redis:\/\//)
  }
})

describe('a client', () => {
  test.each(CLIENT_KINDS)(
    'whose copies keep commands is refused, unless that is allowed: $name',
    ({ store }) => {
      const client = store({ port: server.port, password: 'right' }) as object
      // One that was made to answer with copies of its own settings.
      const stubborn = Object.create(client, {
        duplicate: {
          value: () => (store as (wanted: object) => object)({ port: server.port, password: 'right' }),
        },
      })
      expect(() => createRedisEngine({ store: stubborn })).toThrow(/charged late or twice.*allowReplay: true/)
      const engine = createRedisEngine({ store: { client: stubborn, allowReplay: true } })
      closers.push(() => engine.close())
    },
  )

  test('of no known kind is refused', () => {
    const unknown = { sendCommand: () => Promise.resolve() }
    expect(() => createRedisEngine({ store: unknown })).toThrow(/no client that Sluice knows; give/)
  })
})
