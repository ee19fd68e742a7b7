import { Redis } from 'ioredis'
import { describe, expect, test } from 'vitest'
import { Refusal } from '../../../src/policy/refusal.js'
import { type RedisStoreOptions, readRedisStore } from '../../../src/redis/store-options.js'

const CERTIFICATE = '-----BEGIN CERTIFICATE-----\n…'
const messageOf = (store: object): string => {
  const read = readRedisStore(store as RedisStoreOptions)
  expect(read).toBeInstanceOf(Refusal)
  return (read as Refusal).message
}

describe('a store by options', () => {
  test('adds to the address what it does not say', () => {
    const tls = { ca: CERTIFICATE }
    expect(readRedisStore({ url: 'rediss://h', username: 'u', password: 'p', database: 3, tls })).toEqual({
      place: { kind: 'server', node: { host: 'h', port: 6379 } },
      username: 'u',
      password: 'p',
      database: 3,
      tls,
      sentinel: { tls },
    })
  })

  test('has the nodes of a cluster as a text or a list, with or without a scheme', () => {
    const nodes = [
      { host: 'h1', port: 7000 },
      { host: 'h2', port: 6379 },
    ]
    for (const cluster of ['h1:7000,h2', ['h1:7000', 'h2'], ['redis://h1:7000', 'rediss://h2']]) {
      expect(readRedisStore({ cluster })).toMatchObject({ place: { kind: 'cluster', nodes }, database: 0 })
    }
  })

  test('has what gets into the Sentinels beside what gets into the servers', () => {
    const sentinel = { nodes: ['h1', 'h2:1'], name: 'm', username: 's', password: 'sp', tls: {} }
    expect(readRedisStore({ sentinel, password: 'p' })).toMatchObject({
      place: { kind: 'sentinel', name: 'm', nodes: [{ port: 26379 }, { port: 1 }] },
      password: 'p',
      tls: undefined,
      sentinel: { username: 's', password: 'sp', tls: {} },
    })
    expect(readRedisStore('rediss+sentinel://h/m')).toMatchObject({ tls: {}, sentinel: { tls: {} } })
  })

  test.each<[object, string]>([
    [{}, 'says none of url, cluster, sentinel, client, and one is needed'],
    [{ url: 'redis://h', cluster: 'h' }, 'says url, cluster of url, cluster, sentinel, client'],
    [{ url: 'redis://h', pasword: 'x' }, "'pasword' is not an option of a store on Redis; options are url"],
    [{ url: 'redis://h', pasword: 'x' }, "did you mean 'password'?"],
    [{ url: 'redis://h', tls: { serverName: 'h' } }, "'serverName' is not an option of tls"],
    [{ sentinel: { nodes: 'h', name: 'm', passwrd: 'x' } }, "'passwrd' is not an option of sentinel"],
    [{ url: 6379 }, 'url: 6379 is not an address'],
    [{ cluster: [] }, "cluster: an empty list is not 'host:port', or a list of such"],
    [{ cluster: ['h:x'] }, "cluster: has 'h:x', which is not host:port"],
    [{ sentinel: { nodes: 'h' } }, 'sentinel.name: undefined is not the name that the Sentinels have'],
    [{ url: 'redis://h', database: -1 }, 'database: -1 is not the number of a database'],
    [{ cluster: 'h', database: 1 }, 'database: a cluster has only database 0'],
    [{ url: '/run/redis.sock', tls: {} }, 'tls: a Unix socket has none'],
    [
      { url: 'redis://h', tls: { ca: 'ca.pem' } },
      "tls.ca: holds no '-----BEGIN'; give the content of the file",
    ],
    [{ url: 'redis://h', tls: { cert: CERTIFICATE } }, "tls: has one of 'cert' and 'key'; give both"],
    [{ url: 'redis://u:secret@h', password: 'secret' }, "gives password both in 'redis://…@h' and beside it"],
    [{ url: 'redis://h', password: 1234 }, 'password: is not a text; a password is one'],
    [{ url: 'redis://h', allowReplay: true }, 'allowReplay: concerns a client, and there is none'],
    [{ client: {} }, 'client: is not a client of ioredis, iovalkey or node-redis'],
  ])('%o is refused', (store, message) => {
    expect(messageOf(store)).toContain(message)
    expect(messageOf(store)).not.toMatch(/secret|1234/)
  })

  test('everything that is wrong is told together', () => {
    const message = messageOf({ url: 1, database: 'x', tls: { rejectUnauthorized: 'no' } })
    for (const path of ['url', 'database', 'tls.rejectUnauthorized']) expect(message).toContain(`${path}: `)
  })

  test('of a client only the client is taken', () => {
    const client = new Redis({ lazyConnect: true })
    expect(readRedisStore({ client })).toEqual({ client, allowReplay: false })
    expect(messageOf({ client, password: 'p', tls: {} })).toBe(
      'gives password, tls beside a client; they are taken from the client',
    )
  })
})
