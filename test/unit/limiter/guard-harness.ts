import type { Engine } from '../../../src/engine/engine.js'
import type { GuardSettings } from '../../../src/engine/guard-options.js'
import { createLimiter } from '../../../src/limiter.js'
import { FakeClock } from '../../../src/testing/index.js'
import { RemoteEngine } from '../../support/remote-engine.js'

const perMinute = (limit: number) => ({ algorithm: 'fixed_window', limit, window: '1m' }) as const

export const POLICIES = {
  api: perMinute(100),
  login: { ...perMinute(5), onStoreFailure: 'closed' },
  ads: { ...perMinute(5), onStoreFailure: 'open' },
  slow: { ...perMinute(100), deadline: '1s' },
  jobs: { algorithm: 'concurrency', limit: 2, lease: '30s' },
  adJobs: { algorithm: 'concurrency', limit: 2, lease: '30s', onStoreFailure: 'open' },
} as const

export function setUp(settings: GuardSettings = {}) {
  const clock = new FakeClock()
  const store = new RemoteEngine(clock)
  const limiter = createLimiter({
    store: store as Engine,
    policies: POLICIES,
    clock,
    denyCache: false,
    ...settings,
  })
  const told: unknown[] = []
  for (const event of ['storeDown', 'storeUp', 'breaker', 'lateReply'] as const) {
    limiter.on(event, what => told.push([event, what]))
  }
  return { clock, store, limiter, told }
}

/** Lets every promise settle that waits for nothing. */
export const settled = () => new Promise<void>(resolve => setImmediate(resolve))
