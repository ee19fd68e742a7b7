import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import {
  closers,
  down,
  fail,
  fleetOf,
  type Member,
  member,
  permitsOf,
  server,
  transitionsOf,
  until,
  useRedis,
} from './breaker-fleet.js'

const PROGRAM = new URL('programs/breaker-prober.ts', import.meta.url)
const RUN_SOURCE = new URL('../../scripts/run-source.ts', import.meta.url).pathname

useRedis()

describe('B4: a fleet of 64 on one Redis', () => {
  /** What each of them knew is too old by now. */
  const forgets = () => sleep(25)
  const QUICK = { timeout: '200ms', backoff: { factor: 1 }, maxAge: '20ms', probeTimeout: '60s' } as const

  test('opens by failures of several, tells of it once, and lets one probe out', async () => {
    const fleet = await fleetOf(64, QUICK)
    for (const one of fleet.slice(0, 5)) await fail(one)
    expect(transitionsOf(fleet)).toEqual(['redis: closed → open'])

    await until(async () => (await fleet[0]?.breaker.state('api'))?.retryAfterMs === 0)
    const rounds = [await permitsOf(fleet), await permitsOf(fleet)]
    expect(rounds.map(permits => permits.length)).toEqual([1, 0])
    expect(transitionsOf(fleet).sort()).toEqual(['redis: closed → open', 'redis: open → half-open'])
  })

  test('needs three probes that succeed, one after the other, and closes for all', async () => {
    const fleet = await fleetOf(64, QUICK)
    for (const one of fleet.slice(0, 5)) await fail(one)
    await forgets()
    let probes = 0
    await until(async () => {
      const permits = await permitsOf(fleet)
      const closed = permits.some(({ isProbe }) => !isProbe)
      if (!closed) probes += permits.length
      for (const permit of permits) permit.success()
      await Promise.all(fleet.map(({ breaker }) => breaker.flush()))
      return closed
    })
    expect(probes).toBe(3)
    await until(async () => (await permitsOf(fleet)).length === 64)
    expect(transitionsOf(fleet).sort()).toEqual([
      'redis: closed → open',
      'redis: half-open → closed',
      'redis: open → half-open',
    ])
  })

  test('opens again by a probe that fails; one that says nothing only frees its place', async () => {
    const fleet = await fleetOf(8, QUICK)
    for (const one of fleet.slice(0, 5)) await fail(one)
    await forgets()
    const probe = async () => {
      let permits = await permitsOf(fleet)
      await until(async () => {
        if (permits.length === 0) permits = await permitsOf(fleet)
        return permits.length > 0
      })
      return permits
    }
    for (const permit of await probe()) permit.ignore()
    const again = await probe()
    expect(again.map(({ state }) => state)).toEqual(['half-open'])
    for (const permit of again) permit.failure(down)
    await Promise.all(fleet.map(({ breaker }) => breaker.flush()))
    expect(transitionsOf(fleet).sort()).toEqual([
      'redis: closed → open',
      'redis: half-open → open',
      'redis: open → half-open',
    ])
  })

  test('does not hear those who began before it opened', async () => {
    const fleet = await fleetOf(8, QUICK)
    const early = await permitsOf(fleet)
    for (const one of fleet.slice(0, 5)) await fail(one)
    await forgets()
    const [success, failure, ...others] = early
    await until(async () => (await permitsOf(fleet)).length > 0)
    success?.success()
    failure?.failure(down)
    for (const permit of others) permit.success()
    await Promise.all(fleet.map(({ breaker }) => breaker.flush()))
    expect((await fleet[0]?.breaker.state('api'))?.state).toBe('half-open')
    const stale = fleet.map(({ breaker }) => breaker.metrics().staleReports)
    expect(stale.reduce((sum, count) => sum + count)).toBe(8)
  })

  test('waits for the lease of a probe whose process was killed, and no longer', async () => {
    const [one] = (await fleetOf(1, { ...QUICK, probeTimeout: '1s' })) as [Member]
    for (let i = 0; i < 5; i++) await fail(one)
    const prober: ChildProcess = fork(PROGRAM, [server.url], { execArgv: ['--import', RUN_SOURCE] })
    closers.push(() => prober.kill('SIGKILL'))
    const [message] = await once(prober, 'message')
    expect(message).toBe('probing')
    prober.kill('SIGKILL')
    await once(prober, 'exit')
    // By the server's own clock.
    const { retryAfterMs } = await one.breaker.state('api')
    expect(retryAfterMs).toBeGreaterThan(0)
    expect(retryAfterMs).toBeLessThanOrEqual(1000)
    const refusedFor: number[] = []
    await until(async () => {
      const permit = await one.breaker.permit('api')
      if (!permit.allowed) refusedFor.push(permit.retryAfterMs)
      return permit.allowed
    })
    expect(refusedFor.length).toBeGreaterThan(0)
    expect(transitionsOf([one])).toEqual(['redis: closed → open'])
  })
})

