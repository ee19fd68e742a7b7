/** Has a limiter on the native engine do all it can, with names that must not be told, and fail where it can. */
import { createLimiter } from '../../../../src/index.js'
import { nativeBinding } from '../../../support/native.js'

const SUBJECT = { tenant: 'hushed-tenant', user: 'hushed-user-é' }
const limiter = createLimiter({
  policies: {
    api: { limit: 2, window: '1m', by: ['tenant', 'user'] },
    jobs: { algorithm: 'concurrency', limit: 1, lease: '1m', by: ['tenant'] },
  },
  native: 'require',
  maxKeys: 2,
})

const tellFailure = (call: Promise<unknown>) => call.catch(error => console.log(String(error.stack)))

for (let i = 0; i < 4; i++) await limiter.check('api', { ...SUBJECT, user: `${SUBJECT.user}${i % 3}` })
await limiter.acquire('jobs', SUBJECT, { autoRenew: false })
await tellFailure(limiter.check('api', SUBJECT, { cost: 9 }))
await limiter.block('api', SUBJECT, { for: '1m' })
await limiter.check('api', SUBJECT)
await limiter.close()
await tellFailure(limiter.check('api', SUBJECT))

// A block that says that its text is longer than it is.
const { NativeMemory } = nativeBinding()
const numbers = Float64Array.of(1, 1_700_000_000_000_000, 1, 0, 1, 1, 0, 14, -1)
const native = new NativeMemory(2, numbers, new TextEncoder().encode(SUBJECT.tenant), new Float64Array(5))
native.define(0, 'p', Float64Array.of(2, 5, 1e6, 5, 0, 0, 0, 0))
await tellFailure(Promise.resolve().then(native.decider()))
