import { describe, expect, test } from 'vitest'
import { createBreaker } from '../../../src/breaker/index.js'
import { FakeClock } from '../../../src/testing/fake-clock.js'
import { breakerOf, down, times } from './breaker-harness.js'

const refused = (count: number) => Array(count).fill('refused')
const failed = (count: number) => Array(count).fill('failed')

describe('B1: a circuit', () => {
  test('opens at the fifth failure, and not at the fourth', async () => {
    const { fail, stateOf, clock, succeed } = breakerOf()
    expect(await times(4, fail)).toEqual(failed(4))
    expect(await stateOf()).toBe('closed')
    expect(await fail()).toBe('failed')
    expect(await stateOf()).toBe('open')
    expect(await succeed()).toBe('refused')
    await clock.advance('29999ms')
    expect(await succeed()).toBe('refused')
  })

  test('lets a probe out when its time is over, and closes at the third that succeeds', async () => {
    const { fail, succeed, stateOf, clock, transitions } = breakerOf()
    await times(5, fail)
    await clock.advance('30s')
    expect(await succeed()).toBe('passed')
    expect(await stateOf()).toBe('half-open')
    expect(await succeed()).toBe('passed')
    expect(await stateOf()).toBe('half-open')
    expect(await succeed()).toBe('passed')
    expect(await stateOf()).toBe('closed')
    expect(transitions).toEqual(['closed → open', 'open → half-open', 'half-open → closed'])
  })

  test('opens again at the first probe that fails, for twice as long, up to the longest', async () => {
    const { fail, succeed, clock, breaker, transitions } = breakerOf({ backoff: { factor: 2, max: '100s' } })
    await times(5, fail)
    const waits: number[] = []
    for (const wait of ['30s', '60s', '100s', '100s'] as const) {
      waits.push((await breaker.state('api')).retryAfterMs)
      await clock.advance(wait)
      expect(await fail()).toBe('failed')
      expect(await succeed()).toBe('refused')
    }
    expect(waits).toEqual([30_000, 60_000, 100_000, 100_000])
    expect(transitions.slice(0, 3)).toEqual(['closed → open', 'open → half-open', 'half-open → open'])
    await clock.advance('100s')
    await times(3, succeed)
    await times(5, fail)
    expect((await breaker.state('api')).retryAfterMs).toBe(30_000)
  })

  test('lets so many probes out at once as it is told to, and no more than it needs', async () => {
    const { breaker, fail, clock } = breakerOf({ halfOpenMax: 5, successThreshold: 3 })
    await times(5, fail)
    await clock.advance('30s')
    const permits = await Promise.all(Array.from({ length: 9 }, () => breaker.permit('api')))
    expect(permits.map(({ allowed }) => allowed)).toEqual([true, true, true, ...Array(6).fill(false)])
    for (const permit of permits) if (permit.allowed) permit.success()
    expect((await breaker.state('api')).state).toBe('closed')
  })

  test('waits longer by chance, never shorter', async () => {
    const waitAt = async (random: number) => {
      const { breaker, fail } = breakerOf({ jitter: 0.5, random: () => random })
      await times(5, fail)
      return (await breaker.state('api')).retryAfterMs
    }
    expect([await waitAt(0), await waitAt(0.5), await waitAt(1)]).toEqual([30_000, 37_500, 45_000])
  })

  test('tells its caller when to come again, and what stands in the way', async () => {
    const { breaker, fail, clock } = breakerOf({ name: 'upstream' })
    await times(5, fail)
    await clock.advance('10s')
    await expect(breaker.run('api', () => 1)).rejects.toMatchObject({
      code: 'ERR_SLUICE_BREAKER_OPEN',
      breaker: 'upstream',
      state: 'open',
      retryAfterMs: 20_000,
      isForced: false,
      message: "breaker 'upstream' is open; a call may pass in 20000 ms",
    })
  })
})

