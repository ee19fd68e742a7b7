import { describe, expect, test } from 'vitest'
import type { CustomBreakerStore } from '../../../src/breaker/index.js'
import { FakeClock } from '../../../src/testing/fake-clock.js'
import { breakerOf, times } from './breaker-harness.js'

/** A store that takes a turn of the event loop for everything, as one over a network does. */
function slowStore() {
  const texts = new Map<string, { text: string; ttlMs: number }>()
  const turn = () => new Promise<void>(resolve => setImmediate(resolve))
  const store: CustomBreakerStore = {
    async get(key) {
      await turn()
      return texts.get(key)?.text
    },
    async set(key, text, ttlMs) {
      await turn()
      texts.set(key, { text, ttlMs })
    },
  }
  return { store, texts }
}

const FOR_ONE_PROCESS = { message: expect.stringContaining('not safe for several processes') }

const settings = { deadline: '5s', maxAge: '1ms' } as const

describe('B6: circuits in a store of the user', () => {
  test('lose no failure of calls at the same time, by get and set alone', async () => {
    const { store } = slowStore()
    const { breaker, fail, stateOf } = breakerOf({ store, failureThreshold: 20, ...settings })
    await Promise.all(Array.from({ length: 19 }, () => fail()))
    await breaker.flush()
    expect(await stateOf()).toBe('closed')
    await fail()
    await breaker.flush()
    expect(await stateOf()).toBe('open')
  })

  test('are there for the next breaker on it', async () => {
    const { store } = slowStore()
    const clock = new FakeClock()
    const first = breakerOf({ store, clock, ...settings })
    await times(5, first.fail)
    await first.breaker.close()
    const second = breakerOf({ store, clock, ...settings })
    expect(await second.succeed()).toBe('refused')
  })

  test('are stored under keys that tell breakers apart, and for a time that ends', async () => {
    const { store, texts } = slowStore()
    for (const name of ['one', 'two']) {
      const { breaker, fail } = breakerOf({ store, name, prefix: 'app', ...settings })
      await fail('a:{b}')
      await breaker.close()
    }
    expect([...texts.keys()].sort()).toEqual([
      expect.stringMatching(/^app:sl1:\{\w+\}:one:breaker:a%3A%7Bb%7D$/),
      expect.stringMatching(/^app:sl1:\{\w+\}:two:breaker:a%3A%7Bb%7D$/),
    ])
    for (const { ttlMs } of texts.values()) expect(ttlMs).toBe(66_000)
  })

  test('go by update where there is one, so that several processes may share them', async () => {
    const { store, texts } = slowStore()
    let updates = 0
    const atomic: CustomBreakerStore = {
      ...store,
      update(key, change) {
        updates++
        const stored = change(texts.get(key)?.text)
        if (stored !== undefined) texts.set(key, stored)
      },
    }
    const clock = new FakeClock()
    const fleet = Array.from({ length: 5 }, () => breakerOf({ store: atomic, clock, ...settings }))
    for (const { breaker, fail } of fleet) {
      await fail()
      await breaker.flush()
    }
    expect(updates).toBeGreaterThan(5)
    expect(await Promise.all(fleet.map(({ stateOf }) => stateOf()))).toEqual(Array(5).fill('open'))
    expect(fleet.flatMap(({ warnings }) => warnings)).toEqual([])
    expect(fleet.flatMap(({ transitions }) => transitions)).toEqual(['closed → open'])
  })

  test('that fails leaves each process to itself, and tells so once', async () => {
    const broken: CustomBreakerStore = {
      get: () => {
        throw new Error('no store today')
      },
      set: () => {},
    }
    const { breaker, succeed, fail } = breakerOf({ store: broken, ...settings })
    const downs: unknown[] = []
    breaker.on('storeDown', ({ error }) => downs.push(error))
    expect(await times(5, fail)).toEqual(Array(5).fill('failed'))
    expect(await succeed()).toBe('refused')
    expect(downs).toEqual([expect.objectContaining({ message: 'no store today' })])
    await expect(breaker.forceOpen('api')).rejects.toMatchObject({ code: 'ERR_SLUICE_STORE_UNAVAILABLE' })
  })

  test('B8: that fails while a circuit is half-open lets out one probe of this process, and decides again when it is back', async () => {
    const { store } = slowStore()
    let isDown = false
    const failing: CustomBreakerStore = {
      ...store,
      get: key => (isDown ? Promise.reject(new Error('away')) : store.get(key)),
    }
    const clock = new FakeClock()
    const one = breakerOf({ store: failing, clock, failureThreshold: 1, ...settings })
    await one.fail()
    await one.breaker.flush()
    await clock.advance('30s')
    const probe = await one.breaker.permit('api')
    expect(probe).toMatchObject({ allowed: true, isProbe: true })

    isDown = true
    const ups = new Promise(resolve => one.breaker.on('storeUp', resolve))
    let isKnownDown = false
    one.breaker.on('storeDown', () => {
      isKnownDown = true
    })
    while (!isKnownDown) {
      await clock.advance('1s')
      await one.breaker.state('api').catch(() => {})
    }
    await clock.advance('30s')
    const permits = await Promise.all(Array.from({ length: 5 }, () => one.breaker.permit('api')))
    expect(permits.filter(({ allowed }) => allowed)).toHaveLength(1)
    for (const permit of permits) if (permit.allowed) permit.failure()
    expect(await one.succeed()).toBe('refused')

    isDown = false
    await clock.advance('2s')
    await ups
    const other = breakerOf({ store: failing, clock, failureThreshold: 1, ...settings })
    await one.breaker.flush()
    expect(await other.succeed()).toBe('refused')
  })

  test('of something else is not touched: the circuit is kept in the process, with a warning', async () => {
    const { store, texts } = slowStore()
    const first = breakerOf({ store, ...settings })
    await first.fail()
    await first.breaker.close()
    for (const entry of texts.values()) entry.text = 'hello'
    const second = breakerOf({ store, ...settings })
    await times(5, second.fail)
    expect(await second.succeed()).toBe('refused')
    expect(second.warnings).toMatchObject([FOR_ONE_PROCESS, { error: { code: 'ERR_SLUICE_FOREIGN_VALUE' } }])
    expect([...texts.values()].map(({ text }) => text)).toEqual(['hello'])
  })
})
