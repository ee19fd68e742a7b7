import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  createRedisEngine,
  type RedisEngine,
  type RedisEngineOptions,
} from '../../src/engine/redis-engine.js'
import { MetaDamagedError, MetaMismatchError } from '../../src/errors.js'
import { createLimiter } from '../../src/limiter.js'
import { consume, hourly } from '../support/checks.js'
import { type RedisServer, startRedis } from '../support/redis-server.js'

const LIMIT = hourly(10)
const META = 'sl1:meta'

let server: RedisServer
const closers: (() => Promise<unknown>)[] = []

beforeEach(async () => {
  server = await startRedis()
})

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
  await server.stop()
})

function engineOf(options: Partial<RedisEngineOptions> = {}): RedisEngine {
  const engine = createRedisEngine({ store: server.url, ...options })
  closers.push(() => engine.close())
  return engine
}

const ask = (engine: RedisEngine, subject = 'u1') => engine.decide([consume(LIMIT, subject)])
const keys = async () => (await server.cli('KEYS', '*')).split('\n').filter(Boolean).sort()

/** How often a command was received, from clients and scripts alike. */
async function calls(command: string): Promise<number> {
  const stats = await server.cli('INFO', 'commandstats')
  return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0)
}

describe('what limiters on the same keys agree on', () => {
  test('is written by the first one, without an end', async () => {
    await ask(engineOf())
    expect(await server.cli('GET', META)).toBe('{"stateVersion":1,"shards":32}')
    expect(await server.cli('PTTL', META)).toBe('-1')
  })

  test('stands under the prefix, for each prefix its own', async () => {
    await ask(engineOf({ prefix: 'shop', shards: 4 }))
    await ask(engineOf({ prefix: 'blog', shards: 8 }))
    expect(await server.cli('GET', `shop:${META}`)).toBe('{"stateVersion":1,"shards":4}')
    expect(await server.cli('GET', `blog:${META}`)).toBe('{"stateVersion":1,"shards":8}')
  })

  test('is compared before the first check, and never again on this connection', async () => {
    const engine = engineOf()
    await Promise.all([ask(engine, 'a'), ask(engine, 'b'), ask(engine, 'c')])
    const reads = await calls('get')
    for (let i = 0; i < 5; i++) await ask(engine, 'a')
    expect(await calls('get')).toBe(reads)
  })

  test('is not needed to create a limiter, nor is a server', async () => {
    const engine = createRedisEngine({ store: 'redis://127.0.0.1:1' })
    await engine.close()
  })

  test('may hold fields of a later release', async () => {
    await server.cli('SET', META, '{"stateVersion":1,"shards":32,"region":"eu"}')
    expect((await ask(engineOf())).checks[0]?.granted).toBe(1)
  })

  test('is written by one of many that come at once', async () => {
    const engines = Array.from({ length: 8 }, (_, index) => engineOf({ shards: index < 4 ? 64 : 16 }))
    const asked = await Promise.allSettled(engines.map(engine => ask(engine)))
    expect(asked.filter(({ status }) => status === 'fulfilled')).toHaveLength(4)
    expect((await keys()).filter(key => key !== META)).toHaveLength(1)
  })

  test('is not written for keys that nobody shares, nor by looking at keys', async () => {
    await ask(engineOf({ prefix: 'own', shared: false }))
    await engineOf().inspect(['sl1:{5b}:perUser:gcra:alice'])
    expect((await keys()).filter(key => key.endsWith(META))).toEqual([])
  })
})

