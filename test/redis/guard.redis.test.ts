import { once } from 'node:events'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { GuardSettings } from '../../src/engine/guard-options.js'
import type { Limiter } from '../../src/limiter/types.js'
import { createLimiter } from '../../src/limiter.js'
import { type RedisServer, startRedis } from '../support/redis-server.js'
import { startTcpProxy } from '../support/tcp-proxy.js'

const POLICIES = {
  api: { algorithm: 'fixed_window', limit: 1_000_000, window: '1h' },
  login: { algorithm: 'fixed_window', limit: 5, window: '1h', onStoreFailure: 'closed' },
  jobs: { algorithm: 'concurrency', limit: 4, lease: '1h' },
} as const

let server: RedisServer
const closers: (() => Promise<unknown>)[] = []
const unhandled: unknown[] = []
const note = (reason: unknown) => unhandled.push(reason)

beforeEach(async () => {
  process.on('unhandledRejection', note)
  server = await startRedis()
  closers.push(() => server.stop())
})

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
  process.off('unhandledRejection', note)
  expect(unhandled.splice(0)).toEqual([])
})

interface Told {
  readonly event: string
  readonly lateMs?: number
}

/** Where it is no matter of the test: so long that a busy machine does not run into it. */
const PATIENT = { deadline: '10s' } as const

function limiterOn(store: string, settings: GuardSettings = {}) {
  const limiter = createLimiter({ store, policies: POLICIES, denyCache: false, ...settings })
  const told: Told[] = []
  for (const event of ['storeDown', 'storeUp', 'lateReply', 'breaker'] as const) {
    limiter.on(event, what => told.push({ event, ...what }))
  }
  closers.push(() => limiter.close())
  return { limiter, told, events: (name: string) => told.filter(({ event }) => event === name) }
}

const turn = () => new Promise<void>(resolve => setImmediate(resolve))

const back = (limiter: Limiter<typeof POLICIES>) =>
  new Promise<void>(resolve => limiter.on('storeUp', () => resolve()))

/** Whether a decision took longer than a few turns of the event loop: one that waits for nobody does not. */
async function waits(decision: Promise<unknown>): Promise<boolean> {
  let isDecided = false
  decision.then(() => {
    isDecided = true
  })
  for (let turns = 0; turns < 5 && !isDecided; turns++) await turn()
  return !isDecided
}

interface Caller {
  readonly sources: string[]
  /** Decisions without the store that waited all the same. */
  waited: number
}

/** Callers that check one after the other, each for a subject of its own. */
async function startCallers(limiter: Limiter<typeof POLICIES>) {
  const callers: Caller[] = Array.from({ length: 32 }, () => ({ sources: [], waited: 0 }))
  let isOver = false
  const running = callers.map(async (caller, i) => {
    while (!isOver) {
      const decision = limiter.check('api', `user-${i}`)
      const didWait = await waits(decision)
      const { source } = await decision
      caller.sources.push(source)
      if (didWait && source === 'fallback') caller.waited++
      await turn()
    }
  })
  /** Until each of them has been decided so many times more. */
  const goOn = async (times: number) => {
    const aims = callers.map(({ sources }) => sources.length + times)
    while (callers.some(({ sources }, i) => sources.length < (aims[i] as number))) await turn()
  }
  await goOn(3)
  return {
    callers,
    async stop() {
      await goOn(3)
      isOver = true
      await Promise.all(running)
    },
  }
}

/** `redis redis fallback fallback redis` becomes `redis fallback redis`. */
const phases = (sources: readonly string[]) => sources.filter((source, i) => source !== sources[i - 1])

