import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Status } from '../../src/core/step.js'
import type { Engine } from '../../src/engine/engine.js'
import type { EngineOptions } from '../../src/engine/engine-options.js'
import { openEngine } from '../../src/engine/open-engine.js'
import { createLimiter, type LimiterOptions } from '../../src/index.js'
import { createKeyBuilder } from '../../src/keys.js'
import { loadScripts } from '../../src/redis/scripts.js'
import { consume, hourly, peek } from '../support/checks.js'
import { withoutNative } from '../support/native.js'
import { type RedisServer, startRedis } from '../support/redis-server.js'
import { startTcpProxy } from '../support/tcp-proxy.js'
import { checkOf, limitOf, MINUTE_US } from '../unit/engine/limits.js'

const LIMIT = hourly(100_000)
/** A port that nothing listens on: TCPMUX is on no machine. */
const NOBODY = 'redis://127.0.0.1:1'
const keyOf = createKeyBuilder()
const ENGINES = ['never', 'require'] as const

let server: RedisServer
const closers: (() => Promise<unknown>)[] = []

beforeEach(async () => {
  server = await startRedis()
})

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
  await server.stop()
})

function engineOf(options: Partial<EngineOptions> = {}): Engine {
  const engine = openEngine({ store: server.url, native: 'require', ...options })
  closers.push(() => engine.close())
  return engine
}

/** With a deadline that no machine is too busy for. */
function limiterOf(options: Partial<LimiterOptions> = {}) {
  const policies = { perUser: { algorithm: 'fixed_window', limit: 100, window: '1h' } } as const
  const limiter = createLimiter({
    store: server.url,
    native: 'require',
    deadline: '60s',
    policies,
    ...options,
  })
  closers.push(() => limiter.close())
  return limiter
}

const ask = (engine: Engine, subject = 'ada') => engine.decide([consume(LIMIT, subject)])

async function used(engine: Engine, subject = 'ada'): Promise<number> {
  const { checks } = await engine.decide([peek(LIMIT, subject)])
  return LIMIT.limit - (checks[0]?.remaining ?? 0)
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise(resolve => setTimeout(resolve, 5))
}

const codeOf = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => 'answered',
    error => error.code,
  )

