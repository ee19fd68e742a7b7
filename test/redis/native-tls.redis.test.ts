import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Store } from '../../src/engine/engine-options.js'
import { openEngine } from '../../src/engine/open-engine.js'
import { consume, hourly } from '../support/checks.js'
import { withoutNative } from '../support/native.js'
import type { RedisServer } from '../support/redis-server.js'
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

async function remaining(store: Store): Promise<number | undefined> {
  const engine = openEngine({ store, native: 'require' })
  closers.push(() => engine.close())
  await engine.ready()
  const { checks } = await engine.decide([consume(hourly(10), 'ada')])
  return checks[0]?.remaining
}

const unavailable = { code: 'ERR_SLUICE_STORE_UNAVAILABLE' }

describe.skipIf(withoutNative !== undefined)('TLS natively', () => {
  const url = ({ tlsPort }: RedisServer, host = 'localhost') => `rediss://${host}:${tlsPort}`

  test('to a server whose authority is given, by the name of its certificate alone', async () => {
    const { ca } = servers.certificates
    expect(await remaining({ url: url(servers.open), tls: { ca } })).toBe(9)
    expect(await remaining({ url: url(servers.open), tls: { ca: [ca, Buffer.from(ca)] } })).toBe(8)
    await expect(remaining({ url: url(servers.open, '127.0.0.2'), tls: { ca } })).rejects.toMatchObject(
      unavailable,
    )
  })

  test('with a certificate of ours, where the server asks for one', async () => {
    const { ca, clientCert: cert, clientKey: key } = servers.certificates
    expect(await remaining({ url: url(servers.mutual), tls: { ca, cert, key } })).toBe(9)
    await expect(remaining({ url: url(servers.mutual), tls: { ca } })).rejects.toMatchObject(unavailable)
  })

  test('trusts whom Node trusts where no authority is given, and anybody only where that is said', async () => {
    await expect(remaining(url(servers.open))).rejects.toMatchObject(unavailable)
    await expect(remaining(url(servers.open))).rejects.toThrow(/certificate/)
    expect(await remaining({ url: url(servers.open), tls: { rejectUnauthorized: false } })).toBe(7)
  })

  test('a key that is none is told when the limiter is made, and not shown', () => {
    const cert = servers.certificates.clientCert
    const key = '-----BEGIN PRIVATE KEY-----\nhushed'
    const open = () =>
      openEngine({ store: { url: url(servers.open), tls: { cert, key } }, native: 'require' })
    expect(open).toThrow('the native engine cannot ask this store: its settings cannot be used')
    expect(open).not.toThrow('hushed')
  })

  test('a certificate that is none is told by what is asked', async () => {
    const key = servers.certificates.clientKey
    const cert = '-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----'
    const { ca } = servers.certificates
    await expect(remaining({ url: url(servers.mutual), tls: { ca, cert, key } })).rejects.toMatchObject(
      unavailable,
    )
  })
})
