import { expect, test } from 'vitest'
import { evictionWarning } from '../../../src/redis/eviction.js'

const info = (maxmemory: number, policy: string) =>
  `# Memory\r\nused_memory:1000\r\nmaxmemory:${maxmemory}\r\nmaxmemory_human:1M\r\nmaxmemory_policy:${policy}\r\n`

test.each([
  'allkeys-lru',
  'allkeys-lfu',
  'allkeys-random',
  'volatile-lru',
  'volatile-lfu',
  'volatile-random',
])('a server that is bounded and evicts by %s may take counters', policy => {
  expect(evictionWarning(info(1_000_000, policy))).toMatch(
    new RegExp(`^Redis evicts .*${policy}.*'noeviction'.*'volatile-ttl'`),
  )
})

test('one without a bound, or that refuses instead, or takes first what ends first, gives no cause', () => {
  expect(evictionWarning(info(0, 'allkeys-lru'))).toBeUndefined()
  expect(evictionWarning(info(1_000_000, 'noeviction'))).toBeUndefined()
  expect(evictionWarning(info(1_000_000, 'volatile-ttl'))).toBeUndefined()
})

test('a server that does not say is not guessed about', () => {
  expect(evictionWarning('# Memory\r\nused_memory:1000\r\n')).toBeUndefined()
  expect(evictionWarning(undefined)).toBeUndefined()
})