describe('a limiter that disagrees', () => {
  test('refuses every call, names both values and the way out, and writes nothing', async () => {
    await ask(engineOf({ shards: 64 }))
    const before = await keys()
    const other = engineOf()
    for (let i = 0; i < 3; i++) {
      const refused = ask(other, `u${i}`)
      await expect(refused).rejects.toBeInstanceOf(MetaMismatchError)
      await expect(refused).rejects.toMatchObject({
        code: 'ERR_SLUICE_META_MISMATCH',
        key: META,
        own: { stateVersion: 1, shards: 32 },
        stored: { stateVersion: 1, shards: 64 },
        message: expect.stringMatching(/64 shards.*32.*sluice meta --set-shards 32/),
      })
    }
    expect(await keys()).toEqual(before)
    await expect(other.ready()).rejects.toBeInstanceOf(MetaMismatchError)
  })

  test('is told of another version of the states', async () => {
    await server.cli('SET', META, '{"stateVersion":2,"shards":32}')
    await expect(ask(engineOf())).rejects.toThrow(/states of version 2.*this release writes version 1/)
  })

  test('says so at the public API, too', async () => {
    await ask(engineOf({ shards: 64 }))
    const limiter = createLimiter({ store: server.url, policies: { perUser: '5/m' } })
    closers.push(() => limiter.close())
    await expect(limiter.ready()).rejects.toBeInstanceOf(MetaMismatchError)
    // No outage: nothing decides in its place, however often it is asked.
    for (let i = 0; i < 8; i++) {
      await expect(limiter.check('perUser', 'alice')).rejects.toBeInstanceOf(MetaMismatchError)
    }
  })

  test('goes on by itself once the store was changed', async () => {
    await server.cli('SET', META, '{"stateVersion":1,"shards":64}')
    const engine = engineOf()
    await expect(ask(engine)).rejects.toBeInstanceOf(MetaMismatchError)
    await server.cli('SET', META, '{"stateVersion":1,"shards":32}')
    expect((await ask(engine)).checks[0]?.granted).toBe(1)
  })

  test('is found on the next connection, where the agreement changed meanwhile', async () => {
    const engine = engineOf()
    await ask(engine)
    await server.cli('SET', META, '{"stateVersion":1,"shards":64}')
    await server.cli('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
    let refused: unknown
    while (!(refused instanceof MetaMismatchError)) {
      refused = await ask(engine).catch((error: unknown) => error)
      await new Promise(resolve => setTimeout(resolve, 5))
    }
  })

  test.each(['hello', '', '{}', 'null', '{"stateVersion":"1","shards":32}', '{"stateVersion":1,"shards":0}'])(
    'cannot agree on %j',
    async text => {
      await server.cli('SET', META, text)
      const refused = ask(engineOf())
      await expect(refused).rejects.toBeInstanceOf(MetaDamagedError)
      await expect(refused).rejects.toThrow(/sl1:meta.*prefix of its own.*sluice meta --set-shards N --force/)
      expect(await server.cli('GET', META)).toBe(text)
    },
  )

  test('cannot agree on a key of another type', async () => {
    await server.cli('HSET', META, 'shards', '32')
    await expect(ask(engineOf())).rejects.toThrow(/holds a value of another type/)
    expect(await keys()).toEqual([META])
  })
})

describe('a store that does not let it agree', () => {
  test('because the user may not read the key', async () => {
    await server.cli('ACL', 'SETUSER', 'app', 'on', '>pw', '~sl1:{*', '+@all')
    const refused = ask(engineOf({ store: `redis://app:pw@127.0.0.1:${server.port}` }))
    await expect(refused).rejects.toMatchObject({ code: 'ERR_SLUICE_PERMISSION' })
    await expect(refused).rejects.toThrow(/'sl1:meta'.*NOPERM.*allow GET and SET/)
  })

  test('because it is full, and has not agreed before', async () => {
    await server.cli('CONFIG', 'SET', 'maxmemory', '1')
    await expect(ask(engineOf())).rejects.toMatchObject({ code: 'ERR_SLUICE_OUT_OF_MEMORY' })
  })

  test('yet a full server still answers what writes nothing, once agreed', async () => {
    const one = hourly(1)
    await engineOf().decide([consume(one, 'u1')])
    await server.cli('CONFIG', 'SET', 'maxmemory', '1')
    const outcome = await engineOf().decide([consume(one, 'u1')])
    expect(outcome.checks[0]?.status).toBe(0)
  })

  test('because it is a replica', async () => {
    await server.cli('CONFIG', 'SET', 'repl-diskless-sync-delay', '0')
    const replica = await startRedis({ args: ['--replicaof', '127.0.0.1', String(server.port)] })
    closers.push(() => replica.stop())
    while (!(await replica.cli('INFO', 'replication')).includes('master_link_status:up')) {
      await new Promise(resolve => setTimeout(resolve, 20))
    }
    await expect(ask(engineOf({ store: replica.url }))).rejects.toMatchObject({
      code: 'ERR_SLUICE_READ_ONLY',
    })
  })

  test('because it is gone', async () => {
    await expect(ask(engineOf({ store: 'redis://127.0.0.1:1' }))).rejects.toMatchObject({
      code: 'ERR_SLUICE_STORE_UNAVAILABLE',
    })
  })
})
