/** For tests of programs that use a limiter: `docs/testing.md`. */
export { createTestLimiter, type TestLimiterOptions } from './create-test-limiter.js'
export { FakeClock } from './fake-clock.js'
export { type DecisionMatchers, matchers } from './matchers.js'
