import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  createRedisEngine,
  type RedisEngine,
  type RedisEngineOptions,
} from '../../src/engine/redis-engine.js'
import type { RedisClient } from '../../src/redis/redis-client.js'
import { consume, hourly } from '../support/checks.js'
import { CLIENT_KINDS, STORE_KINDS } from '../support/clients.js'
import { connectServer } from '../support/connect.js'
import { type RedisServer, startRedis } from '../support/redis-server.js'
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js'

const LIMIT = hourly(10)

let server: RedisServer
const closers: (() => Promise<unknown>)[] = []

beforeEach(async () => {
  server = await startRedis()
})

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
  await server.stop()
})

function engineOf(store: RedisEngineOptions['store']): RedisEngine {
  const engine = createRedisEngine({ store })
  closers.push(() => engine.close())
  return engine
}

async function connectedTo(store: RedisEngineOptions['store']): Promise<RedisClient> {
  const client = connectServer(store)
  closers.push(() => client.close())
  await client.ready()
  return client
}

async function proxyOf(port: number): Promise<TcpProxy> {
  const proxy = await startTcpProxy(port)
  closers.push(() => proxy.close())
  return proxy
}

const ask = (engine: RedisEngine, subject = 'u1') => engine.decide([consume(LIMIT, subject)])

/** How often the server was sent this command. */
async function received(command: string): Promise<number> {
  const stats = await server.cli('INFO', 'commandstats')
  return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0)
}

async function until(condition: () => Promise<unknown>): Promise<void> {
  while (!(await condition())) await new Promise(resolve => setTimeout(resolve, 5))
}

const passes = (attempt: () => Promise<unknown>) => () =>
  attempt().then(
    () => true,
    () => false,
  )