describe.skipIf(withoutNative !== undefined)('Redis asked natively', () => {
  test('counts under the same keys, in the same bytes, by the same script as TypeScript does', async () => {
    const clock = { nowUs: () => 1_790_000_000_000_000 }
    const policies = {
      smooth: '60/m',
      pair: { limits: ['5/m', { algorithm: 'sliding_counter', limit: 8, window: '1h' }] },
      api: { limit: 10, window: '1m', by: ['tenant', 'user'], group: 'tenant' },
    } as const
    const subject = { tenant: 'Ärzte & Söhne', user: `${'x'.repeat(300)}{y}` }
    const leases = limitOf('leases', { algorithm: 'concurrency', limit: 3, leaseUs: MINUTE_US })
    const told: unknown[] = []
    for (const native of ENGINES) {
      await server.cli('FLUSHALL')
      await server.cli('SCRIPT', 'FLUSH')
      const common = { store: server.url, prefix: 'both', native, clock }
      const limiter = createLimiter({ ...common, policies, deadline: '60s' })
      for (const policy of ['smooth', 'pair', 'api'] as const)
        await limiter.check(policy, subject, { cost: 2 })
      await limiter.block('smooth', 'eve', { for: '1h' })
      await limiter.close()
      await engineOf(common).decide([checkOf(leases, 'ada', { leaseId: 'held by é', n: 2 })])
      const keys = (await server.cli('KEYS', '*')).split('\n').sort()
      const states = await Promise.all(keys.map(key => server.cli('--no-raw', 'DUMP', key)))
      const { sha1 } = loadScripts().decide
      told.push({
        keys,
        states,
        known: await server.cli('SCRIPT', 'EXISTS', sha1),
        scripts: /number_of_cached_scripts:(\d+)/.exec(await server.cli('INFO', 'memory'))?.[1],
      })
    }
    expect(told[1]).toEqual(told[0])
    expect(told[1]).toMatchObject({ known: '1', scripts: '1' })
  })

  test('goes on counting what TypeScript has counted, and the other way round', async () => {
    const [typescript, native] = ENGINES.map(mode => engineOf({ native: mode })) as [Engine, Engine]
    for (let unit = 0; unit < 5; unit++) {
      await ask(typescript)
      await ask(native)
    }
    expect([await used(typescript), await used(native)]).toEqual([10, 10])
  })

  test('loses and repeats nothing when the server forgets the script in the middle', async () => {
    const engine = engineOf()
    await engine.ready()
    const calls: Promise<unknown>[] = []
    for (let burst = 0; burst < 20; burst++) {
      for (let call = 0; call < 100; call++) calls.push(ask(engine))
      if (burst % 5 === 2) await server.cli('SCRIPT', 'FLUSH')
      else await calls.at(-1)
    }
    await Promise.all(calls)
    expect(await used(engine)).toBe(2000)
  })

  test('answers all that was asked before it is closed, and refuses what comes after', async () => {
    const engine = engineOf()
    const calls = Array.from({ length: 1000 }, () => ask(engine))
    // The first connection stands.
    await calls[0]
    const more = Array.from({ length: 1000 }, () => ask(engine))
    await engine.close()
    await engine.close()
    expect(
      (await Promise.all([...calls, ...more])).every(said => said.checks[0]?.status === Status.allowed),
    ).toBe(true)
    await expect(ask(engine)).rejects.toMatchObject({ code: 'ERR_SLUICE_CLOSED' })
    await expect(engine.ready()).rejects.toMatchObject({ code: 'ERR_SLUICE_CLOSED' })
    expect(await used(engineOf())).toBe(2000)
  })

  test('decides requests of any size and any number of plans, and refuses one of too many checks alone', async () => {
    const engine = engineOf()
    const limits = Array.from({ length: 1500 }, (_, i) => ({ ...hourly(10 + i, `p${i}`), slot: i }))
    const calls = limits.map(limit => engine.decide([consume(limit, 'ada', 2)]))
    const large = engine.decide([consume(LIMIT, 'é'.repeat(50_000)), consume(LIMIT, 'x'.repeat(200))])
    const wrong = codeOf(engine.decide(Array(17).fill(consume(LIMIT, 'ada'))))
    const remaining = (await Promise.all(calls)).map(said => said.checks[0]?.remaining)
    expect(remaining).toEqual(limits.map(({ limit }) => limit - 2))
    expect((await large).checks).toHaveLength(2)
    expect(await wrong).toBe('ERR_SLUICE_CHECK')
  })

  test('tells of its batches', async () => {
    const limiter = limiterOf()
    await limiter.ready()
    const batches: unknown[] = []
    limiter.on('batch', batch => batches.push(batch))
    await Promise.all([limiter.check('perUser', 'ada'), limiter.check('perUser', 'grace')])
    expect(batches).toEqual([
      { part: undefined, requests: 2, checks: 2, queued: 0, tripMs: expect.any(Number), error: undefined },
    ])
  })

  test('warns of a server that may take counters away', async () => {
    await server.cli('CONFIG', 'SET', 'maxmemory', '100mb')
    await server.cli('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru')
    const limiter = limiterOf()
    const { promise, resolve } = Promise.withResolvers<string>()
    limiter.on('warning', ({ message }) => resolve(message))
    await limiter.ready()
    expect(await promise).toMatch(/maxmemory-policy allkeys-lru/)
  })

  test('never waits: turns of the event loop go by while the server stands still', async () => {
    const engine = engineOf()
    await engine.ready()
    process.kill(server.pid, 'SIGSTOP')
    let answered = 0
    const calls = Array.from({ length: 2000 }, () => ask(engine).then(() => answered++))
    for (let turn = 0; turn < 100; turn++) await new Promise(setImmediate)
    expect(answered).toBe(0)
    process.kill(server.pid, 'SIGCONT')
    await Promise.all(calls)
    expect(await used(engine)).toBe(2000)
  })
})

describe.skipIf(withoutNative !== undefined)('whoever waits for Redis natively', () => {
  test('may give up by a signal: what was sent may be charged, and is once at most', async () => {
    const engine = engineOf()
    await engine.ready()
    process.kill(server.pid, 'SIGSTOP')
    const controller = new AbortController()
    const call = engine.decide([consume(LIMIT, 'ada')], { signal: controller.signal })
    await new Promise(setImmediate)
    controller.abort(new Error('the caller left'))
    await expect(call).rejects.toThrow('the caller left')
    process.kill(server.pid, 'SIGCONT')
    expect(await used(engine)).toBeLessThanOrEqual(1)
  })

  test('may give up a check of a limiter, which goes on', async () => {
    const limiter = limiterOf({ deadline: '10s' })
    await limiter.ready()
    process.kill(server.pid, 'SIGSTOP')
    const controller = new AbortController()
    const call = limiter.check('perUser', 'ada', { signal: controller.signal })
    await new Promise(setImmediate)
    controller.abort(new Error('the caller left'))
    await expect(call).rejects.toThrow('the caller left')
    process.kill(server.pid, 'SIGCONT')
    expect(await limiter.check('perUser', 'grace')).toMatchObject({ source: 'redis', remaining: 99 })
  })

  test('is not charged for what he gave up before it was sent, by a signal or a deadline', async () => {
    process.kill(server.pid, 'SIGSTOP')
    const limiter = limiterOf({ deadline: '20ms', onStoreFailure: 'open', denyCache: false })
    const bare = engineOf()
    const controller = new AbortController()
    const aborted = bare.decide([consume(LIMIT, 'ada')], { signal: controller.signal })
    const decisions = await Promise.all(['ada', 'grace'].map(user => limiter.check('perUser', user)))
    expect(decisions).toMatchObject([{ source: 'fallback' }, { source: 'fallback' }])
    controller.abort(new Error('the caller left'))
    await expect(aborted).rejects.toThrow('the caller left')
    process.kill(server.pid, 'SIGCONT')
    await Promise.all([bare.ready(), limiter.ready()])
    expect(await used(bare)).toBe(0)
    expect(await limiter.peek('perUser', 'ada')).toMatchObject({ source: 'redis', remaining: 100 })
  })

  test('is told of what the store answers too late', async () => {
    const limiter = limiterOf({ deadline: '50ms', onStoreFailure: 'closed' })
    await limiter.ready()
    const late = new Promise(resolve => limiter.on('lateReply', resolve))
    process.kill(server.pid, 'SIGSTOP')
    expect(await limiter.check('perUser', 'ada')).toMatchObject({ reason: 'store-unavailable' })
    process.kill(server.pid, 'SIGCONT')
    expect(await late).toMatchObject({ lateMs: expect.any(Number) })
  })
})

