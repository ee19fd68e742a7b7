import { readFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Status } from '../../src/core/step.js'
import {
  createRedisEngine,
  type RedisEngine,
  type RedisEngineOptions,
} from '../../src/engine/redis-engine.js'
import { createKeyBuilder } from '../../src/keys.js'
import { createLimiter } from '../../src/limiter.js'
import { loadScripts } from '../../src/redis/scripts.js'
import { consume, hourly } from '../support/checks.js'
import { type RedisServer, startRedis } from '../support/redis-server.js'

const LIMIT = hourly(10)
const LIBRARY = readFileSync(new URL('../../lua/dist/functions.lua', import.meta.url), 'utf8')
const NAME = loadScripts('functions').decide.asFunction?.library.name as string

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
  const engine = createRedisEngine({ store: { url: server.url, scripts: 'functions' }, ...options })
  closers.push(() => engine.close())
  return engine
}

const userUrl = () => `redis://app:pw@127.0.0.1:${server.port}`
const ask = (engine: RedisEngine, subject = 'u1') => engine.decide([consume(LIMIT, subject)])
const granted = async (engine: RedisEngine) => (await ask(engine)).checks[0]?.granted

async function calls(command: string): Promise<number> {
  const stats = await server.cli('INFO', 'commandstats')
  return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0)
}

describe('the library of functions', () => {
  test('is named after its release, and so are its functions', async () => {
    await engineOf().ready()
    const listed = await server.cli('FUNCTION', 'LIST')
    expect(NAME).toMatch(/^sluice_\d+_\d+_\d+/)
    expect(listed).toContain(NAME)
    for (const name of [`${NAME}_decide`, `${NAME}_inspect`]) expect(listed).toContain(name)
  })

  test('stands beside that of another release', async () => {
    const other = LIBRARY.replaceAll(NAME, 'sluice_99_0_0')
    await server.cli('FUNCTION', 'LOAD', other)
    expect(await granted(engineOf())).toBe(1)
    expect(await server.cli('FUNCTION', 'LIST', 'LIBRARYNAME', 'sluice_99_0_0')).toContain(
      'sluice_99_0_0_decide',
    )
  })

  test('is loaded on connection, and decides without EVAL', async () => {
    const engine = engineOf()
    await engine.ready()
    await ask(engine)
    expect([await calls('fcall'), await calls('evalsha'), await calls('eval')]).toEqual([1, 0, 0])
  })

  test('is loaded again where it is missing, and the check is charged once', async () => {
    const engine = engineOf()
    await ask(engine)
    await server.cli('FUNCTION', 'FLUSH')
    expect((await ask(engine)).checks[0]).toMatchObject({ status: Status.allowed, remaining: 8 })
  })

  test('does to a key what the script does, byte for byte, in any mix', async () => {
    let nowUs = 1_790_000_000_000_000
    const clock = { nowUs: () => nowUs }
    const byFunction = engineOf({ clock, prefix: 'mixed' })
    const byDigest = engineOf({ store: server.url, clock, prefix: 'mixed' })
    const reference = engineOf({ store: server.url, clock, prefix: 'alone' })
    for (let i = 0; i < 12; i++) {
      nowUs += 1_000_000
      const mixed = await ask(i % 2 === 0 ? byFunction : byDigest)
      expect(mixed).toEqual(await ask(reference))
    }
    const dump = (prefix: string) => server.cli('DUMP', createKeyBuilder({ prefix })(LIMIT, 'u1'))
    expect(await dump('mixed')).toBe(await dump('alone'))
  })

  test('looks at keys without a right to write', async () => {
    const engine = engineOf()
    await ask(engine)
    const key = createKeyBuilder()(LIMIT, 'u1')
    const reply = await server.cli('FCALL_RO', `${NAME}_inspect`, '1', key)
    expect(reply).toContain('string')
    expect((await engine.inspect([key])).keys[0]?.type).toBe('string')
    await expect(server.cli('FCALL_RO', `${NAME}_decide`, '1', key, '')).resolves.toMatch(/write flag/)
  })

  test('is chosen where the store is', async () => {
    const limiter = createLimiter({
      store: { url: server.url, scripts: 'functions' },
      deadline: '10s',
      policies: { perUser: '5/m' },
    })
    closers.push(() => limiter.close())
    expect((await limiter.check('perUser', 'alice')).remaining).toBe(4)
    expect(await calls('fcall')).toBe(1)
  })
})

describe('a server that refuses functions', () => {
  test('because the user may not load them is told so', async () => {
    await server.cli('ACL', 'SETUSER', 'app', 'on', '>pw', '~*', '+@all', '-function')
    const engine = engineOf({ store: { url: userUrl(), scripts: 'functions' } })
    await engine.ready()
    const refused = ask(engine)
    await expect(refused).rejects.toMatchObject({ code: 'ERR_SLUICE_SCRIPTING' })
    await expect(refused).rejects.toThrow(/NOPERM.*allow FUNCTION, or let an administrator load/)
  })

  test('yet runs those that an administrator has loaded', async () => {
    await server.cli('ACL', 'SETUSER', 'app', 'on', '>pw', '~*', '+@all', '-function')
    await server.cli('FUNCTION', 'LOAD', LIBRARY)
    expect(await granted(engineOf({ store: { url: userUrl(), scripts: 'functions' } }))).toBe(1)
  })

  test('because somebody changed the library is told so, and it is not replaced', async () => {
    const changed = LIBRARY.replace(
      'local function decide(KEYS, ARGV)',
      'local function decide(KEYS, ARGV, _)',
    )
    await server.cli('FUNCTION', 'LOAD', changed)
    const engine = engineOf()
    await expect(engine.ready()).rejects.toThrow(/another library 'sluice_.*FUNCTION DELETE/)
    expect(await server.cli('FUNCTION', 'LIST', 'WITHCODE')).toContain('KEYS, ARGV, _')
  })

  test('because it is full refuses a check before it runs', async () => {
    const engine = engineOf()
    await ask(engine)
    await server.cli('CONFIG', 'SET', 'maxmemory', '1')
    await expect(ask(engine)).rejects.toMatchObject({ code: 'ERR_SLUICE_OUT_OF_MEMORY' })
  })
})
