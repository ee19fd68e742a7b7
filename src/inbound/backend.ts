import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { z } from 'zod'
import type { Report } from '../policy/read-limit.js'
import { show } from '../policy/refusal.js'
import type { TlsOptions } from '../redis/store-options.js'
import type { GatewayConfig } from './gateway-config.js'
import type { BACKEND } from './load-schema.js'

type Backend = z.output<z.ZodObject<typeof BACKEND>>

/** What stands before keys where nothing else is written. */
const DEFAULT_PREFIX = 'rl'

/** Of no effect without Redis, and what they may say there all the same: what they are by default. */
const REDIS_ONLY = {
  redis_url: undefined,
  redis_key_prefix: DEFAULT_PREFIX,
  fail_mode: 'open',
  redis_ssl_ca_certs: undefined,
  redis_ssl_certfile: undefined,
  redis_ssl_keyfile: undefined,
  redis_ssl_check_hostname: true,
} as const

/** Where the counters are, as options of a limiter. */
export function readBackend(
  backend: Backend,
  report: Report,
): Pick<GatewayConfig, 'store' | 'prefix' | 'onStoreFailure'> {
  if (backend.backend === 'memory') {
    for (const [name, byDefault] of Object.entries(REDIS_ONLY)) {
      const value = backend[name as keyof typeof REDIS_ONLY] ?? undefined
      if (value === undefined || value === byDefault) continue
      report(
        name,
        undefined,
        "has no effect with the backend 'memory'; leave it out, or write backend: redis",
      )
    }
    return { store: 'memory' }
  }
  const { redis_url, redis_key_prefix, fail_mode } = backend
  const prefix = redis_key_prefix ?? DEFAULT_PREFIX
  const limiter = { prefix, onStoreFailure: fail_mode ?? 'open' } as const
  if (!redis_url) {
    report('redis_url', undefined, "is missing; the backend 'redis' needs it, such as redis://host:6379/0")
    return limiter
  }
  const tls = readTls(backend, redis_url, report)
  return { ...limiter, store: tls === undefined ? redis_url : { url: redis_url, tls } }
}

/** TLS beyond what a `rediss:` URL says; undefined where nothing is. */
function readTls(backend: Backend, url: string, report: Report): TlsOptions | undefined {
  const { redis_ssl_ca_certs, redis_ssl_certfile, redis_ssl_keyfile, redis_ssl_check_hostname } = backend
  const files = { redis_ssl_ca_certs, redis_ssl_certfile, redis_ssl_keyfile }
  const given = Object.entries(files).filter(([, file]) => file !== undefined && file !== null)
  if (redis_ssl_check_hostname !== false && given.length === 0) return undefined
  if (!url.toLowerCase().startsWith('rediss://')) {
    for (const [name] of given) report(name, undefined, 'needs a redis_url that begins with rediss://')
    if (redis_ssl_check_hostname === false) {
      report('redis_ssl_check_hostname', false, 'needs a redis_url that begins with rediss://')
    }
  }
  if (redis_ssl_certfile && !redis_ssl_keyfile)
    report('redis_ssl_keyfile', undefined, 'is missing; redis_ssl_certfile needs it')
  if (redis_ssl_keyfile && !redis_ssl_certfile)
    report('redis_ssl_certfile', undefined, 'is missing; redis_ssl_keyfile needs it')
  if (redis_ssl_check_hostname === false && redis_ssl_ca_certs) {
    const message =
      'has no effect with redis_ssl_check_hostname: false, which accepts any certificate; leave one out'
    report('redis_ssl_ca_certs', undefined, message)
  }
  const isCertificate = (pem: Buffer) => new X509Certificate(pem)
  const ca = readPem('redis_ssl_ca_certs', redis_ssl_ca_certs, 'certificate', isCertificate, report)
  const cert = readPem('redis_ssl_certfile', redis_ssl_certfile, 'certificate', isCertificate, report)
  const key = readPem('redis_ssl_keyfile', redis_ssl_keyfile, 'private key', createPrivateKey, report)
  return { ca, cert, key, ...(redis_ssl_check_hostname === false ? { rejectUnauthorized: false } : {}) }
}

/** The bytes of a file; undefined where none is named, or a problem was reported. */
function readPem(
  name: string,
  file: string | null | undefined,
  what: string,
  parse: (pem: Buffer) => unknown,
  report: Report,
): Buffer | undefined {
  if (file === undefined || file === null) return undefined
  let pem: Buffer
  try {
    pem = readFileSync(file)
  } catch (error) {
    const why = error instanceof Error && 'code' in error ? ` (${error.code})` : ''
    report(name, file, `${show(file)} cannot be read${why}; write the path of a file, or leave it out`)
    return undefined
  }
  try {
    parse(pem)
    return pem
  } catch {
    report(name, file, `${show(file)} holds no ${what} in PEM`)
    return undefined
  }
}
