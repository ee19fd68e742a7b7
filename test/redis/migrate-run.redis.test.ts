import { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  type MigrateOptions,
  type MigrationPlace,
  type MigrationSide,
  migrate,
} from '../../src/compat/index.js'
import { HOUR_MS, hourly, type Move, startMove } from '../support/migration.js'

let move: Move

beforeAll(async () => {
  move = await startMove()
})

afterAll(() => move.stop())

beforeEach(() => move.redis.flushall())

describe('a dry run', () => {
  test('says what would be done, and writes nothing', async () => {
    await move.before.consume('ann', 7)
    const before = await move.everything()
    const report = await migrate({
      from: move.flexible(),
      to: move.sluice(hourly('fixed_window')),
      settleMs: 0,
    })
    expect(report).toMatchObject({ applied: false, counts: { carried: 1 } })
    expect(await move.everything()).toEqual(before)
    expect(await move.redis.exists('sl1:meta')).toBe(0)
  })

  test('is refused where the limiters on the new keys are set up otherwise', async () => {
    await move.before.consume('ann', 7)
    await move.redis.set('sl1:meta', '{"stateVersion":1,"shards":64}')
    const options = { from: move.flexible(), to: move.sluice(hourly('gcra')), settleMs: 0 }
    await expect(migrate(options)).rejects.toMatchObject({ code: 'ERR_SLUICE_META_MISMATCH' })
  })

  test('touches no key of anybody else, and tells what it cannot read', async () => {
    await move.redis.mset('login:text', 'hello', 'logins:ann', '3', 'other', 'x', 'login:none', '0')
    await move.redis.rpush('login:list', 'a')
    const before = await move.everything()
    const report = await move.run({ from: move.flexible(), to: move.sluice(hourly('fixed_window')) })
    expect(report.counts).toMatchObject({ carried: 0, unknown: 1, wrongType: 1, unused: 1 })
    expect(report.examples).toEqual({ unknown: ['login:text'], wrongType: ['login:list'] })
    expect(await move.everything()).toEqual(before)
  })
})

describe('while the old limiter still runs', () => {
  test.each<[string, number, () => Promise<unknown>]>([
    ['counts', 500, () => move.before.penalty('ann')],
    // Idle times are whole seconds.
    ['reads', 3_500, () => move.before.get('ann')],
    ['moves the end of a key', 500, () => move.redis.pexpire('login:ann', 10_000)],
  ])('and %s, nothing is carried, unless forced', async (_, settleMs, use) => {
    await move.before.consume('ann', 5)
    const isOver = new AbortController()
    const busy = (async () => {
      while (!isOver.signal.aborted) {
        await use()
        await new Promise(resolve => setTimeout(resolve, 50))
      }
    })()
    const options = {
      from: move.flexible(),
      to: move.sluice(hourly('fixed_window', 1000)),
      settleMs,
      apply: true,
    }
    await expect(migrate(options)).rejects.toMatchObject({ code: 'ERR_SLUICE_MIGRATION', key: 'login:ann' })
    expect(await move.redis.keys('sl1:*:login:*')).toEqual([])
    isOver.abort()
    await busy
  })

  test('a key that was written after the beginning stops it', async () => {
    await move.before.consume('ann')
    const options = {
      from: move.flexible(),
      to: move.sluice(hourly('fixed_window')),
      place: { ...BEGINNING, startedUs: 1_000_000 },
    }
    await expect(move.run(options)).rejects.toThrow(
      /'login:ann' shows it \(it was written after the migration began\)/,
    )
    expect(await move.run({ ...options, force: true })).toMatchObject({
      counts: { carried: 1 },
      live: { key: 'login:ann' },
    })
  })
})

const BEGINNING: MigrationPlace = {
  done: [],
  node: '',
  match: 0,
  cursor: undefined,
  looked: 0,
  scanned: 0,
  counts: { carried: 0, stricter: 0, unused: 0, expired: 0, unknown: 0, wrongType: 0 },
  startedUs: 0,
}

test('an interrupted run goes on where it was, and in the end every key is carried', async () => {
  const commands = move.redis.pipeline()
  for (let user = 0; user < 3000; user++)
    commands.set(`login:u${user}`, String(1 + (user % 10)), 'PX', HOUR_MS - 60_000)
  await commands.exec()
  const options = { from: move.flexible(), to: move.sluice(hourly('fixed_window')) }
  const stop = new AbortController()
  let reached: MigrationPlace | undefined
  const interrupted = move.run({
    ...options,
    signal: stop.signal,
    onPage(place) {
      reached = place
      if (place.scanned >= 1000) stop.abort(new Error('enough'))
    },
  })
  await expect(interrupted).rejects.toThrow('enough')
  const carried = (await move.redis.keys('sl1:*:login:*')).length
  expect(carried).toBeGreaterThanOrEqual(1000)
  expect(carried).toBeLessThan(3000)

  const report = await move.run({ ...options, place: reached as MigrationPlace })
  expect(report.counts.carried + report.counts.stricter).toBe(3000)
  expect((await move.redis.keys('sl1:*:login:*')).length).toBe(3000)
})

test('a server that evicts by frequency keeps no idle times, and is migrated all the same', async () => {
  await move.redis.config('SET', 'maxmemory-policy', 'allkeys-lfu')
  await move.before.consume('ann', 3)
  expect(await move.run({ from: move.flexible(), to: move.sluice(hourly('gcra')) })).toMatchObject({
    counts: { carried: 1 },
  })
  await move.redis.config('SET', 'maxmemory-policy', 'noeviction')
})

describe('what cannot be carried', () => {
  const prefixed = new Redis({ keyPrefix: 'app:', lazyConnect: true })

  test.each<[string, () => MigrateOptions, RegExp]>([
    [
      'a limiter without a policy of its name',
      () => ({ from: move.flexible(), to: move.sluice({ signup: '5/m' }) }),
      /nowhere to carry login: the new limiter has signup/,
    ],
    [
      'keys without a prefix',
      () => ({
        from: {
          ...move.flexible(),
          limiters: { all: { points: 1, duration: 1, keyPrefix: '' } },
        } as MigrationSide,
        to: move.sluice({ all: '5/m' }),
      }),
      /limiter 'all' has keys without a prefix/,
    ],
    [
      'keys of a client that writes a prefix of its own',
      () => ({ from: { ...move.flexible(), store: prefixed }, to: move.sluice(hourly('gcra')) }),
      /this client writes 'app:' before every key/,
    ],
    [
      'to a log or bucket of the MCP gateway',
      () => ({
        from: move.sluice({ by_user: '5/m' }),
        to: {
          dialect: 'mcp-gateway',
          store: move.url,
          config: { by_user: '5/m', algorithm: 'token_bucket' },
        },
      }),
      /carries a fixed_window only/,
    ],
  ])('%s', async (_, options, message) => {
    await expect(move.run(options())).rejects.toThrow(message)
  })
})