describe('B11: what is sent', () => {
  /** EVALSHA calls while something is done. */
  async function scripts(done: () => Promise<unknown>): Promise<number> {
    const calls = async () => {
      const stats = await server.cli('INFO', 'commandstats')
      return Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1] ?? 0)
    }
    const before = await calls()
    await done()
    return (await calls()) - before
  }

  test('is one round trip for all failures of a turn, of any number of circuits', async () => {
    const [one] = (await fleetOf(1, { maxAge: '24d' })) as [Member]
    const subjects = Array.from({ length: 10 }, (_, i) => `api-${i}`)
    const ask = () => Promise.all(subjects.map(subject => one.breaker.permit(subject)))
    expect(await scripts(ask)).toBe(1)
    const failAll = async () => {
      const calls = Array.from({ length: 100 }, (_, i) =>
        one.breaker.run(subjects[i % 10] as string, () => Promise.reject(down)).catch(() => {}),
      )
      await Promise.all(calls)
      await one.breaker.flush()
    }
    expect(await scripts(failAll)).toBe(1)
    expect((await one.breaker.permit('api-3')).allowed).toBe(false)
  })

  test('is nothing for calls that succeed, and nothing for those that are refused', async () => {
    const [one] = (await fleetOf(1, { maxAge: '24d' })) as [Member]
    await one.breaker.permit('api')
    const succeed = async () => {
      for (let i = 0; i < 100; i++) await one.breaker.run('api', () => 'fine')
      await one.breaker.flush()
    }
    expect(await scripts(succeed)).toBe(0)
    for (let i = 0; i < 5; i++) await fail(one)
    const refuse = async () => {
      for (let i = 0; i < 100; i++) await one.breaker.permit('api')
      await one.breaker.flush()
    }
    expect(await scripts(refuse)).toBe(0)
  })

  test('is one report for a hundred successes where their share counts', async () => {
    const [one] = (await fleetOf(1, { failureRate: 0.5, minimumVolume: 200, maxAge: '24d' })) as [Member]
    await one.breaker.permit('api')
    const succeed = async () => {
      for (let i = 0; i < 100; i++) await one.breaker.run('api', () => 'fine')
      await one.breaker.flush()
    }
    expect(await scripts(succeed)).toBe(1)
    const failAsOften = async () => {
      for (let i = 0; i < 100; i++) await one.breaker.run('api', () => Promise.reject(down)).catch(() => {})
      await one.breaker.flush()
    }
    await failAsOften()
    expect((await one.breaker.state('api')).state).toBe('open')
  })

  test('leaves no key without an end, and none where nothing happened', async () => {
    const [one] = (await fleetOf(1)) as [Member]
    await one.breaker.permit('quiet')
    expect(await server.cli('DBSIZE')).toBe('0')
    await fail(one)
    await one.breaker.forceOpen('held', { for: '2h' })
    const keys = (await server.cli('KEYS', '*')).split('\n').sort()
    expect(keys).toHaveLength(2)
    for (const key of keys) {
      expect(key).toMatch(/^sl1:\{\w+\}:up:breaker:(api|held)$/)
      expect(Number(await server.cli('PTTL', key))).toBeGreaterThan(0)
    }
  })

  test('goes on after SCRIPT FLUSH', async () => {
    const [one] = (await fleetOf(1)) as [Member]
    await fail(one)
    await server.cli('SCRIPT', 'FLUSH')
    for (let i = 0; i < 4; i++) await fail(one)
    expect((await one.breaker.state('api')).state).toBe('open')
    expect(one.told).toEqual([])
  })
})

