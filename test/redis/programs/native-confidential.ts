/** Has a limiter that asks Redis natively do all it can, with names that must not be told, and fail where it can. */

import { Redis } from 'ioredis'
import { createLimiter } from '../../../src/index.js'
import { DEFAULT_SHARDS } from '../../../src/keys.js'
import { nativeBinding } from '../../support/native.js'

const SUBJECT = { tenant: 'hushed-tenant', user: 'hushed-user-é' }
const { hostname: host, port } = new URL(process.argv[2] ?? '')
const URL_OF_USER = `redis://limits:hushed-word@${host}:${port}`
const admin = new Redis(Number(port), host)
const open = (url: string) =>
  createLimiter({
    store: url,
    native: 'require',
    deadline: '60s',
    onStoreFailure: 'closed',
    policies: {
      api: { limit: 2, window: '1m', by: ['tenant', 'user'] },
      jobs: { algorithm: 'concurrency', limit: 1, lease: '1m', by: ['tenant'] },
    },
  })
/** Everything an error and an event have to say. */
const tell = (what: unknown) => console.log(what, JSON.stringify(what))
const tellFailure = (call: Promise<unknown>) => call.catch(tell)

const limiter = open(URL_OF_USER)
for (const event of ['storeError', 'storeDown', 'storeUp', 'batch', 'warning', 'breaker'] as const)
  limiter.on(event, tell)
for (let i = 0; i < 4; i++) await limiter.check('api', { ...SUBJECT, user: `${SUBJECT.user}${i % 3}` })
await limiter.acquire('jobs', SUBJECT, { autoRenew: false })
await tellFailure(limiter.check('api', SUBJECT, { cost: 9 }))

/** By a limiter of its own: none is answered from what failed before. */
async function fail(): Promise<void> {
  const own = open(URL_OF_USER)
  own.on('storeError', tell)
  await tellFailure(own.debit('api', SUBJECT))
  await own.close()
}
await admin.config('SET', 'maxmemory', '1')
await fail()
await admin.config('SET', 'maxmemory', '0')
await admin.call('ACL', 'SETUSER', 'limits', '-evalsha', '-eval')
await fail()
await admin.call('ACL', 'SETUSER', 'limits', '+@all')
await admin.replicaof('127.0.0.1', '1')
await fail()
await admin.replicaof('NO', 'ONE')
await limiter.close()
await tellFailure(limiter.check('api', SUBJECT))

const nowhere = open(`redis://limits:hushed-word@${host}:1`)
await tellFailure(nowhere.ready())
await nowhere.close()
const refused = open(`redis://limits:hushed-guess@${host}:${port}`)
await tellFailure(refused.ready())
await refused.close()

// A block that says that its text is longer than it is.
const { promise: woken, resolve: wake } = Promise.withResolvers<void>()
const store = { nodes: [{ host, port: 1 }], isCluster: false, database: 0, password: 'hushed-word' }
const keys = { prefix: '', shards: DEFAULT_SHARDS, shared: true, tellsBatches: true }
const numbers = Float64Array.of(1, 0, 0, 1, 0, 1, 1, 0, 14, -1)
const native = new (nativeBinding().NativeRedis)(
  { ...store, ...keys },
  numbers,
  new TextEncoder().encode(SUBJECT.tenant),
  wake,
)
native.define(0, Float64Array.of(2, 5, 1e6, 5, 0, 0, 0, 0))
native.submitter()(numbers.length, SUBJECT.tenant.length)
const alive = setInterval(() => {}, 1000)
await woken
tell(native.takeTexts())
clearInterval(alive)
await admin.quit()
