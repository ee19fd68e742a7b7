import { type BreakerEvents, type BreakerOptions, createBreaker } from '../../../src/breaker/index.js'
import { FakeClock } from '../../../src/testing/fake-clock.js'

export const down = new Error('the other side is down')

/** A breaker on a clock that tests move, with what it told. */
export function breakerOf(options: BreakerOptions = {}) {
  const clock = new FakeClock()
  const breaker = createBreaker({ clock, ...options })
  const transitions: string[] = []
  const warnings: BreakerEvents['warning'][] = []
  breaker.on('transition', ({ from, to }) => transitions.push(`${from} → ${to}`))
  breaker.on('warning', warning => warnings.push(warning))
  let calls = 0
  const call = async (subject: string, fn: () => unknown): Promise<string> => {
    try {
      await breaker.run(subject, () => {
        calls++
        return fn()
      })
      return 'passed'
    } catch (error) {
      return error === down
        ? 'failed'
        : (error as { code?: string }).code === 'ERR_SLUICE_BREAKER_OPEN'
          ? 'refused'
          : String(error)
    }
  }
  return {
    breaker,
    clock,
    transitions,
    warnings,
    /** Calls that reached the other side. */
    calls: () => calls,
    succeed: (subject = 'api') => call(subject, () => 'fine'),
    fail: (subject = 'api') =>
      call(subject, () => {
        throw down
      }),
    stateOf: async (subject = 'api') => (await breaker.state(subject)).state,
  }
}

export async function times(count: number, action: () => Promise<string>): Promise<string[]> {
  const results: string[] = []
  for (let i = 0; i < count; i++) results.push(await action())
  return results
}
