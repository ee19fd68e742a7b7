import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runHere } from './run-cli.js'

let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-migrate-'))
  for (const [name, content] of Object.entries(FILES)) writeFileSync(join(folder, name), content)
})

afterAll(() => rmSync(folder, { recursive: true }))

const FILES = {
  'login.json': '{ "login": { "points": 5, "duration": 900 } }',
  'hits.json': '{ "login": { "limit": 5 } }',
  'gateway.json': '{ "by_user": "60/m" }',
  'gateway-number.json': '{ "by_user": 60, "algorithm": "leaky", "redis_url": "redis://x" }',
  'gateway-bucket.json': '{ "by_user": "60/m", "algorithm": "token_bucket" }',
  'zero.json': '{ "login": { "limit": 0 } }',
  'bare.json': '{ "login": { "points": 5, "duration": 900, "keyPrefix": "" } }',
  'list.json': '[1]',
  'empty.json': '{}',
  'cut.json': '{ "login":',
  'state.json': '{ "version": 2 }',
}

/** Names of files stand for their paths. Nothing listens there: what is wrong is told before anybody is asked. */
const migrate = (line: string) =>
  runHere([
    ...['migrate', '--store', 'redis://127.0.0.1:1'],
    ...line.split(' ').map(word => (word.endsWith('.json') ? join(folder, word) : word)),
  ])

const FLEXIBLE = '--from rate-limiter-flexible --to sluice'

describe('a mistake on the command line of a migration ends with 2 before any server is asked', () => {
  test.each<[string, RegExp]>([
    ['--to sluice', /required option '--from <dialect>' not specified/],
    [
      '--from upstash --to sluice',
      /Allowed choices are sluice, rate-limiter-flexible, rate-limit-redis, mcp-g/,
    ],
    [FLEXIBLE, /--limiters FILE is missing: the options of the limiters of rate-limiter-flexible/],
    [`${FLEXIBLE} --limiters login.json more`, /too many arguments/],
    ['--from rate-limit-redis --to mcp-gateway --limiters hits.json', /--to-limiters FILE is missing/],
    [`${FLEXIBLE} --limiters list.json`, /limiters: a list is not an object of limiters by name/],
    [`${FLEXIBLE} --limiters empty.json`, /limiters: is empty; give the options of at least one limiter/],
    [`${FLEXIBLE} --limiters bare.json`, /limiter 'login' has keys without a prefix/],
    [`${FLEXIBLE} --limiters hits.json`, /limiters\.login\.points: is missing/],
    [
      '--from rate-limit-redis --to sluice --limiters zero.json',
      /limiters\.login\.limit: 0 is not a whole number/,
    ],
    [
      '--from mcp-gateway --to sluice --limiters gateway-number.json',
      /config\.by_user: 60 is not a rate .*config\.algorithm: 'leaky' is not one of .*config\.redis_url: is 'store'/s,
    ],
    [
      '--from mcp-gateway --to sluice --limiters gateway.json --generation 0.9',
      /Allowed choices are in-tree, 0\.0\.3/,
    ],
    [
      `${FLEXIBLE} --limiters login.json --policy signup=5/m`,
      /nowhere to carry login: the new limiter has signup/,
    ],
    [`${FLEXIBLE} --limiters login.json --policy login=often`, /'often'/],
    [`${FLEXIBLE} --limiters login.json --settle soon`, /--settle: 'soon'/],
    [`${FLEXIBLE} --limiters login.json --rate 0`, /'--rate <keys>' argument '0' is invalid/],
    [`${FLEXIBLE} --limiters login.json --shards 3`, /shards: 3 is not a power of two/],
    [`${FLEXIBLE} --limiters login.json --prefix a{b`, /prefix: 'a\{b' cannot stand before keys/],
    [`${FLEXIBLE} --limiters login.json --to-store nonsense`, /store: 'nonsense' must begin with redis:\/\//],
    [`${FLEXIBLE} --limiters login.json --store file:here`, /store: 'file:here' must begin with redis:\/\//],
    [
      '--from sluice --to mcp-gateway --limiters gateway-bucket.json',
      /carries a fixed_window only, and this configuration has token_bucket/,
    ],
    ['--from sluice --to sluice', /there is no policy; give --policy name=rate/],
    ['--from sluice --to sluice --policy a=1/m', /both sides are the same keys; give --from-prefix/],
    [
      '--from rate-limit-redis --to rate-limit-redis --limiters hits.json --to-limiters hits.json',
      /both sides are the same keys; give other limiters, or another --to-store/,
    ],
  ])('%s', async (line, message) => {
    const { code, stdout, stderr } = await migrate(line)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(message)
  })
})

describe('an option that would change nothing is refused: whoever gives it means something else', () => {
  const BOTH_FOREIGN =
    '--from rate-limiter-flexible --to rate-limit-redis --limiters login.json --to-limiters hits.json'

  test.each([
    [`${FLEXIBLE} --limiters login.json --to-limiters hits.json`, '--to-limiters', 'neither side is sluice'],
    [`${FLEXIBLE} --limiters login.json --generation 0.1.7`, '--generation', 'a side is mcp-gateway'],
    [`${FLEXIBLE} --limiters login.json --from-prefix old`, '--from-prefix', 'from sluice to sluice'],
    [`${FLEXIBLE} --limiters login.json --from-shards 8`, '--from-shards', 'from sluice to sluice'],
    ['--from sluice --to sluice --policy a=1/m --limiters login.json', '--limiters', 'a side is not sluice'],
    [`${BOTH_FOREIGN} --prefix new`, '--prefix', 'a side is sluice'],
    [`${BOTH_FOREIGN} --shards 8`, '--shards', 'a side is sluice'],
    [`${BOTH_FOREIGN} --policy login=5/m`, '--policy', 'a side is sluice'],
  ])('%s', async (line, option, place) => {
    const { code, stderr } = await migrate(line)
    expect(code).toBe(2)
    expect(stderr).toMatch(
      new RegExp(`${option} means something only (?:where )?${place}, and this goes from`),
    )
  })
})

describe('a file that cannot be used ends with 4', () => {
  test.each<[string, RegExp]>([
    [`${FLEXIBLE} --limiters nowhere.json`, /nowhere\.json: cannot be read \(ENOENT/],
    [`${FLEXIBLE} --limiters cut.json`, /cut\.json: is not JSON/],
    [`${FLEXIBLE} --limiters login.json --policies nowhere.json`, /nowhere\.json: cannot be read/],
    [
      `${FLEXIBLE} --limiters login.json --state state.json`,
      /does not say where a migration stopped; delete it/,
    ],
  ])('%s', async (line, message) => {
    const { code, stdout, stderr } = await migrate(line)
    expect({ code, stdout }).toEqual({ code: 4, stdout: '' })
    expect(stderr).toMatch(message)
  })
})
