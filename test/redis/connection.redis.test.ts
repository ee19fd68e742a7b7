import { Redis } from 'ioredis'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Status } from '../../src/core/step.js'
import { createRedisEngine, type RedisEngine } from '../../src/engine/redis-engine.js'
import { createKeyBuilder } from '../../src/keys.js'
import { consume, hourly } from '../support/checks.js'
import { type RedisServer, startRedis } from '../support/redis-server.js'
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js'

const LIMIT = hourly(10)
/** A port that nothing listens on: TCPMUX is on no machine. */
const NOBODY = 1

let server: RedisServer
const closers: (() => Promise<unknown>)[] = []

beforeEach(async () => {
  server = await startRedis()
})

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
  await server.stop()
})

function engineOf(options: Parameters<typeof createRedisEngine>[0]): RedisEngine {
  const engine = createRedisEngine(options)
  closers.push(() => engine.close())
  return engine
}

async function proxyOf(port: number): Promise<TcpProxy> {
  const proxy = await startTcpProxy(port)
  closers.push(() => proxy.close())
  return proxy
}

/** Keys of limits; the one that limiters agree by is none. */
async function counters(database = 0): Promise<number> {
  const keys = await server.cli('-n', String(database), 'KEYS', '*sl1:{*')
  return keys.split('\n').filter(Boolean).length
}

const ask = (engine: RedisEngine, subject = 'u1') => engine.decide([consume(LIMIT, subject)])

/** How often scripts were called on this server, by digest and by source. */
async function scriptCalls(): Promise<number> {
  const stats = await server.cli('INFO', 'commandstats')
  return [...stats.matchAll(/cmdstat_eval(?:sha)?:calls=(\d+)/g)].reduce(
    (sum, [, calls]) => sum + Number(calls),
    0,
  )
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise(resolve => setTimeout(resolve, 5))
}

describe('where Redis is', () => {
  test('what is asked before the connection is ready waits for it', async () => {
    expect((await ask(engineOf({ store: server.url }))).checks[0]?.remaining).toBe(9)
  })

  test('may be said by a Unix socket and a database', async () => {
    await ask(engineOf({ store: `${server.socketPath}?db=2` }))
    expect(await counters(2)).toBe(1)
    expect(await counters()).toBe(0)
  })

  test('may be said by a URL with a database, a user and a password', async () => {
    await server.cli('ACL', 'SETUSER', 'sluice', 'on', '>p@ss', '~app:*', '+@all')
    const engine = engineOf({ store: `redis://sluice:p%40ss@127.0.0.1:${server.port}/3`, prefix: 'app' })
    await engine.ready()
    await ask(engine)
    expect(await counters(3)).toBe(1)
  })
})

describe('a client of the user', () => {
  test('gives its address, database and key prefix, and stays as it was', async () => {
    const own = new Redis(server.port, { db: 4, keyPrefix: 'shop:' })
    closers.push(() => own.quit())
    const before = { ...own.options }
    const engine = createRedisEngine({ store: own })
    await ask(engine)
    await engine.close()
    expect(await server.cli('-n', '4', 'KEYS', '*')).toMatch(/^shop:sl1:/)
    expect(own.options).toEqual(before)
    expect(await own.set('still', 'open')).toBe('OK')
  })

  test('may resend and queue what it likes: the connection of the limiter does not', async () => {
    const own = new Redis(server.port, {
      lazyConnect: true,
      reconnectOnError: () => 2,
      maxRetriesPerRequest: null,
    })
    closers.push(async () => own.disconnect())
    const engine = engineOf({ store: own })
    await ask(engine)
    await server.cli('REPLICAOF', '127.0.0.1', '1')
    await expect(ask(engine)).rejects.toMatchObject({ code: 'ERR_SLUICE_READ_ONLY' })
  })
})

describe('a connection that ends', () => {
  test('rejects what is under way as unknown, never sends it again, and comes back', async () => {
    const proxy = await proxyOf(server.port)
    const engine = engineOf({ store: proxy.url })
    await engine.ready()
    const before = await scriptCalls()
    proxy.holdReplies()
    const outcomes = ['a', 'b', 'c'].map(subject => ask(engine, subject))
    await until(async () => (await scriptCalls()) === before + 1)
    proxy.killConnections()
    for (const outcome of outcomes) {
      await expect(outcome).rejects.toMatchObject({ code: 'ERR_SLUICE_CONNECTION_LOST' })
    }
    proxy.releaseReplies()
    await until(async () =>
      ask(engine, 'after').then(
        () => true,
        () => false,
      ),
    )
    expect(await scriptCalls()).toBe(before + 2)
    // The server had executed what nobody heard of: a second time would be 8.
    expect((await ask(engine, 'a')).checks[0]?.remaining).toBe(8)
  })

  test('refuses at once, and says that nothing was charged, until it is back', async () => {
    const proxy = await proxyOf(server.port)
    const engine = engineOf({ store: proxy.url })
    await ask(engine)
    await proxy.close()
    await until(async () =>
      ask(engine).then(
        () => false,
        error => error.code === 'ERR_SLUICE_STORE_UNAVAILABLE',
      ),
    )
    await expect(ask(engine)).rejects.toThrow(/cannot be reached.*nothing was charged/)
    await expect(engine.ready()).rejects.toMatchObject({ code: 'ERR_SLUICE_STORE_UNAVAILABLE' })
  })

  test('finds a server that was restarted without its scripts', async () => {
    const engine = engineOf({ store: server.url })
    await ask(engine)
    await server.stop()
    server = await startRedis({ port: server.port })
    await until(async () =>
      ask(engine).then(
        () => true,
        () => false,
      ),
    )
    await engine.ready()
    expect((await ask(engine)).checks[0]?.remaining).toBe(8)
  })
})

