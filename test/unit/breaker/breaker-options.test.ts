import { describe, expect, test } from 'vitest'
import { type BreakerOptions, createBreaker } from '../../../src/breaker/index.js'
import { MemoryEngine } from '../../../src/engine/memory-engine.js'
import { PolicyError } from '../../../src/errors.js'

const problemsOf = (options: object): readonly string[] => {
  try {
    createBreaker(options as BreakerOptions)
    return []
  } catch (error) {
    if (error instanceof PolicyError) return error.problems.map(({ path, message }) => `${path}: ${message}`)
    throw error
  }
}

describe('options of a breaker', () => {
  test.each([
    [{ failureThreshold: 0 }, 'failureThreshold: 0 is not a whole number of at least 1'],
    [{ successThreshold: 0 }, 'successThreshold: 0 is not a whole number of at least 1'],
    [{ halfOpenMax: 0 }, 'halfOpenMax: 0 is not a whole number of at least 1'],
    [{ minimumVolume: 1.5 }, 'minimumVolume: 1.5 is not a whole number of at least 1'],
    [{ failureRate: 0 }, 'failureRate: 0 is not a share above 0 and up to 1, such as 0.5'],
    [{ failureRate: 50 }, 'failureRate: 50 is not a share above 0 and up to 1, such as 0.5'],
    [
      { timeout: 0 },
      "timeout: 0 is a number without a unit; write it as text with one, such as '15s' or '15ms'",
    ],
    [{ timeout: '0s' }, "timeout: '0s' is no time at all; write a duration above 0"],
    [{ window: '500d' }, "window: '500d' is longer than 400 days"],
    [{ jitter: 2 }, 'jitter: 2 is not a number from 0 to 1'],
    [{ name: '' }, "name: '' cannot name a breaker; a name is well-formed text, such as 'upstream'"],
    [
      { scope: 'PerSever' },
      /^scope: 'PerSever' is unknown; accepted are Global, .*; did you mean 'PerServer'\?$/,
    ],
    [{ triggerErrors: [99] }, "triggerErrors: 99 is no HTTP status from 100 to 599, nor '4xx' or '5xx'"],
    [{ triggerErrors: { codes: [1] } }, /^triggerErrors: 'codes' is not an option/],
    [{ backoff: { factor: 0.5 } }, 'backoff: factor: 0.5 is not a number from 1 to 100'],
    [{ store: 'memroy' }, /^store: 'memroy' is no store/],
    [
      { store: new MemoryEngine() },
      "store: an engine decides limits, not circuits; give an object with 'get' and 'set'",
    ],
    [{ threshold: 5 }, /^threshold: is not an option of createBreaker; options are /],
    [{ prefix: '{x}' }, /^prefix|'\{x\}' cannot stand before keys/],
  ])('%o: one problem, at its place', (options, message) => {
    expect(problemsOf(options)).toEqual([
      typeof message === 'string' ? message : expect.stringMatching(message),
    ])
  })

  test('are refused with everything that is wrong at once', () => {
    const wrong = { failureThreshold: 0, successThreshold: -1, timeout: 'soon', scope: 7, nonsense: true }
    expect(problemsOf(wrong)).toHaveLength(5)
  })

  test('are an object', () => {
    expect(() => createBreaker('5' as never)).toThrow(/are no object/)
  })

  test('all have defaults', async () => {
    const breaker = createBreaker()
    expect(breaker.name).toBe('default')
    await breaker.ready()
    await breaker.close()
  })
})