describe('B2: a refusal', () => {
  test('never counts and never prolongs: one call a second for an hour, and the first probe goes when it is due', async () => {
    const { fail, clock, calls } = breakerOf({ backoff: { factor: 1 } })
    await times(5, fail)
    const reached: number[] = []
    for (let second = 1; second <= 3600; second++) {
      await clock.advance('1s')
      const before = calls()
      await fail()
      if (calls() > before) reached.push(second)
    }
    expect(reached).toEqual(Array.from({ length: 120 }, (_, i) => 30 * (i + 1)))
  })

  test('is no failure of the breaker around it', async () => {
    const inner = breakerOf()
    const outer = breakerOf({ failureThreshold: 1, clock: inner.clock })
    await times(5, inner.fail)
    const nested = () => outer.breaker.run('outer', () => inner.breaker.run('api', () => 'fine'))
    for (let i = 0; i < 10; i++) await expect(nested()).rejects.toThrow(/is open/)
    expect(await outer.stateOf('outer')).toBe('closed')
    expect(outer.breaker.metrics()).toMatchObject({ failedRequests: 0, ignoredRequests: 10 })
  })
})

describe('B5: the rolling window', () => {
  test('forgets by time: an hour after four failures one more opens nothing', async () => {
    const { fail, clock, stateOf } = breakerOf()
    await times(4, fail)
    await clock.advance('1h')
    await fail()
    expect(await stateOf()).toBe('closed')
  })

  test('is not opened by failures 59 s apart', async () => {
    const { fail, clock, stateOf } = breakerOf()
    for (let i = 0; i < 20; i++) {
      await fail()
      await clock.advance('59s')
    }
    expect(await stateOf()).toBe('closed')
  })

  test('is opened by five failures that lie a little closer together than a window', async () => {
    const { fail, clock, stateOf } = breakerOf()
    for (let i = 0; i < 5; i++) {
      await fail()
      await clock.advance('13s')
    }
    expect(await stateOf()).toBe('open')
  })

  test('needs its least number of calls', async () => {
    const { fail, succeed, stateOf } = breakerOf({ failureRate: 0.5, minimumVolume: 10 })
    await times(6, fail)
    await times(3, succeed)
    expect(await stateOf()).toBe('closed')
    await succeed()
    expect(await stateOf()).toBe('open')
  })

  test('opens at its share of failures, and not below', async () => {
    const { fail, succeed, stateOf } = breakerOf({ failureRate: 0.3, minimumVolume: 10 })
    await times(8, succeed)
    await times(2, fail)
    expect(await stateOf()).toBe('closed')
    await times(1, succeed)
    await times(2, fail)
    expect(await stateOf()).toBe('open')
  })
})

describe('B7: an operator', () => {
  test('holds a circuit open whatever the calls say, until the order ends', async () => {
    const { breaker, succeed, clock, stateOf, transitions } = breakerOf()
    await breaker.forceOpen('api', { for: '1h' })
    expect(await succeed()).toBe('refused')
    await clock.advance('59m')
    expect(await succeed()).toBe('refused')
    expect(await breaker.state('api')).toMatchObject({ forced: 'open', retryAfterMs: 60_000 })
    await clock.advance('1m')
    expect(await succeed()).toBe('passed')
    expect(await stateOf()).toBe('closed')
    expect(transitions).toEqual(['closed → open'])
  })

  test('holds one closed: failures pass, and count for nothing, then or later', async () => {
    const { breaker, fail, succeed, stateOf } = breakerOf()
    await times(5, fail)
    await breaker.forceClose('api')
    expect(await times(20, fail)).toEqual(failed(20))
    await breaker.unforce('api')
    expect(await stateOf()).toBe('open')
    await breaker.reset('api')
    expect(await succeed()).toBe('passed')
    expect(await times(4, fail)).toEqual(failed(4))
    expect(await stateOf()).toBe('closed')
  })

  test('shares a circuit that is held open with others: it closes when the last one lets go', async () => {
    const { breaker, succeed } = breakerOf()
    const first = await breaker.isolate('api')
    const second = await breaker.isolate('api')
    await first.release()
    await first.release()
    expect(await succeed()).toBe('refused')
    await second.release()
    expect(await succeed()).toBe('passed')
  })

  test('cannot forget an isolation: it ends by itself', async () => {
    const { breaker, succeed, clock } = breakerOf()
    await breaker.isolate('api', { for: '10m' })
    await clock.advance('10m')
    expect(await succeed()).toBe('passed')
  })

  test('is told when too many hold a circuit open', async () => {
    const { breaker } = breakerOf()
    for (let i = 0; i < 16; i++) await breaker.isolate('api')
    await expect(breaker.isolate('api')).rejects.toThrow(/16 others isolate this circuit/)
  })

  test('makes calls and probes under way count for nothing', async () => {
    const { breaker, fail, clock, stateOf } = breakerOf()
    await times(5, fail)
    await clock.advance('30s')
    const probe = await breaker.permit('api')
    await breaker.reset('api')
    if (probe.allowed) probe.failure()
    expect(await stateOf()).toBe('closed')
    expect(breaker.metrics().staleReports).toBe(1)
  })
})