describe('a server that cannot be reached', () => {
  test('rejects what waits with the reason, and never shows the password', async () => {
    const engine = engineOf({ store: `redis://user:secret@127.0.0.1:${NOBODY}` })
    const error: unknown = await ask(engine).catch(reason => reason)
    expect(error).toMatchObject({ code: 'ERR_SLUICE_STORE_UNAVAILABLE' })
    expect(String(error)).toContain(`127.0.0.1:${NOBODY}`)
    expect(String(error)).toContain('ECONNREFUSED')
    expect(String(error)).not.toContain('secret')
  })

  test('because the password is wrong says so', async () => {
    await server.cli('CONFIG', 'SET', 'requirepass', 'right')
    const engine = engineOf({ store: `redis://:wrong@127.0.0.1:${server.port}` })
    await expect(engine.ready()).rejects.toMatchObject({
      code: 'ERR_SLUICE_STORE_UNAVAILABLE',
      message: expect.stringContaining('WRONGPASS'),
    })
  })

  test('can be closed while it is looked for', async () => {
    const engine = engineOf({ store: `redis://127.0.0.1:${NOBODY}` })
    const outcome = ask(engine)
    await Promise.all([
      engine.close(),
      expect(outcome).rejects.toMatchObject({ code: expect.stringMatching(/CLOSED|UNAVAILABLE/) }),
    ])
  })
})

describe('a server that refuses', () => {
  test.each<[string, string, string[][]]>([
    [
      'to write beyond its memory',
      'ERR_SLUICE_OUT_OF_MEMORY',
      [
        ['CONFIG', 'SET', 'maxmemory-policy', 'noeviction'],
        ['CONFIG', 'SET', 'maxmemory', '1'],
      ],
    ],
    ['to write as a replica', 'ERR_SLUICE_READ_ONLY', [['REPLICAOF', '127.0.0.1', '1']]],
    ['to write without replicas', 'ERR_SLUICE_READ_ONLY', [['CONFIG', 'SET', 'min-replicas-to-write', '1']]],
    ['scripts to this user', 'ERR_SLUICE_SCRIPTING', [['ACL', 'SETUSER', 'default', '-@scripting']]],
  ])('%s: each check is told by its kind, and nothing is charged', async (_, code, commands) => {
    const engine = engineOf({ store: server.url })
    await engine.ready()
    for (const command of commands) await server.cli(...command)
    const outcomes = await Promise.allSettled([ask(engine, 'a'), ask(engine, 'b')])
    for (const outcome of outcomes) expect(outcome).toMatchObject({ status: 'rejected', reason: { code } })
    expect(await counters()).toBe(0)
  })

  test('to load scripts beforehand still decides by EVAL', async () => {
    await server.cli('ACL', 'SETUSER', 'default', '-script')
    const engine = engineOf({ store: server.url })
    await engine.ready()
    expect((await ask(engine)).checks[0]?.status).toBe(Status.allowed)
  })
})

describe('closing', () => {
  test('lets what is under way finish, may be called twice, and leaves no connection', async () => {
    const engine = createRedisEngine({ store: server.url })
    await engine.ready()
    const outcome = ask(engine)
    await Promise.all([engine.close(), engine.close()])
    expect((await outcome).checks[0]?.granted).toBe(1)
    await expect(ask(engine)).rejects.toMatchObject({ code: 'ERR_SLUICE_CLOSED' })
    await until(async () => (await server.cli('INFO', 'clients')).includes('connected_clients:1\r'))
  })
})

describe('looking at keys', () => {
  test('tells type, remaining life and content, and changes nothing', async () => {
    const engine = engineOf({ store: server.url })
    const { nowUs } = await ask(engine)
    const key = createKeyBuilder()(LIMIT, 'u1')
    await server.cli('ZADD', 'set', '1.5', 'first', '2', 'second')
    const inspection = await engine.inspect([key, 'set', 'absent'])
    expect(inspection.nowUs).toBeGreaterThanOrEqual(nowUs)
    expect(inspection.keys).toMatchObject([
      { key, type: 'string', members: [] },
      { key: 'set', type: 'zset', ttlMs: undefined },
      { key: 'absent', type: 'none', ttlMs: undefined, members: [] },
    ])
    const [state, set, absent] = inspection.keys
    expect(absent?.bytes).toHaveLength(0)
    expect(Buffer.from(state?.bytes ?? []).readDoubleLE(16)).toBe(1)
    expect(state?.ttlMs).toBeGreaterThan(3_590_000)
    expect(set?.members.map(({ member, score }) => [Buffer.from(member).toString(), score])).toEqual([
      ['first', 1.5],
      ['second', 2],
    ])
  })
})

test('an engine with a clock of its own decides by it', async () => {
  let nowUs = 1_700_000_000_000_000
  const engine = engineOf({ store: server.url, clock: { nowUs: () => nowUs } })
  const first = engine.decide([consume(LIMIT, 'u1', 10)])
  nowUs += 3_600_000_000
  const second = engine.decide([consume(LIMIT, 'u1', 10)])
  expect((await first).nowUs).toBe(nowUs - 3_600_000_000)
  expect(await second).toMatchObject({ nowUs, checks: [{ status: Status.allowed, granted: 10 }] })
})
