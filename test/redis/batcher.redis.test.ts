import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { Status } from '../../src/core/step.js'
import type { Check, Outcome } from '../../src/engine/engine.js'
import { Batcher } from '../../src/redis/batcher.js'
import type { RedisClient } from '../../src/redis/redis-client.js'
import { loadScripts, type Script } from '../../src/redis/scripts.js'
import { consume, hourly } from '../support/checks.js'
import { connectServer } from '../support/connect.js'
import { type RedisServer, startRedis } from '../support/redis-server.js'
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js'

const LIMIT = hourly(1_000_000)
const { decide } = loadScripts()

/** A server of its own: these stories flush its scripts. */
let server: RedisServer
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())

let proxy: TcpProxy
let client: RedisClient
let batcher: Batcher
/** The keys of each batch, in the order they were sent; a script sent again by its source is a batch of its own. */
let sent: { command: string; keys: readonly string[] }[]
let prefix: string
let direct: Redis

let run = 0
beforeEach(async () => {
  prefix = `batcher:${process.pid}:${run++}:`
  direct = new Redis(server.url)
  proxy = await startTcpProxy(direct.options.port as number)
  client = connectServer(proxy.url)
  await client.ready()
  await client.call('SCRIPT', 'LOAD', decide.source)
  batcher = batcherOf(decide)
})

afterEach(async () => {
  proxy.releaseReplies()
  await client.close()
  await proxy.close()
  await direct.quit()
})

/** A batcher whose round trips all take no time, so that its window is the smallest, two. */
function batcherOf(script: Script): Batcher {
  sent = []
  const { evaluate } = client
  const watched: RedisClient = Object.create(client, {
    state: { get: () => client.state },
    evaluate: {
      value: (...call: Parameters<typeof evaluate>) => {
        sent.push({ command: call[0], keys: call[2].map(key => key.slice(prefix.length)) })
        return evaluate.apply(client, call)
      },
    },
  })
  return new Batcher(watched, script, () => 0)
}

interface Asked {
  readonly n?: number
  readonly nowUs?: number
  readonly signal?: AbortSignal
}

/** One request: a check of each of these subjects. */
function ask(subjects: string | string[], { n = 1, nowUs = 0, signal }: Asked = {}): Promise<Outcome> {
  const checks: Check[] = [subjects].flat().map(subject => consume(LIMIT, subject, n))
  return batcher.decide(
    checks,
    checks.map(check => prefix + check.subject),
    nowUs,
    { signal },
  )
}

const numbered = (count: number, from = 0): string[] =>
  Array.from({ length: count }, (_, i) => `s${from + i}`)
const sentKeys = () => sent.map(batch => batch.keys)
const turn = () => new Promise(resolve => setImmediate(resolve))

/** What was admitted for a subject, as Redis has it: the third number of a fixed window's state. */
async function admitted(subject: string): Promise<number> {
  const state = await direct.getBuffer(prefix + subject)
  return state === null ? 0 : state.readDoubleLE(16)
}

describe('a batch', () => {
  test('of one check alone leaves in the turn that asked for it', async () => {
    const outcome = ask('alone')
    expect(sent).toEqual([])
    await new Promise<void>(resolve => process.nextTick(resolve))
    expect(sentKeys()).toEqual([['alone']])
    expect((await outcome).checks).toMatchObject([{ status: Status.allowed, granted: 1, remaining: 999_999 }])
  })

  test('is all that one turn asks for, microtasks included, in the order it was asked', async () => {
    const later = Promise.resolve().then(() => ask('c'))
    const outcomes = await Promise.all([ask('a'), ask(['b', 'b']), later])
    expect(sentKeys()).toEqual([['a', 'b', 'b', 'c']])
    expect(outcomes.map(({ checks }) => checks.length)).toEqual([1, 2, 1])
    expect(outcomes[1]?.checks[1]).toMatchObject({ granted: 1, remaining: 999_998 })
  })

  test('is all that one pass of the event loop asks for, turn by turn, while another is under way', async () => {
    proxy.holdReplies()
    const turns = numbered(5).map(subject => turn().then(() => ask(subject)))
    await turn()
    await turn()
    expect(sentKeys()).toEqual([['s0'], numbered(4, 1)])
    proxy.releaseReplies()
    await Promise.all(turns)
  })

  test('leaves while another is under way, and only the one after that waits, and grows', async () => {
    proxy.holdReplies()
    const first = [ask('a')]
    await turn()
    first.push(ask('b'))
    await turn()
    expect(sentKeys()).toEqual([['a'], ['b']])

    const rest = []
    for (const subject of ['c', 'd', 'e']) {
      rest.push(ask(subject))
      await turn()
    }
    expect(sent).toHaveLength(2)
    proxy.releaseReplies()
    await Promise.all([...first, ...rest])
    expect(sentKeys()).toEqual([['a'], ['b'], ['c', 'd', 'e']])
  })

  test('is full with 32 checks, and one that is full does not wait', async () => {
    proxy.holdReplies()
    const outcomes = numbered(100).map(subject => ask(subject))
    await turn()
    expect(sent.map(batch => batch.keys.length)).toEqual([32, 32, 32])
    proxy.releaseReplies()
    await Promise.all(outcomes)
    expect(sentKeys().flat()).toEqual(numbered(100))
    expect(sent.map(batch => batch.keys.length)).toEqual([32, 32, 32, 4])
  })

  test('is larger where the batches that may be under way could not take all that waits', async () => {
    proxy.holdReplies()
    const outcomes = numbered(3200).map(subject => ask(subject))
    await turn()
    expect(sent.map(batch => batch.keys.length)).toEqual(Array(32).fill(100))
    proxy.releaseReplies()
    await Promise.all(outcomes)
    expect(sentKeys().flat()).toEqual(numbered(3200))
  })

  test('has 256 checks at most', async () => {
    proxy.holdReplies()
    const outcomes = numbered(9000).map(subject => ask(subject))
    await turn()
    expect(sent.map(batch => batch.keys.length)).toEqual(Array(32).fill(256))
    proxy.releaseReplies()
    await Promise.all(outcomes)
    expect(sentKeys().flat()).toEqual(numbered(9000))
  })

  test('never has a part of a request', async () => {
    const outcomes = numbered(30).map(subject => ask(subject))
    outcomes.push(ask(numbered(16, 30)), ask('last'))
    await Promise.all(outcomes)
    expect(sent.map(batch => batch.keys.length)).toEqual([46, 1])
  })

  test('has one injected time, and leaves as soon as another time follows', async () => {
    const nowUs = 1_700_000_000_000_000
    proxy.holdReplies()
    const asked = [0, 0, 1, 1, 2, 0].map((later, i) => ask(`s${i}`, { nowUs: nowUs + later }))
    await turn()
    expect(sentKeys()).toEqual([['s0', 's1'], ['s2', 's3'], ['s4']])
    proxy.releaseReplies()
    const outcomes = await Promise.all(asked)
    expect(sentKeys()).toEqual([['s0', 's1'], ['s2', 's3'], ['s4'], ['s5']])
    expect(outcomes.map(outcome => outcome.nowUs - nowUs)).toEqual([0, 0, 1, 1, 2, 0])
  })
})