describe('B6: what one process did', () => {
  test('is there for the next, after a restart of all of them', async () => {
    const first = member()
    for (let i = 0; i < 5; i++) await fail(first)
    await first.breaker.close()
    const second = member()
    expect(await second.breaker.permit('api')).toMatchObject({ allowed: false, state: 'open' })
  })

  test('reaches another that knew better within its maxAge: trips, orders and resets', async () => {
    const [one, two] = (await fleetOf(2, { maxAge: '50ms' })) as [Member, Member]
    const isRefused = async () => !(await two.breaker.permit('api')).allowed
    expect(await isRefused()).toBe(false)
    for (let i = 0; i < 5; i++) await fail(one)
    await until(isRefused)
    await one.breaker.reset('api')
    await until(async () => !(await isRefused()))
    const isolation = await one.breaker.isolate('api')
    await until(isRefused)
    await isolation.release()
    await until(async () => !(await isRefused()))
    expect(two.transitions).toEqual([])
  })

  test('is told by metrics of a process that does not call any more', async () => {
    const [one, two] = (await fleetOf(2, { maxAge: '20ms' })) as [Member, Member]
    for (let i = 0; i < 5; i++) await fail(one)
    const told = () => one.breaker.metrics().circuits.map(({ state }) => state)
    expect(told()).toEqual(['open'])
    await two.breaker.reset('api')
    await until(() => told()[0] === 'closed')
  })

  test('concerns neither other names, nor other prefixes, nor other subjects', async () => {
    const one = member()
    for (let i = 0; i < 5; i++) await fail(one)
    expect(await one.breaker.permit('other')).toMatchObject({ allowed: true })
    expect(await member({ name: 'down' }).breaker.permit('api')).toMatchObject({ allowed: true })
    expect(await member({ prefix: 'mcp:circuit_breaker:' }).breaker.permit('api')).toMatchObject({
      allowed: true,
    })
  })

  test('is left alone where the key is of somebody else: the circuit is kept in the process, and told of', async () => {
    const one = member()
    await fail(one)
    const key = await server.cli('KEYS', '*')
    await server.cli('DEL', key)
    await server.cli('LPUSH', key, 'mine')
    for (let i = 0; i < 6; i++) await fail(one)
    expect(await one.breaker.permit('api')).toMatchObject({ allowed: false })
    expect(await server.cli('LRANGE', key, '0', '-1')).toBe('mine')
    expect(one.told).toEqual([
      "a circuit of breaker 'up' cannot be kept in the store, and is kept here alone",
    ])
  })
})

describe('B10: thresholds for the whole fleet', () => {
  const KEY = 'sl1:{ru}:up:breaker-settings'

  /** Uses the breaker until it has taken over what others have left. */
  async function learns({ breaker }: Member): Promise<void> {
    let isTold = false
    const stop = breaker.on('update', () => {
      isTold = true
    })
    await until(async () => {
      await breaker.permit('other')
      return isTold
    })
    stop()
  }

  test('hold in each process that is in use, and in one that starts later; what was counted stays', async () => {
    const [one, two] = (await fleetOf(2, { maxAge: '50ms' })) as [Member, Member]
    for (const member of [one, one, two]) await fail(member)
    const learnt = learns(two)
    await one.breaker.updateAll({ failureThreshold: 8 })
    await learnt
    await one.breaker.updateAll({ timeout: '90s' })
    expect(await server.cli('GET', KEY)).toBe('{"failureThreshold":8,"timeout":"90s"}')
    expect(Number(await server.cli('PTTL', KEY))).toBeGreaterThan(0)
    for (let i = 0; i < 4; i++) await fail(two)
    expect(await two.breaker.state('api')).toMatchObject({ state: 'closed' })

    const later = member()
    await learns(later)
    await fail(later)
    const { state, retryAfterMs } = await later.breaker.state('api')
    expect(state).toBe('open')
    expect(retryAfterMs).toBeGreaterThan(60_000)
  })

  test('that somebody has damaged are told of, and left alone', async () => {
    await server.cli('SET', KEY, '{"failureThreshold":0}')
    const one = member()
    await until(async () => {
      await one.breaker.permit('api')
      return one.told.length > 0
    })
    expect(one.told).toEqual(["thresholds in the store of breaker 'up' are not taken over"])
    for (let i = 0; i < 5; i++) await fail(one)
    expect(await one.breaker.state('api')).toMatchObject({ state: 'open' })
  })
})

test('a key with everything in it that could mislead a server is one circuit', async () => {
  const one = member({ failureThreshold: 1 })
  const hostile = ['{}', 'a:b', '%7B', '\0\r\n', 'é', `${'x'.repeat(1_000_000)}`]
  for (const subject of hostile) await fail(one, subject)
  const keys = (await server.cli('KEYS', '*')).split('\n')
  expect(keys).toHaveLength(hostile.length)
  for (const key of keys) expect(key).toMatch(/^sl1:\{\w+\}:up:breaker:[A-Za-z0-9_.%~-]+$/)
  for (const subject of hostile) expect(await one.breaker.permit(subject)).toMatchObject({ allowed: false })
})
