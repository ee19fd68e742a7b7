import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { Redis } from 'ioredis'
import { Redis as Valkey } from 'iovalkey'
import { createSentinel } from 'redis'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import {
  createRedisEngine,
  type RedisEngine,
  type RedisEngineOptions,
} from '../../src/engine/redis-engine.js'
import { consume, hourly } from '../support/checks.js'
import { connectServer } from '../support/connect.js'
import { type SentinelGroup, startSentinels } from '../support/redis-sentinel.js'

const LIMIT = hourly(1_000)
const PASSWORD = 'p@ss'

let group: SentinelGroup
beforeAll(async () => {
  group = await startSentinels({ password: PASSWORD })
})
afterAll(() => group.stop())

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

interface SentinelKind {
  readonly name: string
  store(names: { nodes: SentinelGroup['nodes']; name: string }): RedisEngineOptions['store']
}

const hosts = (nodes: SentinelGroup['nodes']) => nodes.map(({ host, port }) => `${host}:${port}`)
const ioredisOptions = ({ nodes, name }: { nodes: SentinelGroup['nodes']; name: string }) => ({
  sentinels: nodes.map(node => ({ ...node })),
  name,
  password: PASSWORD,
  db: 1,
  lazyConnect: true,
})

const KINDS: readonly SentinelKind[] = [
  {
    name: 'an address',
    store: ({ nodes, name }) =>
      `redis+sentinel://:${encodeURIComponent(PASSWORD)}@${hosts(nodes).join(',')}/${name}/1`,
  },
  {
    name: 'options',
    store: ({ nodes, name }) => ({
      sentinel: { nodes: hosts(nodes), name },
      password: PASSWORD,
      database: 1,
    }),
  },
  { name: 'a client of ioredis', store: names => new Redis(ioredisOptions(names)) },
  { name: 'a client of iovalkey', store: names => new Valkey(ioredisOptions(names)) },
  {
    name: 'a Sentinel client of node-redis',
    store: ({ nodes, name }) =>
      createSentinel({
        name,
        sentinelRootNodes: [...nodes],
        nodeClientOptions: { password: PASSWORD, database: 1 },
      }),
  },
]

function engineOf(store: RedisEngineOptions['store']): RedisEngine {
  const engine = createRedisEngine({ store })
  closers.push(() => engine.close())
  return engine
}

const ask = (engine: RedisEngine, subject = 'u1') => engine.decide([consume(LIMIT, subject)])

async function until(condition: () => Promise<unknown>): Promise<void> {
  while (!(await condition())) await new Promise(resolve => setTimeout(resolve, 5))
}

describe.each(KINDS)('Sentinels by $name', ({ store }) => {
  test('the primary is used, and the next one after a failover', async () => {
    const engine = engineOf(store(group))
    await engine.ready()
    await ask(engine)
    const before = await group.primary()
    await group.failover()
    const now = await group.primary()
    expect(now.port).not.toBe(before.port)
    const codes = new Set<string>()
    // Until the Sentinels have told the old one too, it may still take a check.
    await until(async () => {
      await ask(engine, 'after').catch(error => codes.add(error.code))
      return (await now.cli('-a', PASSWORD, '--no-auth-warning', '-n', '1', 'KEYS', '*:after')) !== ''
    })
    const known = ['ERR_SLUICE_STORE_UNAVAILABLE', 'ERR_SLUICE_CONNECTION_LOST', 'ERR_SLUICE_READ_ONLY']
    for (const code of codes) expect(known).toContain(code)
  })

  test('one that is down is passed over', async () => {
    const nodes = [{ host: '127.0.0.1', port: 1 }, ...group.nodes]
    const engine = engineOf(store({ ...group, nodes }))
    await engine.ready()
    await ask(engine)
  })

  test('a name that they do not know is told', async () => {
    const client = connectServer(store({ ...group, name: 'another' }))
    closers.push(() => client.close())
    const error: Error = await client.ready().then(
      () => new Error('it is ready'),
      reason => reason,
    )
    expect(error).toMatchObject({ code: 'ERR_SLUICE_STORE_UNAVAILABLE' })
    expect(error.message).toMatch(/another.*(knows no primary of the name 'another'|No such master)/s)
    expect(error.message).not.toContain(PASSWORD)
  })

  test('where none answers, that is told', async () => {
    const client = connectServer(store({ name: group.name, nodes: [{ host: '127.0.0.1', port: 1 }] }))
    closers.push(() => client.close())
    await expect(client.ready()).rejects.toThrow(/127\.0\.0\.1:1 .*ECONNREFUSED/s)
  })
})

test.each([KINDS[0] as SentinelKind, KINDS[4] as SentinelKind])(
  'a primary that stands still is left for the one that the Sentinels promote: by $name',
  async ({ store }) => {
    const own = await startSentinels({ password: PASSWORD })
    closers.push(() => own.stop())
    const engine = engineOf(store(own))
    await ask(engine)
    await own.pausePrimary()
    await until(() =>
      engine.decide([consume(LIMIT, 'moved')], { signal: AbortSignal.timeout(50) }).then(
        () => true,
        () => false,
      ),
    )
  },
)

test('a Sentinel that takes connections and stands still is passed over', async () => {
  const still = createServer(() => {}).listen(0, '127.0.0.1')
  closers.push(async () => still.close())
  await once(still, 'listening')
  const { port } = still.address() as AddressInfo
  const nodes = [{ host: '127.0.0.1', port }, ...group.nodes]
  const waiting = KINDS.map(async ({ store }) => {
    const engine = engineOf(store({ ...group, nodes }))
    await until(() =>
      ask(engine).then(
        () => true,
        () => false,
      ),
    )
  })
  await Promise.all(waiting)
})

test('a Sentinel that is given as a server is told', async () => {
  const [sentinel] = group.sentinels
  const engine = engineOf(`redis://127.0.0.1:${sentinel?.port}`)
  await expect(engine.ready()).rejects.toMatchObject({
    code: 'ERR_SLUICE_OPTION',
    message: expect.stringContaining(`write redis+sentinel://127.0.0.1:${sentinel?.port}/NAME`),
  })
})
