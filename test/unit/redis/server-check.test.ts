import { describe, expect, test } from 'vitest'
import { checkServer } from '../../../src/redis/server-check.js'

/** An answer to HELLO, as Redis 7.0.15 gives it. */
const hello = (changes: Record<string, unknown> = {}) =>
  Object.entries({
    server: 'redis',
    version: '7.0.15',
    proto: 2,
    id: 3,
    mode: 'standalone',
    role: 'master',
    modules: [],
    ...changes,
  }).flat(1)

const check = (answer: unknown, use: 'server' | 'node' = 'server') =>
  checkServer(() => Promise.resolve(answer), 'h:1', use)

describe('what a server says of itself', () => {
  test.each([
    ['a primary', hello()],
    ['Valkey', hello({ server: 'valkey', version: '8.1.1' })],
    ['a server that says little', ['server', 'other']],
    ['a proxy with an answer of its own', 'OK'],
  ])('%s can be used', async (_, answer) => {
    expect(await check(answer)).toBeUndefined()
  })

  test.each([
    [
      'a server that is too old',
      hello({ version: '6.2.14' }),
      'ERR_SLUICE_SCRIPTING',
      '6.2.14; the scripts need 7.0',
    ],
    ['a replica', hello({ role: 'replica' }), 'ERR_SLUICE_READ_ONLY', 'read-only replica'],
    ['a node of a cluster', hello({ mode: 'cluster' }), 'ERR_SLUICE_OPTION', 'redis+cluster://h:1'],
    ['a Sentinel', hello({ mode: 'sentinel' }), 'ERR_SLUICE_OPTION', 'redis+sentinel://h:1/NAME'],
  ])('%s cannot, and it is told why', async (_, answer, code, message) => {
    expect(await check(answer)).toMatchObject({ code, message: expect.stringContaining(message) })
  })

  test('a node of a cluster may be a replica: it still tells the others', async () => {
    expect(await check(hello({ mode: 'cluster', role: 'replica' }), 'node')).toBeUndefined()
  })

  test('one that knows no HELLO is used, and one that wants a password is not', async () => {
    const refusing = (reply: string) => checkServer(() => Promise.reject(new Error(reply)), 'h:1', 'server')
    expect(await refusing("ERR unknown command 'HELLO'")).toBeUndefined()
    expect(await refusing('NOAUTH Authentication required.')).toBeInstanceOf(Error)
  })
})
