import { readFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { RedisEngineOptions } from '../../src/engine/redis-engine.js'
import { STORE_KINDS } from '../support/clients.js'
import { connectServer } from '../support/connect.js'
import { startTlsServers, type TlsServers } from '../support/tls-servers.js'

let servers: TlsServers

beforeAll(async () => {
  servers = await startTlsServers()
})
afterAll(() => servers.stop())

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

/** Resolves when the store can be used; rejects with what is wrong with it. */
async function ready(store: RedisEngineOptions['store']): Promise<void> {
  const client = connectServer(store)
  closers.push(() => client.close())
  await client.ready()
  expect(await client.call('PING')).toBe('PONG')
}

describe.each(STORE_KINDS)('TLS by $name', ({ store }) => {
  test('to a server whose authority is given', async () => {
    await ready(store({ port: servers.open.tlsPort, tls: { ca: servers.certificates.ca } }))
  })

  test('with a certificate of ours, where the server asks for one', async () => {
    const { ca, clientCert: cert, clientKey: key } = servers.certificates
    await ready(store({ port: servers.mutual.tlsPort, tls: { ca, cert, key } }))
    await expect(ready(store({ port: servers.mutual.tlsPort, tls: { ca } }))).rejects.toThrow(
      'give tls.cert and tls.key',
    )
  })

  test('to a host whose certificate has another name, which is given', async () => {
    const { ca } = servers.certificates
    await ready(store({ port: servers.open.tlsPort, tls: { ca, servername: 'localhost' } }))
    await expect(
      ready(store({ port: servers.open.tlsPort, tls: { ca, servername: 'redis.test' } })),
    ).rejects.toThrow('give that as tls.servername')
  })

  test('an authority that is not known is told', async () => {
    const refused = ready(store({ port: servers.open.tlsPort, tls: {} }))
    await expect(refused).rejects.toMatchObject({
      code: 'ERR_SLUICE_STORE_UNAVAILABLE',
      message: expect.stringContaining('give it as tls.ca'),
    })
  })

  test('a port that speaks only TLS is told', async () => {
    await expect(ready(store({ port: servers.open.tlsPort }))).rejects.toThrow(
      'write rediss:// instead of redis://',
    )
  })
})

test('a port that speaks no TLS is told by every client', async () => {
  const attempts = STORE_KINDS.map(({ store }) =>
    expect(ready(store({ port: servers.open.port, tls: { ca: servers.certificates.ca } }))).rejects.toThrow(
      'if the port speaks none, write redis:// instead of rediss://',
    ),
  )
  await Promise.all(attempts)
})

test.each(STORE_KINDS)('a certificate that is none is told: by $name', async ({ store }) => {
  const ca = '-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----'
  const key = servers.certificates.clientKey
  const refused = ready(
    store({ port: servers.open.tlsPort, tls: { ca: servers.certificates.ca, cert: ca, key } }),
  )
  await expect(refused).rejects.toMatchObject({
    code: 'ERR_SLUICE_STORE_UNAVAILABLE',
    message: expect.stringContaining('check tls.ca, tls.cert and tls.key'),
  })
})

test('certificates may be given as the bytes of their files, several authorities as a list', async () => {
  const { ca, clientCert, clientKey } = servers.certificates.paths
  const tls = { ca: [readFileSync(ca)], cert: readFileSync(clientCert), key: readFileSync(clientKey) }
  await ready({ url: `rediss://localhost:${servers.mutual.tlsPort}`, tls })
})

test('a certificate may be left unchecked', async () => {
  await ready({ url: `rediss://127.0.0.1:${servers.open.tlsPort}`, tls: { rejectUnauthorized: false } })
})