describe('a server that stands still', () => {
  test('costs each caller the deadline once, and decides again when it goes on', async () => {
    const { limiter, events } = limiterOn(server.url, { deadline: '500ms' })
    await limiter.ready()
    const { callers, stop } = await startCallers(limiter)
    const down = new Promise(resolve => limiter.on('storeDown', resolve))
    const up = back(limiter)
    process.kill(server.pid, 'SIGSTOP')
    await down
    // Three probes that nobody answers.
    while (events('breaker').length < 6) await turn()
    process.kill(server.pid, 'SIGCONT')
    await up
    await stop()
    for (const { sources, waited } of callers) {
      expect(waited).toBeLessThanOrEqual(1)
      expect(phases(sources)).toEqual(['redis', 'fallback', 'redis'])
    }
    expect(events('storeDown')).toMatchObject([{ error: { code: 'ERR_SLUICE_STORE_TIMEOUT' } }])
    expect(events('storeUp')).toHaveLength(1)
  })

  test('answers late: what it was sent it has charged, once, and nothing else', async () => {
    const { limiter, events } = limiterOn(server.url, { deadline: '1s' })
    await limiter.ready()
    await limiter.check('api', 'ada')
    process.kill(server.pid, 'SIGSTOP')
    const up = back(limiter)
    const sent = await Promise.all(Array.from({ length: 40 }, () => limiter.check('api', 'ada')))
    expect(sent.every(({ source }) => source === 'fallback')).toBe(true)
    for (let i = 0; i < 100; i++) await limiter.check('api', 'ada')
    process.kill(server.pid, 'SIGCONT')
    await up
    const { source, remaining } = await limiter.peek('api', 'ada')
    expect(source).toBe('redis')
    expect(1_000_000 - remaining).toBe(1 + events('lateReply').length)
    expect(events('lateReply').length).toBeLessThanOrEqual(40)
  })

  test('keeps no lease that nobody holds', async () => {
    const { limiter } = limiterOn(server.url, { deadline: '1s' })
    await limiter.ready()
    process.kill(server.pid, 'SIGSTOP')
    const up = back(limiter)
    const lease = await limiter.acquire('jobs', 'tenant', { units: 4 })
    expect(lease.decision.source).toBe('fallback')
    process.kill(server.pid, 'SIGCONT')
    await up
    expect(await limiter.peek('jobs', 'tenant')).toMatchObject({ source: 'redis', remaining: 4 })
  })

  test('holds up no limiter that is closed, and no call that it was asked before', async () => {
    const { limiter } = limiterOn(server.url, { deadline: '1h' })
    await limiter.ready()
    process.kill(server.pid, 'SIGSTOP')
    const asked = Array.from({ length: 40 }, () => limiter.check('api', 'ada'))
    await limiter.close()
    for (const decision of await Promise.all(asked)) expect(decision.source).toBe('fallback')
  })

  test('holds up neither the first call of a process nor its end', async () => {
    process.kill(server.pid, 'SIGSTOP')
    const { limiter } = limiterOn(server.url)
    expect((await limiter.check('api', 'ada')).source).toBe('fallback')
    expect(await limiter.check('login', 'ada')).toMatchObject({ allowed: false, reason: 'store-unavailable' })
    await limiter.close()
    await expect(limiter.check('api', 'ada')).rejects.toMatchObject({ code: 'ERR_SLUICE_CLOSED' })
  })
})

describe('a server that is killed', () => {
  test('under load leaves no call hanging, and decides again once another has taken its place', async () => {
    const { limiter, events } = limiterOn(server.url, PATIENT)
    await limiter.ready()
    const { callers, stop } = await startCallers(limiter)
    const up = back(limiter)
    process.kill(server.pid, 'SIGKILL')
    await new Promise(resolve => limiter.on('storeDown', resolve))
    const next = await startRedis({ port: server.port })
    closers.push(() => next.stop())
    await up
    await stop()
    for (const { sources } of callers) {
      expect(phases(sources)).toEqual(['redis', 'fallback', 'redis'])
    }
    expect(events('storeUp')).toHaveLength(1)
  })

  test('is found again without a call', async () => {
    const { limiter } = limiterOn(server.url, PATIENT)
    await limiter.ready()
    const up = back(limiter)
    process.kill(server.pid, 'SIGKILL')
    while ((await limiter.check('api', 'ada')).source === 'redis') await turn()
    const next = await startRedis({ port: server.port })
    closers.push(() => next.stop())
    await up
    expect((await limiter.check('api', 'ada')).source).toBe('redis')
  })
})