describe('B10: thresholds that change while calls are under way', () => {
  test('keep what was counted, and hold from the next call on', async () => {
    const { breaker, fail, stateOf } = breakerOf()
    await times(4, fail)
    breaker.update({ failureThreshold: 10 })
    await times(5, fail)
    expect(await stateOf()).toBe('closed')
    breaker.update({ failureThreshold: 3 })
    await fail()
    expect(await stateOf()).toBe('open')
  })

  test('leave those that are not named as they were', async () => {
    const { breaker, fail } = breakerOf({ timeout: '7s' })
    breaker.update({ failureThreshold: 1 })
    await fail()
    expect((await breaker.state('api')).retryAfterMs).toBe(7_000)
  })

  test('hold at once for all where the process is all there is', async () => {
    const { breaker, fail, stateOf } = breakerOf()
    await breaker.updateAll({ failureThreshold: 1 })
    await fail()
    expect(await stateOf()).toBe('open')
    await expect(breaker.updateAll({ failureThreshold: 0 })).rejects.toMatchObject({
      code: 'ERR_SLUICE_POLICY',
    })
  })

  test('are refused as a whole where one of them is wrong', async () => {
    const { breaker, fail, stateOf } = breakerOf()
    expect(() => breaker.update({ failureThreshold: 1, successThreshold: 0 })).toThrow(/successThreshold/)
    await fail()
    expect(await stateOf()).toBe('closed')
  })
})

describe('a permit', () => {
  test('counts once, however often and whatever is said', async () => {
    const { breaker, stateOf } = breakerOf({ failureThreshold: 2 })
    const permit = await breaker.permit('api')
    if (!permit.allowed) throw new Error('it is closed')
    permit.failure()
    permit.failure()
    permit.success()
    expect(await stateOf()).toBe('closed')
    expect(breaker.metrics()).toMatchObject({ totalRequests: 1, failedRequests: 1, successfulRequests: 0 })
  })

  test('frees the place of a probe when it is left without a word', async () => {
    const { breaker, fail, clock } = breakerOf()
    await times(5, fail)
    await clock.advance('30s')
    const probe = await breaker.permit('api')
    expect(probe).toMatchObject({ allowed: true, isProbe: true, state: 'half-open' })
    expect(await breaker.permit('api')).toMatchObject({ allowed: false, retryAfterMs: 30_000 })
    if (probe.allowed) probe[Symbol.dispose]()
    expect(await breaker.permit('api')).toMatchObject({ allowed: true, isProbe: true })
  })

  test('of a probe that takes too long loses its place, and its late word is not heard', async () => {
    const { breaker, fail, clock, stateOf } = breakerOf({ probeTimeout: '5s', successThreshold: 1 })
    await times(5, fail)
    await clock.advance('30s')
    const late = await breaker.permit('api')
    await clock.advance('5s')
    const next = await breaker.permit('api')
    expect(next.allowed).toBe(true)
    if (late.allowed) late.success()
    expect(await stateOf()).toBe('half-open')
    if (next.allowed) next.success()
    expect(await stateOf()).toBe('closed')
  })

  test('of a call that began before the circuit opened says nothing to the one that is half-open', async () => {
    const { breaker, fail, clock, stateOf } = breakerOf()
    const [late, later] = [await breaker.permit('api'), await breaker.permit('api')]
    await times(5, fail)
    await clock.advance('30s')
    await breaker.permit('api')
    if (late.allowed) late.success()
    if (later.allowed) later.failure()
    expect(await stateOf()).toBe('half-open')
    expect(breaker.metrics().staleReports).toBe(2)
  })
})

