import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createLimiter } from '../../src/limiter.js'
import { type RedisServer, startRedis } from '../support/redis-server.js'
import { runHere } from './run-cli.js'

let server: RedisServer
beforeAll(async () => {
  server = await startRedis()
})
beforeEach(() => server.cli('FLUSHALL'))
afterAll(() => server.stop())

const meta = (...args: string[]) => runHere(['meta', '--store', server.url, ...args])

async function count(prefix: string, shards = 32): Promise<void> {
  const limiter = createLimiter({
    store: server.url,
    prefix,
    shards,
    deadline: '10s',
    policies: { perUser: '5/m' },
  })
  await limiter.check('perUser', 'alice')
  await limiter.close()
}

describe('sluice meta', () => {
  test('shows what the limiters have agreed on', async () => {
    await count('shop', 64)
    expect(await meta('--prefix', 'shop')).toMatchObject({
      code: 0,
      stdout: "64 shards, states of version 1 ('shop:sl1:meta')\n",
    })
    const { stdout } = await meta('--prefix', 'shop', '--json')
    expect(JSON.parse(stdout)).toEqual({ key: 'shop:sl1:meta', stateVersion: 1, shards: 64 })
  })

  test('ends with 1 where no limiter has counted, and writes nothing', async () => {
    expect(await meta()).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/'sl1:meta' does not exist/),
    })
    expect((await meta('--json')).stdout).toBe('null\n')
    expect(await server.cli('DBSIZE')).toBe('0')
  })

  test('changes the number of shards where there are no counters', async () => {
    expect(await meta('--set-shards', '256')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^256 shards/),
    })
    await count('', 256)
  })

  test('does not give counters up unless it is told to', async () => {
    await count('shop')
    const refused = await meta('--prefix', 'shop', '--set-shards', '256')
    expect(refused).toMatchObject({ code: 2, stdout: '' })
    expect(refused.stderr).toMatch(
      /such as 'shop:sl1:\{.*every subject starts anew; stop the limiters, and say --force/,
    )
    expect(await meta('--prefix', 'shop', '--set-shards', '256', '--force')).toMatchObject({ code: 0 })
    await count('shop', 256)
  })

  test('writes over what is damaged only when told to', async () => {
    await server.cli('HSET', 'sl1:meta', 'a', 'b')
    expect(await meta('--set-shards', '64')).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/another type/),
    })
    expect(await meta('--set-shards', '64', '--force')).toMatchObject({ code: 0 })
  })

  test('takes a power of two, and a store', async () => {
    expect(await meta('--set-shards', '100')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/power of two/),
    })
    expect(await runHere(['meta', '--store', 'redis://127.0.0.1:1'])).toMatchObject({ code: 3 })
  })
})
