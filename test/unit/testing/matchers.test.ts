import { describe, expect, it } from 'vitest'
import { createTestLimiter, type DecisionMatchers, matchers } from '../../../src/testing/index.js'

declare module 'vitest' {
  // Type parameters as vitest declares them.
  interface Matchers<R extends void | Promise<void> = void | Promise<void>, T = unknown>
    extends DecisionMatchers<R> {}
}

expect.extend(matchers)

describe('matchers for decisions', () => {
  const { limiter } = createTestLimiter({ policies: { perUser: '1/m' } })
  const allowed = limiter.checkSync('perUser', 'ada')
  const refused = limiter.checkSync('perUser', 'ada')

  it('tell admissions from refusals', () => {
    expect(allowed).toBeAllowed()
    expect(refused).not.toBeAllowed()
    expect(refused).toBeDeniedFor(60_000)
    expect(refused).not.toBeDeniedFor(1)
    expect(allowed).not.toBeDeniedFor(0)
  })

  it('say what was decided when they fail', () => {
    expect(() => expect(refused).toBeAllowed()).toThrow(
      "expected an admission, but 'perUser' refused it (limit) for 60000 ms",
    )
    expect(() => expect(allowed).not.toBeAllowed()).toThrow(
      "expected a refusal, but 'perUser' allowed it, 0 of 1 left",
    )
    expect(() => expect(allowed).toBeDeniedFor(5)).toThrow('expected a refusal for 5 ms')
    expect(() => expect(limiter.check('perUser', 'ada')).toBeAllowed()).toThrow('was the call awaited?')
  })
})
