import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { RedisStore } from 'rate-limit-redis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type RedisServer, startRedis } from '../support/redis-server.js'
import { runCli } from './run-cli.js'

/** As a person goes through it: each command is a process of its own. */
let server: RedisServer
let redis: Redis
let folder: string

beforeAll(async () => {
  server = await startRedis()
  redis = new Redis(server.url)
  folder = mkdtempSync(join(tmpdir(), 'sluice-journey-'))
})

afterAll(async () => {
  await redis.quit()
  await server.stop()
  rmSync(folder, { recursive: true })
})

const sluice = (...args: string[]) => runCli(args, { env: { SLUICE_STORE: server.url } })
const file = (name: string, content: unknown) => {
  const path = join(folder, name)
  writeFileSync(path, JSON.stringify(content))
  return path
}
const countOf = (stdout: string, outcome: string) =>
  Number(new RegExp(`^ {2}${outcome} +(\\d+)`, 'm').exec(stdout)?.[1])

test('from express-rate-limit on rate-limit-redis: look, try, carry, try again, and ask', async () => {
  const store = new RedisStore({
    sendCommand: async (...command: string[]) =>
      (await redis.call(command[0] as string, ...command.slice(1))) as number,
    prefix: 'rl:',
  })
  await store.init({ windowMs: 3_600_000 } as Parameters<RedisStore['init']>[0])
  for (const address of ['203.0.113.7', '203.0.113.7', '203.0.113.7', '203.0.113.8']) {
    await store.increment(address)
  }
  const look = await sluice('compat', 'live')
  expect(look).toMatchObject({ code: 0, stderr: '' })
  expect(look.stdout).toMatch(/hits +rate-limit-redis +fixed_window +rl: +2/)

  const limiters = file('limiters.json', { api: { limit: 3, windowMs: 3_600_000, prefix: 'rl:' } })
  const move = ['migrate', '--from', 'rate-limit-redis', '--to', 'sluice', '--limiters', limiters]
  const tried = await sluice(...move, '--settle', '1ms')
  expect(tried).toMatchObject({ code: 0, stderr: '' })
  expect(countOf(tried.stdout, 'to carry')).toBe(2)
  expect(tried.stdout).toMatch(/nothing was written; --apply carries it over/)
  expect(await redis.keys('sl1:*')).toEqual([])

  const state = join(folder, 'move.json')
  const carried = await sluice(...move, '--apply', '--state', state)
  expect(carried).toMatchObject({ code: 0, stderr: '' })
  expect(countOf(carried.stdout, 'carried')).toBe(2)
  const again = await sluice(...move, '--apply', '--settle', '1ms')
  expect(countOf(again.stdout, 'carried')).toBe(0)
  expect(countOf(again.stdout, 'stricter already')).toBe(2)

  const policies = file('policies.json', { api: { algorithm: 'fixed_window', limit: 3, window: '1h' } })
  expect(await sluice('check', 'api', '203.0.113.7', '--policies', policies)).toMatchObject({ code: 1 })
  expect(await sluice('check', 'api', '203.0.113.8', '--policies', policies)).toMatchObject({ code: 0 })
  expect(await redis.get('rl:203.0.113.7')).toBe('3')
})