describe('a breaker', () => {
  test('hands the signal on, and refuses to begin what was given up', async () => {
    const { breaker } = breakerOf()
    const signal = AbortSignal.abort(new Error('given up'))
    await expect(breaker.run('api', () => 1, { signal })).rejects.toThrow('given up')
    await expect(breaker.permit('api', { signal })).rejects.toThrow('given up')
    const live = new AbortController().signal
    expect(await breaker.run('api', given => given, { signal: live })).toBe(live)
    expect(breaker.metrics().totalRequests).toBe(1)
  })

  test('gives on what the call returns and throws, as it is', async () => {
    const { breaker } = breakerOf()
    const value = { status: 200 }
    expect(await breaker.run('api', () => value)).toBe(value)
    await expect(breaker.run('api', () => Promise.reject(down))).rejects.toBe(down)
  })

  test('counts what it saw: every call is somewhere, and once', async () => {
    const { breaker, succeed, fail } = breakerOf()
    await times(3, () => succeed('a'))
    await times(6, () => fail('b'))
    const counts = breaker.metrics()
    expect(counts).toMatchObject({
      ...{
        totalRequests: 9,
        successfulRequests: 3,
        failedRequests: 5,
        rejectedRequests: 1,
        stateTransitions: 1,
      },
      circuits: [
        { key: 'a', state: 'closed', successfulRequests: 3 },
        { key: 'b', state: 'open', failedRequests: 5, rejectedRequests: 1 },
      ],
    })
  })

  test('knows so many circuits and no more, and lets go of those last that are open', async () => {
    const { breaker, fail, succeed } = breakerOf({ maxCircuits: 100 })
    await times(5, () => fail('important'))
    for (let i = 0; i < 5_000; i++) await succeed(`visitor-${i}`)
    const { circuits, totalRequests, forgotten } = breaker.metrics()
    expect(circuits).toHaveLength(100)
    expect([totalRequests, forgotten.totalRequests]).toEqual([5_005, 4_901])
    expect(await succeed('important')).toBe('refused')
  })

  test('survives listeners that throw', async () => {
    const { breaker, fail, warnings, stateOf } = breakerOf({ failureThreshold: 1 })
    breaker.on('failure', () => {
      throw new Error('a bad listener')
    })
    expect(await fail()).toBe('failed')
    expect(await stateOf()).toBe('open')
    expect(warnings.map(({ message }) => message)).toEqual(["a listener of 'failure' failed: a bad listener"])
  })

  test('tells of failures and refusals by the circuit they concern', async () => {
    const told: unknown[] = []
    const breaker = createBreaker({
      clock: new FakeClock(),
      name: 'up',
      scope: 'PerServer',
      failureThreshold: 1,
    })
    breaker.on('failure', event => told.push(event))
    breaker.on('rejected', event => told.push(event))
    await breaker.run({ server: 's' }, () => Promise.reject(down)).catch(() => {})
    await breaker.run({ server: 's' }, () => 1).catch(() => {})
    const circuit = { breaker: 'up', scope: 'server', key: 's' }
    expect(told).toEqual([
      { ...circuit, error: down },
      { ...circuit, state: 'open', retryAfterMs: 30_000 },
    ])
  })

  test('takes no calls once it is closed', async () => {
    const { breaker } = breakerOf()
    await breaker.close()
    await breaker.close()
    await expect(breaker.run('api', () => 1)).rejects.toMatchObject({ code: 'ERR_SLUICE_CLOSED' })
    await expect(breaker.permit('api')).rejects.toMatchObject({ code: 'ERR_SLUICE_CLOSED' })
  })

  test('refuses everyone who comes while it is open', async () => {
    const { fail, succeed } = breakerOf()
    await times(5, fail)
    expect(await Promise.all(Array.from({ length: 64 }, () => succeed()))).toEqual(refused(64))
  })
})