describe.each(STORE_KINDS)('by $name', ({ store }) => {
  test('a check is decided, and still is when the server has forgotten the scripts', async () => {
    const engine = engineOf(store({ port: server.port }))
    expect((await ask(engine)).checks[0]?.remaining).toBe(9)
    await server.cli('SCRIPT', 'FLUSH')
    expect((await ask(engine)).checks[0]?.remaining).toBe(8)
  })

  test('user, password, database and socket are those that were given', async () => {
    await server.cli('ACL', 'SETUSER', 'sluice', 'on', '>p@ss:/?#', '~*', '+@all')
    await server.cli('CONFIG', 'SET', 'requirepass', 'other')
    const access = { username: 'sluice', password: 'p@ss:/?#', port: server.port }
    const places = [
      { ...access, database: 3 },
      { ...access, database: 4, path: server.socketPath },
      { port: server.port, password: 'other', database: 5 },
    ]
    for (const place of places) {
      const client = await connectedTo(store(place))
      expect(await client.call('SET', 'here', '1')).toBe('OK')
      expect(await client.call('ACL', 'WHOAMI')).toBe('username' in place ? 'sluice' : 'default')
    }
    const held = await server.cli('-a', 'other', '--no-auth-warning', 'INFO', 'keyspace')
    expect(held.match(/db\d+:keys=1/g)).toEqual(['db3:keys=1', 'db4:keys=1', 'db5:keys=1'])
  })

  test('a batch of 256 keys arrives byte by byte, as it was when it was given', async () => {
    const client = await connectedTo(store({ port: server.port }))
    const keys = Array.from({ length: 256 }, (_, i) => `ключ-${i}`)
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i)
    const answer = client.evaluate('eval', 'return {ARGV[1], #KEYS, KEYS}', keys, [bytes])
    bytes.fill(0)
    const [first, count, names] = (await answer) as [Uint8Array, number, Uint8Array[]]
    expect([...first]).toEqual(Array.from({ length: 256 }, (_, i) => i))
    expect(count).toBe(256)
    expect(names.map(name => Buffer.from(name).toString())).toEqual(keys)
  })

  test('replies of other commands are texts, numbers and lists, and errors have their kind', async () => {
    const client = await connectedTo(store({ port: server.port }))
    expect(await client.call('HSET', 'h', 'a', '1')).toBe(1)
    expect(await client.call('HGETALL', 'h')).toEqual(['a', '1'])
    expect(await client.call('GET', 'absent')).toBeNull()
    await expect(client.call('GET', 'h')).rejects.toMatchObject({ name: 'ServerError', kind: 'WRONGTYPE' })
    await expect(client.evaluate('evalsha', 'f'.repeat(40), [], [])).rejects.toMatchObject({
      kind: 'NOSCRIPT',
    })
    await expect(client.evaluate('fcall', 'absent', [], [])).rejects.toThrow('Function not found')
  })

  test('what a connection took with it is never sent again', async () => {
    const proxy = await proxyOf(server.port)
    const client = await connectedTo(store({ port: proxy.port }))
    const states: string[] = []
    client.onStateChange = state => states.push(state)
    proxy.holdReplies()
    const answers = [
      client.evaluate('eval', "return redis.call('INCR', KEYS[1])", ['a'], []),
      client.evaluate('eval', "return redis.call('INCR', KEYS[1])", ['a'], []),
      client.call('INCR', 'b'),
    ]
    const outcomes = Promise.allSettled(answers)
    await until(async () => (await received('incr')) === 3)
    proxy.killConnections()
    for (const outcome of await outcomes) {
      expect(outcome).toMatchObject({ reason: { code: 'ERR_SLUICE_CONNECTION_LOST' } })
    }
    proxy.releaseReplies()
    await until(passes(() => client.call('PING')))
    expect(states).toEqual(['down', 'ready'])
    expect(await server.cli('MGET', 'a', 'b')).toBe('2\n1')
    expect(await received('incr')).toBe(3)
  })

  test('what cannot be sent is refused at once, and is not sent later', async () => {
    const proxy = await proxyOf(server.port)
    const client = await connectedTo(store({ port: proxy.port }))
    await proxy.close()
    await until(async () => client.state === 'down')
    const increment = () => client.evaluate('eval', "return redis.call('INCR', KEYS[1])", ['a'], [])
    await expect(increment()).rejects.toThrow('the connection ended; nothing was charged')
    await until(() => increment().catch(error => error.message.includes('ECONNREFUSED')))
    await expect(client.call('INCR', 'a')).rejects.toMatchObject({ code: 'ERR_SLUICE_STORE_UNAVAILABLE' })
    const again = await startTcpProxy(server.port, 0, proxy.port)
    closers.push(() => again.close())
    await until(passes(() => client.call('PING')))
    expect(await received('incr')).toBe(0)
  })

  test('a primary that becomes a replica is left, and found again when it is one no more', async () => {
    const engine = engineOf(store({ port: server.port }))
    await ask(engine)
    await server.cli('REPLICAOF', '127.0.0.1', '1')
    await expect(ask(engine)).rejects.toMatchObject({ code: 'ERR_SLUICE_READ_ONLY' })
    await server.cli('REPLICAOF', 'NO', 'ONE')
    await until(passes(() => ask(engine)))
  })

  test('closing lets what is under way finish, twice is once, and no connection is left', async () => {
    const client = connectServer(store({ port: server.port }))
    await client.ready()
    const answer = client.call('PING')
    await Promise.all([client.close(), client.close()])
    expect(await answer).toBe('PONG')
    expect(client.state).toBe('closed')
    await expect(client.call('PING')).rejects.toMatchObject({ code: 'ERR_SLUICE_STORE_UNAVAILABLE' })
    await until(async () => (await server.cli('INFO', 'clients')).includes('connected_clients:1\r'))
  })
})

describe.each(CLIENT_KINDS)('$name', ({ store }) => {
  test('gives its prefix to the keys', async () => {
    await ask(engineOf(store({ port: server.port, keyPrefix: 'shop:' })))
    const keys = (await server.cli('KEYS', '*')).split('\n')
    expect(keys).toHaveLength(2)
    for (const key of keys) expect(key).toMatch(/^shop:sl1:/)
  })

  test('is neither changed nor used nor closed', async () => {
    const own = store({ port: server.port, database: 2 }) as unknown as {
      options: object
      connect(): Promise<unknown>
      set(key: string, value: string): Promise<unknown>
      quit(): Promise<unknown>
    }
    const before = JSON.stringify(own.options)
    const engine = createRedisEngine({ store: own as never })
    await ask(engine)
    expect(await server.cli('CLIENT', 'LIST', 'TYPE', 'normal')).toMatch(/^(.*\n?){1,2}$/)
    await engine.close()
    expect(JSON.stringify(own.options)).toBe(before)
    await own.connect()
    expect(await own.set('still', 'open')).toBe('OK')
    await own.quit()
  })
})