describe('a signal', () => {
  test('that is aborted already sends nothing', async () => {
    await expect(ask('a', { signal: AbortSignal.abort('no longer needed') })).rejects.toBe('no longer needed')
    await turn()
    expect(sent).toEqual([])
  })

  test('that aborts before the batch leaves keeps its request out of it', async () => {
    const abort = new AbortController()
    const outcomes = [ask('a'), ask('b', { signal: abort.signal }), ask('c')]
    abort.abort('changed my mind')
    await expect(outcomes[1]).rejects.toBe('changed my mind')
    await Promise.all([outcomes[0], outcomes[2]])
    expect(sentKeys()).toEqual([['a', 'c']])
    expect(await admitted('b')).toBe(0)
  })

  test('that aborts while the batch is under way rejects at once, and harms no other request', async () => {
    const abort = new AbortController()
    proxy.holdReplies()
    const outcomes = [ask('a'), ask('b', { signal: abort.signal })]
    await turn()
    abort.abort('too slow')
    await expect(outcomes[1]).rejects.toBe('too slow')
    proxy.releaseReplies()
    expect((await outcomes[0])?.checks[0]?.status).toBe(Status.allowed)
  })
})

describe('a script that the server has forgotten', () => {
  test('is sent with the same requests, once', async () => {
    await direct.script('FLUSH')
    await Promise.all([ask('a'), ask('b')])
    expect(sent).toEqual([
      { command: 'evalsha', keys: ['a', 'b'] },
      { command: 'eval', keys: ['a', 'b'] },
    ])
    expect(await admitted('a')).toBe(1)
    await ask('a')
    expect(sent).toHaveLength(3)
  })

  test('again and again under load loses and repeats nothing', async () => {
    let busy = true
    const flushing = (async () => {
      while (busy) await direct.script('FLUSH')
    })()
    const callers = numbered(64).map(async subject => {
      let granted = 0
      for (let i = 0; i < 100; i++) granted += (await ask(subject)).checks[0]?.granted ?? 0
      return granted
    })
    const granted = await Promise.all(callers)
    busy = false
    await flushing
    expect(granted).toEqual(Array(64).fill(100))
    expect(await Promise.all(numbered(64).map(admitted))).toEqual(granted)
    expect(sent.some(({ command }) => command === 'eval')).toBe(true)
  })
})

describe('an answer that is none', () => {
  test.each([
    ['a text', "return 'OK'"],
    ['nothing', 'return nil'],
    ['a list', 'return {1, 2}'],
    ['the answer to fewer checks', "return struct.pack('<dddddddd', 1, 1700000000000000, 1, 1, 1, 5, 0, 1)"],
  ])('such as %s rejects every request of its batch, and the next batch is decided', async (_, source) => {
    const honest = batcher
    const sha1 = (await direct.script('LOAD', source)) as string
    batcher = batcherOf({ name: 'decide', source, sha1 })
    const outcomes = await Promise.allSettled([ask('a'), ask('b')])
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'ERR_SLUICE_PROTOCOL' } })
    }
    batcher = honest
    expect((await ask('a')).checks[0]?.status).toBe(Status.allowed)
  })

  test('of the script itself tells what it refused', async () => {
    await expect(ask('a', { nowUs: 1 })).rejects.toMatchObject({
      code: 'ERR_SLUICE_PROTOCOL',
      message: expect.stringContaining('SLUICE now is 1 us'),
    })
  })
})

describe('closing', () => {
  test('decides what was asked before, and nothing after', async () => {
    proxy.holdReplies()
    const outcomes = numbered(600).map(subject => ask(subject))
    const closed = batcher.close()
    await expect(ask('late')).rejects.toMatchObject({ code: 'ERR_SLUICE_CLOSED' })
    proxy.releaseReplies()
    await closed
    for (const { checks } of await Promise.all(outcomes)) expect(checks[0]?.granted).toBe(1)
  })

  test('has nothing to wait for when nothing was asked', async () => {
    await batcher.close()
  })
})
