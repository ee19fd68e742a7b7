import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type RedisServer, startRedis } from '../support/redis-server.js'
import { copyRelease, type ReleaseFolder } from '../support/release-folder.js'
import { runHere } from './run-cli.js'

let server: RedisServer
const copies: ReleaseFolder[] = []
beforeAll(async () => {
  server = await startRedis()
})
afterEach(() => {
  for (const copy of copies.splice(0)) copy.remove()
})
afterAll(() => server.stop())

/** A release whose gcra counts from another day, built as any other: its digests are right. */
function broken(): ReleaseFolder {
  const copy = copyRelease()
  copies.push(copy)
  copy.rebuild('dist/decide.lua', text => text.replaceAll('1577836800000000', '1577750400000000'))
  return copy
}

const onServer = (before: string, after: string) =>
  runHere(['compat', 'check', before, after, '--shards', '128', '--store', server.url])

test('two releases that do the same on a server are compatible, and nothing is left there', async () => {
  const { code, stdout } = await onServer('lua/releases/0.9.0', 'lua')
  expect([code, stdout]).toEqual([0, expect.stringMatching(/^compatible/)])
  expect(await server.cli('DBSIZE')).toBe('0')
})

test('a release that leaves another state is not believed without a server', async () => {
  const { code, stdout } = await runHere(['compat', 'check', 'lua', broken().path])
  expect(code).toBe(1)
  expect(stdout).toMatch(/^unknown: .*\n\nunknown {2}states/)
})

test('and is told by algorithm, story and both values with one', async () => {
  const { code, stdout } = await onServer('lua', broken().path)
  expect(code).toBe(1)
  expect(stdout.replace(/\s+/g, ' ')).toMatch(
    /breaks states by \S+ gcra, '.+', after step \d+ \(consume\): the key holds 0x[0-9a-f]+, and should hold 0x31363937/,
  )
  expect(await server.cli('DBSIZE')).toBe('0')
})

test('a script that cannot run at all is an error of the store', async () => {
  const copy = copyRelease()
  copies.push(copy)
  copy.rebuild('dist/decide.lua', () => 'this is no Lua\n')
  expect(await onServer('lua', copy.path)).toMatchObject({ code: 3, stdout: '' })
})
