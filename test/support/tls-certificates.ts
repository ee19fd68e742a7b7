import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Certificates of an authority made for one test: a server's for `localhost` and 127.0.0.1, and a client's. */
export interface TlsCertificates {
  /** PEM. */
  readonly ca: string
  readonly clientCert: string
  readonly clientKey: string
  /** Files of the same. */
  readonly paths: Readonly<Record<'ca' | 'clientCert' | 'clientKey', string>>
  /** For `redis-server`, with a port for TLS. */
  serverArgs(tlsPort: number, clients: 'ask' | 'do not ask'): readonly string[]
  remove(): Promise<void>
}

/** Makes them by `openssl`, which Node.js has no counterpart of. */
export async function makeCertificates(): Promise<TlsCertificates> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-tls-'))
  const path = (name: string) => join(folder, name)
  const openssl = (...args: string[]) => run('openssl', args, { cwd: folder })
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

  await openssl(
    'req',
    '-x509',
    ...key,
    '-keyout',
    'ca.key',
    '-out',
    'ca.pem',
    '-days',
    '2',
    '-subj',
    '/CN=Test CA',
  )
  for (const [name, extensions] of [
    ['server', ['-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']],
    // An extension makes it a certificate of version 3: others are of a time before.
    ['client', ['-addext', 'extendedKeyUsage=clientAuth']],
  ] as const) {
    await openssl(
      'req',
      ...key,
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.csr`,
      '-subj',
      `/CN=${name}`,
      ...extensions,
    )
    await openssl(
      ...['x509', '-req', '-in', `${name}.csr`, '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial'],
      ...['-copy_extensions', 'copy', '-days', '2', '-out', `${name}.pem`],
    )
  }
  return {
    ca: await readFile(path('ca.pem'), 'utf8'),
    clientCert: await readFile(path('client.pem'), 'utf8'),
    clientKey: await readFile(path('client.key'), 'utf8'),
    paths: { ca: path('ca.pem'), clientCert: path('client.pem'), clientKey: path('client.key') },
    serverArgs: (tlsPort, clients) => [
      ...['--tls-port', String(tlsPort), '--tls-auth-clients', clients === 'ask' ? 'yes' : 'no'],
      ...['--tls-cert-file', path('server.pem'), '--tls-key-file', path('server.key')],
      ...['--tls-ca-cert-file', path('ca.pem')],
    ],
    remove: () => rm(folder, { recursive: true, force: true }),
  }
}