describe('a line that breaks', () => {
  test('loses answers, and nothing is sent twice', async () => {
    const proxy = await startTcpProxy(server.port)
    closers.push(() => proxy.close())
    const { limiter } = limiterOn(proxy.url, { deadline: '1m' })
    await limiter.ready()
    await limiter.check('api', 'ada')
    proxy.holdReplies()
    const lost = Array.from({ length: 8 }, () => limiter.check('api', 'ada'))
    const { calls } = await scriptCalls(2)
    const up = back(limiter)
    proxy.killConnections()
    proxy.releaseReplies()
    for (const decision of await Promise.all(lost)) expect(decision.source).toBe('fallback')
    await up
    expect((await limiter.peek('api', 'ada')).remaining).toBe(1_000_000 - 9)
    // The probe, and this peek.
    expect((await scriptCalls(0)).calls).toBe(calls + 2)
  })
})

/** Scripts that this server has run, once they are as many. */
async function scriptCalls(least: number): Promise<{ readonly calls: number }> {
  for (;;) {
    const stats = await server.cli('INFO', 'commandstats')
    const found = [...stats.matchAll(/cmdstat_eval(?:sha)?:calls=(\d+)/g)]
    const calls = found.reduce((sum, [, count]) => sum + Number(count), 0)
    if (calls >= least) return { calls }
    await turn()
  }
}

describe('a server that cannot take a check', () => {
  const refusing: readonly [string, string[], string][] = [
    ['out of memory', ['CONFIG', 'SET', 'maxmemory', '1'], 'ERR_SLUICE_OUT_OF_MEMORY'],
    ['a replica', ['REPLICAOF', '127.0.0.1', '1'], 'ERR_SLUICE_READ_ONLY'],
    ['without scripts for this user', ['ACL', 'SETUSER', 'default', '-@scripting'], 'ERR_SLUICE_'],
  ]
  test.each(refusing)('being %s, leaves it to this process', async (_, command, code) => {
    const { limiter, told } = limiterOn(server.url, PATIENT)
    await limiter.check('api', 'ada')
    await server.cli(...command)
    expect((await limiter.check('api', 'ada')).source).toBe('fallback')
    expect(told[1]).toMatchObject({ event: 'storeDown', error: { code: expect.stringContaining(code) } })
  })

  test('being held up by a script of somebody else, leaves it to this process, and decides when that is killed', async () => {
    await server.cli('CONFIG', 'SET', 'busy-reply-threshold', '10')
    const { limiter, told } = limiterOn(server.url, PATIENT)
    await limiter.check('api', 'ada')
    const up = back(limiter)
    const endless = server.cli('EVAL', 'while true do end', '0')
    while ((await limiter.check('api', 'ada')).source === 'redis') await turn()
    expect(told[1]).toMatchObject({
      event: 'storeDown',
      error: { code: 'ERR_SLUICE_STORE_UNAVAILABLE', message: expect.stringMatching(/BUSY.*SCRIPT KILL/) },
    })
    await server.cli('SCRIPT', 'KILL')
    await up
    expect((await limiter.check('api', 'ada')).source).toBe('redis')
    expect(await endless).toMatch(/killed/)
  })

  test('because a key is not ours, says so: that is no outage', async () => {
    const { limiter, told } = limiterOn(server.url, PATIENT)
    await limiter.check('api', 'ada')
    const key = (await server.cli('KEYS', '*api*')).trim()
    await server.cli('DEL', key)
    await server.cli('LPUSH', key, 'not ours')
    await expect(limiter.check('api', 'ada')).rejects.toMatchObject({ code: 'ERR_SLUICE_WRONG_TYPE' })
    expect(told).toEqual([])
  })
})

test('a process that has nothing else to do ends, with a store that is away', async () => {
  const { spawn } = await import('node:child_process')
  const program = `
    import { createLimiter } from ${JSON.stringify(new URL('../../src/index.ts', import.meta.url).href)}
    const limiter = createLimiter({ store: ${JSON.stringify(server.url)}, policies: { api: '5/m' } })
    limiter.on('storeDown', () => {})
    process.kill(${server.pid}, 'SIGSTOP')
    const { source } = await limiter.check('api', 'ada')
    await limiter.close()
    console.log(source)`
  const child = spawn(process.execPath, [
    '--import',
    new URL('../../scripts/run-source.ts', import.meta.url).pathname,
    '--input-type=module',
    '--eval',
    program,
  ])
  let output = ''
  child.stdout.on('data', chunk => {
    output += chunk
  })
  child.stderr.on('data', chunk => {
    output += chunk
  })
  const [code] = await once(child, 'exit')
  expect([output.trim(), code]).toEqual(['fallback', 0])
})
