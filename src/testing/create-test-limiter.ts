import type { LimiterOptions } from '../limiter/options.js'
import type { SyncLimiter } from '../limiter/types.js'
import { createLimiter } from '../limiter.js'
import type { PoliciesInput } from '../policy.js'
import { FakeClock } from './fake-clock.js'

/** Options of `createTestLimiter`: those of `createLimiter` but for the store, which is always memory. */
export interface TestLimiterOptions<P extends PoliciesInput>
  extends Omit<LimiterOptions<P>, 'store' | 'clock'> {
  /** Default: a new one. */
  readonly clock?: FakeClock
}

/** A limiter in memory and the clock it goes by: `const { limiter, clock } = createTestLimiter({ policies })`. */
export function createTestLimiter<const P extends PoliciesInput>(
  options: TestLimiterOptions<P>,
): { readonly limiter: SyncLimiter<P>; readonly clock: FakeClock } {
  const { clock = new FakeClock() } = options
  return { limiter: createLimiter({ ...options, store: 'memory', clock }), clock }
}