describe.skipIf(withoutNative !== undefined)(
  'what goes wrong has the code that TypeScript gives it, where',
  () => {
    const codesOf = (options: Partial<EngineOptions>) =>
      Promise.all(ENGINES.map(native => codeOf(ask(engineOf({ ...options, native })))))

    test('nothing listens', async () => {
      expect(await codesOf({ store: NOBODY })).toEqual(Array(2).fill('ERR_SLUICE_STORE_UNAVAILABLE'))
    })

    test('the server is a replica, or a node of a cluster', async () => {
      await server.cli('REPLICAOF', '127.0.0.1', '1')
      expect(await codesOf({})).toEqual(Array(2).fill('ERR_SLUICE_READ_ONLY'))
      const node = await startRedis({ cluster: true })
      closers.push(() => node.stop())
      expect(await codesOf({ store: node.url })).toEqual(Array(2).fill('ERR_SLUICE_OPTION'))
    })

    test('the server is full', async () => {
      for (const native of ENGINES) await engineOf({ native }).ready()
      await server.cli('CONFIG', 'SET', 'maxmemory', '1')
      expect(await codesOf({})).toEqual(Array(2).fill('ERR_SLUICE_OUT_OF_MEMORY'))
    })

    test('other limiters go by another number of shards', async () => {
      await engineOf().ready()
      const told = ENGINES.map(native =>
        engineOf({ native, shards: 64 })
          .ready()
          .catch(error => error),
      )
      const [typescript, native] = await Promise.all(told)
      expect(native).toMatchObject({
        code: 'ERR_SLUICE_META_MISMATCH',
        own: { shards: 64 },
        stored: { shards: 32 },
      })
      expect(native).toEqual(typescript)
    })

    test('the key of their agreement holds something else', async () => {
      await server.cli('SET', 'sl1:meta', 'no agreement')
      expect(await codesOf({})).toEqual(Array(2).fill('ERR_SLUICE_META_DAMAGED'))
    })

    test('the user has no right to that key, or to scripts', async () => {
      await server.cli('ACL', 'SETUSER', 'ada', 'on', '>secret', '~limits:*', '+@all')
      const store = `redis://ada:secret@127.0.0.1:${server.port}`
      expect(await codesOf({ store })).toEqual(Array(2).fill('ERR_SLUICE_PERMISSION'))
      await server.cli('ACL', 'SETUSER', 'ada', '~*', '-@scripting')
      expect(await codesOf({ store })).toEqual(Array(2).fill('ERR_SLUICE_SCRIPTING'))
      const wrong = store.replace('secret', 'guessed')
      expect(await codesOf({ store: wrong })).toEqual(Array(2).fill('ERR_SLUICE_STORE_UNAVAILABLE'))
    })

    test('the connection ends under way; the next one is used as soon as it stands, and nothing is sent twice', async () => {
      const proxy = await startTcpProxy(server.port)
      closers.push(() => proxy.close())
      for (const native of ENGINES) {
        const engine = engineOf({ store: proxy.url, native })
        await engine.ready()
        proxy.holdReplies()
        const lost = codeOf(ask(engine, native))
        await until(async () => (await server.cli('EXISTS', keyOf(LIMIT, native))) === '1')
        proxy.killConnections()
        expect(await lost).toBe('ERR_SLUICE_CONNECTION_LOST')
        proxy.releaseReplies()
        await until(async () => (await codeOf(engine.ready())) === 'answered')
        expect(await used(engine, native)).toBe(1)
      }
    })
  },
)
