import { describe, expect, test } from 'vitest'
import { recognise } from '../../../src/compat/recognise.js'

describe('a key tells whose it is', () => {
  test.each([
    ['sl1:{5b}:perUser:gcra:alice', 'string', 'sluice', 'perUser', 'gcra', ''],
    ['shop:sl1:{5b}:perUser~1:gcra:alice', 'string', 'sluice', 'perUser, limit 2', 'gcra', 'shop:'],
    ['sl1:{5b}:jobs:concurrency:alice', 'zset', 'sluice', 'jobs', 'concurrency', ''],
    ['shop:sl1:meta', 'string', 'sluice', 'meta', undefined, 'shop:'],
    ['rl:user:alice@example.com:60', 'string', 'mcp-gateway', 'user per 60 s', 'fixed_window', 'rl:'],
    ['rl:acme:tool:search:1', 'zset', 'mcp-gateway', 'tool per 1 s', 'sliding_window', 'rl:'],
    ['rl:acme:tenant:acme:3600', 'hash', 'mcp-gateway', 'tenant per 3600 s', 'token_bucket', 'rl:'],
    ['rl:acme:user:a:b:server:s-1:60', 'string', 'mcp-gateway', 'user per 60 s', 'fixed_window', 'rl:'],
    ['rlflx:7', 'string', 'rate-limiter-flexible', 'points', 'fixed_window', 'rlflx:'],
    ['rl:203.0.113.7', 'string', 'rate-limit-redis', 'hits', 'fixed_window', 'rl:'],
    [
      'fastify-rate-limit-203.0.113.7',
      'string',
      'fastify-rate-limit',
      'hits',
      'fixed_window',
      'fastify-rate-limit-',
    ],
    ['bull:mail:limiter', 'string', 'bullmq', 'queue mail', 'fixed_window', 'bull:'],
  ])('%s', (key, type, system, name, algorithm, prefix) => {
    expect(recognise(key, type)).toMatchObject({ system, name, algorithm, prefix, isOfItsType: true })
  })

  test.each(['session:1', 'sl1:{5b}:perUser:unknown:alice', 'user:alice', 'limiter'])(
    '%s is of nobody',
    key => {
      expect(recognise(key, 'string')).toBeUndefined()
    },
  )

  test('and its type, whether that one wrote it', () => {
    expect(recognise('sl1:{5b}:perUser:gcra:alice', 'hash')?.isOfItsType).toBe(false)
    expect(recognise('rl:user:alice:60', 'set')).toMatchObject({ isOfItsType: false, algorithm: undefined })
  })
})
