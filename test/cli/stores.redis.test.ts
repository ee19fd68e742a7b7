import { afterAll, beforeAll, expect, test } from 'vitest'
import { type RedisServer, startRedis } from '../support/redis-server.js'
import { makeCertificates, type TlsCertificates } from '../support/tls-certificates.js'
import { runHere } from './run-cli.js'

let certificates: TlsCertificates
let server: RedisServer
beforeAll(async () => {
  certificates = await makeCertificates()
  server = await startRedis({ tls: port => certificates.serverArgs(port, 'ask') })
})
afterAll(async () => {
  await server.stop()
  await certificates.remove()
})

const peek = (...args: string[]) => runHere(['peek', 'per-user', 'ada', '--policy', 'per-user=3/h', ...args])

test('certificates are given as files', async () => {
  const { ca, clientCert, clientKey } = certificates.paths
  const tls = ['--tls-ca', ca, '--tls-cert', clientCert, '--tls-key', clientKey]
  const store = ['--store', `rediss://127.0.0.1:${server.tlsPort}`]
  expect(await peek(...store, ...tls)).toMatchObject({ code: 0, stderr: '' })
  expect(await peek(...store)).toMatchObject({ code: 3, stderr: expect.stringContaining('tls.ca') })
  const half = await peek(...store, '--tls-cert', clientCert)
  expect(half.stderr).toContain("has one of 'cert' and 'key'")
  expect((await peek(...store, '--tls-ca', '/absent.pem')).stderr).toContain("cannot read '/absent.pem'")
})

test('an address that is none is told, without its password', async () => {
  const { code, stderr } = await peek('--store', 'redsi://user:secret@127.0.0.1')
  expect(code).toBe(2)
  expect(stderr).toContain("did you mean 'redis://'")
  expect(stderr).not.toContain('secret')
})
