import { describe, expect, test } from 'vitest'
import { Refusal } from '../../../src/policy/refusal.js'
import { readStoreUrl, withoutSecrets } from '../../../src/redis/store-url.js'

const plain = { tls: false, username: undefined, password: undefined, database: undefined }
const node = (host: string, port: number) => ({ host, port })

describe('the address of a store', () => {
  test.each([
    ['redis://localhost', { ...plain, place: { kind: 'server', node: node('localhost', 6379) } }],
    [
      'rediss://user:pass@[::1]:6380/2',
      {
        place: { kind: 'server', node: node('::1', 6380) },
        tls: true,
        username: 'user',
        password: 'pass',
        database: 2,
      },
    ],
    [
      'REDIS://:p%40ss%2F%25@h',
      { ...plain, password: 'p@ss/%', place: { kind: 'server', node: node('h', 6379) } },
    ],
    // Nobody has encoded it, and it is clear all the same.
    [
      'redis://u:p@s/s@h:1/3',
      {
        tls: false,
        username: 'u',
        password: 'p@s/s',
        database: 3,
        place: { kind: 'server', node: node('h', 1) },
      },
    ],
    ['/run/redis.sock', { ...plain, place: { kind: 'socket', path: '/run/redis.sock' } }],
    [
      'unix://u:p@/run/redis.sock?db=4',
      {
        tls: false,
        username: 'u',
        password: 'p',
        database: 4,
        place: { kind: 'socket', path: '/run/redis.sock' },
      },
    ],
    [
      'redis+cluster://h1:7000,h2,[fe80::1]:7002',
      {
        ...plain,
        place: { kind: 'cluster', nodes: [node('h1', 7000), node('h2', 6379), node('fe80::1', 7002)] },
      },
    ],
    [
      'rediss+sentinel://:p@h1,h2:5000/my%20master/1',
      {
        tls: true,
        username: undefined,
        password: 'p',
        database: 1,
        place: { kind: 'sentinel', nodes: [node('h1', 26379), node('h2', 5000)], name: 'my master' },
      },
    ],
  ])('%s', (text, expected) => {
    expect(readStoreUrl(text)).toEqual(expected)
  })

  test.each([
    ['localhost:6379', 'must begin with redis://, rediss://, unix://'],
    ['http://host', 'must begin with'],
    ['redis-cluster://h', "did you mean 'redis+cluster://'?"],
    ['redis://', 'names no host'],
    ['redis://h:0', 'has the port 0; ports are 1 to 65535'],
    ['redis://h:99999', 'has the port 99999'],
    ['redis://h:port', "has 'h:port', which is not host:port"],
    ['redis://h/one', "has the database 'one', which is not a number"],
    ['redis://h/-1', "has the database '-1'"],
    ['redis://h/0/1', 'has more in its path than a database'],
    ['redis://h?family=6', 'has options after its path; give them beside the url'],
    ['redis://h1,h2', 'names several hosts; of a cluster write redis+cluster://'],
    ['redis+cluster://h/1', 'has a database; a cluster has only database 0'],
    ['redis+sentinel://h', 'does not say what the Sentinels call the primary'],
    ['/', 'names no socket'],
    ['/run/redis.sock?database=1', "has an option 'database'; a socket has only ?db=0"],
    ['redis://u:100%@h', 'write % itself as %25'],
  ])('%s is refused', (text, message) => {
    expect(readStoreUrl(text)).toBeInstanceOf(Refusal)
    expect((readStoreUrl(text) as Refusal).message).toContain(message)
  })

  test.each([
    'redis://user:secret@h:x',
    'redsi://user:secret@h',
    'redis//user:secret@h',
    'user:secret@h',
    'redis://:sec@ret@h:x',
    'redis://h?password=secret',
    '/run/redis.sock?password=secret',
  ])('a refusal of %s shows no password', text => {
    expect(readStoreUrl(text)).toBeInstanceOf(Refusal)
    expect((readStoreUrl(text) as Refusal).message).not.toMatch(/sec(ret|@)/)
    expect(withoutSecrets(text)).not.toMatch(/sec(ret|@)/)
  })
})
