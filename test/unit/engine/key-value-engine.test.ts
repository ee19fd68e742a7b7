import { afterEach, describe, expect, it, vi } from 'vitest'
import type { KeyValueStore } from '../../../src/engine/key-value-store.js'
import type { LimiterOptions } from '../../../src/limiter/options.js'
import { createLimiter } from '../../../src/limiter.js'
import { FakeClock } from '../../../src/testing/fake-clock.js'

const POLICIES = {
  perUser: { algorithm: 'fixed_window', limit: 5, window: '1m' },
  api: { limits: ['5/m', '8/h'] },
  jobs: { algorithm: 'concurrency', limit: 2, lease: '30s' },
} as const

/** Told of everything that is asked of it. */
class Recorder implements KeyValueStore {
  readonly texts = new Map<string, string>()
  readonly asked: string[] = []
  fails: string | undefined

  async get(key: string): Promise<string | undefined> {
    this.#ask('get', key)
    return this.texts.get(key)
  }

  async set(key: string, text: string, ttlMs: number): Promise<void> {
    this.#ask('set', key, ttlMs)
    this.texts.set(key, text)
  }

  async delete(key: string): Promise<void> {
    this.#ask('delete', key)
    this.texts.delete(key)
  }

  #ask(method: string, key: string, ttlMs?: number): void {
    this.asked.push([method, key.replace(/^.*\}:/, ''), ttlMs].filter(part => part !== undefined).join(' '))
    if (this.fails === method) throw new Error(`${method} ${key} failed`)
  }
}

describe('limits in a store of get, set and delete', () => {
  const clock = new FakeClock()
  const store = new Recorder()
  const opened: { close(): Promise<void> }[] = []
  const open = (options: Partial<LimiterOptions> = {}) => {
    const limiter = createLimiter({ store, policies: POLICIES, clock, ...options })
    limiter.on('warning', () => {})
    opened.push(limiter)
    return limiter
  }
  afterEach(async () => {
    store.texts.clear()
    store.asked.length = 0
    store.fails = undefined
    for (const limiter of opened.splice(0)) await limiter.close()
  })

  it('A9: reads and writes by that store alone, with the time each text is needed', async () => {
    const limiter = open()
    const decision = await limiter.check('perUser', 'ada')
    expect(decision).toMatchObject({ allowed: true, remaining: 4, source: 'key-value' })
    expect(store.asked).toEqual(['get perUser:fixed_window:ada', 'set perUser:fixed_window:ada 60000'])
    await limiter.reset('perUser', 'ada')
    expect(store.asked.slice(2)).toEqual(['get perUser:fixed_window:ada', 'delete perUser:fixed_window:ada'])
    expect(store.texts.size).toBe(0)
  })

  it('a refusal and a look write nothing', async () => {
    const limiter = open({ denyCache: false })
    await limiter.check('perUser', 'ada', { cost: 5 })
    store.asked.length = 0
    expect((await limiter.check('perUser', 'ada')).allowed).toBe(false)
    await limiter.peek('perUser', 'ada')
    expect(store.asked).toEqual(['get perUser:fixed_window:ada', 'get perUser:fixed_window:ada'])
  })

  it('calls at once of one subject follow each other: none is counted over another', async () => {
    const limiter = open({ denyCache: false })
    const decisions = await Promise.all(Array.from({ length: 20 }, () => limiter.check('perUser', 'ada')))
    expect(decisions.filter(({ allowed }) => allowed)).toHaveLength(5)
  })

  it('requests that share keys in any order do not wait for each other for ever', async () => {
    const limiter = open({ denyCache: false })
    const [one, other] = ['ada', 'bob'].map(subject => ({ policy: 'perUser' as const, subject }))
    const decisions = await Promise.all(
      Array.from({ length: 6 }, (_, i) => limiter.checkAll(i % 2 ? [one!, other!] : [other!, one!])),
    )
    expect(decisions.filter(({ allowed }) => allowed)).toHaveLength(5)
    expect((await limiter.peek('perUser', 'bob')).remaining).toBe(0)
  })

  it('a lease that is given back leaves no text', async () => {
    const limiter = open()
    const held = await limiter.acquire('jobs', 'ada')
    expect(store.texts.size).toBe(1)
    if (held.acquired) await held.release()
    expect(store.texts.size).toBe(0)
  })

  it('a text that is over is as good as none, however long the store keeps it', async () => {
    const limiter = open()
    await limiter.check('perUser', 'ada', { cost: 5 })
    await clock.advance('61s')
    expect(await limiter.check('perUser', 'ada')).toMatchObject({ allowed: true, remaining: 4 })
  })

  it.each(['nobody wrote this', '[1,9e15,0]', '[2,9e15,0,1]', '[1,"x"]', '{}'])(
    'what is no state of the limit is an error, and stays as it is: %s',
    async text => {
      const limiter = open()
      await limiter.check('perUser', 'ada')
      const [key = ''] = store.texts.keys()
      store.texts.set(key, text)
      await expect(limiter.check('perUser', 'ada')).rejects.toThrow(/holds/)
      const both = [
        { policy: 'perUser', subject: 'bob' },
        { policy: 'perUser', subject: 'ada' },
      ] as const
      await expect(limiter.checkAll(both)).rejects.toMatchObject({ code: 'ERR_SLUICE_FOREIGN_VALUE' })
      expect([...store.texts]).toEqual([[key, text]])
    },
  )

  it.each([
    ['get', 'ERR_SLUICE_STORE_UNAVAILABLE'],
    ['set', 'ERR_SLUICE_CONNECTION_LOST'],
  ])('a store whose %s fails is an outage like any, and its words reach no message', async (method, code) => {
    const limiter = open({ onStoreFailure: 'closed' })
    const errors: unknown[] = []
    limiter.on('storeError', ({ error }) => errors.push(error))
    store.fails = method
    expect(await limiter.check('perUser', 'ada')).toMatchObject({ reason: 'store-unavailable' })
    expect(errors).toEqual([expect.objectContaining({ code, cause: expect.any(Error) })])
    expect((errors[0] as Error).message).not.toContain('ada')
    store.fails = undefined
    await limiter.ready()
    expect(await limiter.check('perUser', 'ada')).toMatchObject({ remaining: 4 })
  })

  it('a caller that gives up before its turn is not counted', async () => {
    const limiter = open()
    const giveUp = new AbortController()
    const first = limiter.check('perUser', 'ada')
    const second = limiter.check('perUser', 'ada', { signal: giveUp.signal })
    giveUp.abort(new Error('gone'))
    await expect(second).rejects.toThrow('gone')
    expect((await first).remaining).toBe(4)
    expect((await limiter.peek('perUser', 'ada')).remaining).toBe(4)
  })

  it('closing waits for what is under way, and closes a store that can be closed', async () => {
    const closed = vi.fn()
    const own = Object.assign(new Recorder(), { close: closed })
    const limiter = open({ store: own })
    const last = limiter.check('perUser', 'ada')
    await limiter.close()
    expect((await last).allowed).toBe(true)
    expect(closed).toHaveBeenCalledOnce()
    await expect(limiter.check('perUser', 'ada')).rejects.toThrow('closed')
  })
})

it('tells once that a store of get and set is not safe for several processes', async () => {
  const limiter = createLimiter({ store: new Map<string, string>(), policies: POLICIES })
  const warnings: string[] = []
  limiter.on('warning', ({ message }) => warnings.push(message))
  expect((await limiter.check('perUser', 'ada')).remaining).toBe(4)
  await limiter.check('perUser', 'ada')
  expect(warnings).toEqual([expect.stringContaining('not safe for several processes')])
  await limiter.close()
})
