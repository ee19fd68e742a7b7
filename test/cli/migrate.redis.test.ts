import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { Redis } from 'ioredis'
import { RateLimiterRedis } from 'rate-limiter-flexible'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { run } from '../../src/cli/program.js'
import { type RedisServer, startRedis } from '../support/redis-server.js'
import { runHere, spawnCli } from './run-cli.js'

let server: RedisServer
let redis: Redis
let folder: string

const file = (name: string) => join(folder, name)
const json = (name: string, content: unknown) => {
  writeFileSync(file(name), JSON.stringify(content))
  return file(name)
}

beforeAll(async () => {
  server = await startRedis()
  redis = new Redis(server.url)
  folder = mkdtempSync(join(tmpdir(), 'sluice-migrate-'))
})

afterAll(async () => {
  await redis.quit()
  await server.stop()
  rmSync(folder, { recursive: true })
})

beforeEach(() => redis.flushall())

const LOGIN = { points: 10, duration: 3600, keyPrefix: 'login' }
const fromFlexible = () => [
  ...['migrate', '--from', 'rate-limiter-flexible', '--to', 'sluice', '--store', server.url],
  ...['--limiters', json('limiters.json', { login: LOGIN }), '--settle', '1ms'],
]
const consume = (key: string, points: number) =>
  new RateLimiterRedis({ storeClient: redis, ...LOGIN }).consume(key, points)
const ourKeys = () => redis.keys('sl1:*:login:*')

test('a dry run first: a table of what would be done, and nothing written', async () => {
  await consume('ann', 7)
  await redis.set('login:text', 'x')
  const { code, stdout, stderr } = await runHere(fromFlexible())
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toMatch(/^rate-limiter-flexible to sluice: 2 keys\n {2}to carry +1 /)
  expect(stdout).toMatch(/unknown form +1 /)
  expect(stdout).toContain('    login:text')
  expect(stdout).toMatch(/nothing was written; --apply carries it over\n$/)
  expect(await ourKeys()).toEqual([])
})

test('applied, the policies are those of the old limiter where none are given', async () => {
  await consume('ann', 7)
  const { code, stdout } = await runHere([...fromFlexible(), '--apply', '--json'])
  expect(code).toBe(0)
  expect(JSON.parse(stdout)).toMatchObject({ applied: true, scanned: 1, counts: { carried: 1, stricter: 0 } })
  const policies = json('policies.json', { login: { algorithm: 'fixed_window', limit: 10, window: '1h' } })
  const peeked = await runHere([
    'peek',
    'login',
    'ann',
    '--policies',
    policies,
    '--store',
    server.url,
    '--json',
  ])
  expect(JSON.parse(peeked.stdout)).toMatchObject({ allowed: true, remaining: 3 })

  const again = await runHere([...fromFlexible(), '--apply', '--json'])
  expect(JSON.parse(again.stdout)).toMatchObject({ counts: { carried: 0, stricter: 1 } })
})

test('policies of its own may be of any algorithm', async () => {
  await consume('ann', 7)
  const args = [
    ...fromFlexible(),
    '--apply',
    '--policy',
    'login=20/h',
    '--algorithm',
    'token_bucket',
    '--prefix',
    'new',
  ]
  expect(await runHere(args)).toMatchObject({ code: 0 })
  expect((await redis.keys('new:sl1:*:login:token_bucket:ann')).length).toBe(1)
})

test('refused with 1 while the old limiter runs, and told how to go on', async () => {
  await consume('ann', 1)
  const limiter = new RateLimiterRedis({ storeClient: redis, ...LOGIN })
  const busy = setInterval(() => limiter.penalty('ann'), 20)
  const args = fromFlexible().map(word => (word === '1ms' ? '300ms' : word))
  const dry = await runHere(args)
  const applied = await runHere([...args, '--apply'])
  clearInterval(busy)
  expect(dry).toMatchObject({ code: 1, stdout: expect.stringMatching(/still in use: 'login:ann'/) })
  expect(applied).toMatchObject({ code: 1, stdout: '' })
  expect(applied.stderr).toMatch(/the old limiter still uses its keys: 'login:ann' .*--force/)
  expect(await ourKeys()).toEqual([])
  expect(await runHere([...fromFlexible(), '--apply', '--force'])).toMatchObject({ code: 0 })
})

test('interrupted, it keeps its place in a file and goes on from there', async () => {
  const commands = redis.pipeline()
  for (let user = 0; user < 4000; user++) commands.set(`login:u${user}`, '5', 'PX', 3_000_000)
  await commands.exec()
  const state = file('state.json')
  const args = [...fromFlexible(), '--apply', '--state', state]
  const child = spawnCli([...args, '--rate', '1000'])
  const ended = new Promise(resolve => child.once('close', resolve))
  while (!existsSync(state) && child.exitCode === null) await new Promise(resolve => setTimeout(resolve, 10))
  child.kill('SIGINT')
  expect(await ended).toBe(130)
  const { place } = JSON.parse(readFileSync(state, 'utf8'))
  expect(place.scanned).toBeGreaterThan(0)
  expect(place.scanned).toBeLessThan(4000)

  const others = [
    [...fromFlexible(), '--state', state],
    [...args, '--policy', 'login=20/h'],
  ]
  for (const other of others) {
    expect(await runHere(other)).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/belongs to another migration \(rate-limiter-flexible to sluice/),
    })
  }
  const { code, stdout } = await runHere([...args, '--json'])
  expect(code).toBe(0)
  const { counts } = JSON.parse(stdout)
  expect(counts.carried + counts.stricter).toBe(4000)
  expect((await ourKeys()).length).toBe(4000)
  expect(existsSync(state)).toBe(false)
})

test('a file that is no place is refused', async () => {
  const state = json('broken.json', { version: 2 })
  expect(await runHere([...fromFlexible(), '--state', state])).toMatchObject({
    code: 4,
    stderr: expect.stringMatching(/does not say where a migration stopped/),
  })
})

test('at a terminal, a bar shows the way through all keys, and is gone at the end', async () => {
  for (let user = 0; user < 20; user++) await consume(`u${user}`, 1)
  const stderr = Object.assign(new PassThrough({ encoding: 'utf8' }), { isTTY: true })
  const stdout = new PassThrough({ encoding: 'utf8' })
  expect(await run([...fromFlexible(), '--apply'], { stdout, stderr })).toBe(0)
  expect(stderr.read()).toMatch(/migrating .*100%/)
  expect(stdout.read()).toMatch(/^rate-limiter-flexible to sluice: 20 keys\n/)
})

test('where no key is found, the prefix may be wrong', async () => {
  await redis.set('other:ann', '3')
  const { code, stdout } = await runHere(fromFlexible())
  expect(code).toBe(0)
  expect(stdout).toMatch(
    /: 0 keys\n.*no key begins as those of rate-limiter-flexible do; 'sluice compat live'/s,
  )
})
