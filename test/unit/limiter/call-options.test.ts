import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createLimiter, isSluiceError, type Limiter } from '../../../src/index.js'

const NAMES = 'options are cost, limit, burst, signal'

/** A call as JavaScript may make it. */
type Loose = Record<string, (...args: unknown[]) => unknown>

let limiter: Limiter
let loose: Loose

beforeEach(() => {
  limiter = createLimiter({
    policies: { perUser: '100/m', jobs: { algorithm: 'concurrency', limit: 2 } },
  }) as Limiter
  loose = limiter as unknown as Loose
})
afterEach(() => limiter.close())

async function messageOf(call: string, ...args: unknown[]): Promise<string> {
  try {
    await loose[call]?.(...args)
  } catch (error) {
    expect(isSluiceError(error, 'ERR_SLUICE_CHECK')).toBe(true)
    return (error as Error).message
  }
  return 'nothing was refused'
}

describe('options that a call would not look at are refused', () => {
  test.each(['check', 'checkSync', 'peek', 'debit'])('by %s', async call => {
    const name = call === 'checkSync' ? 'check' : call
    expect(await messageOf(call, 'perUser', 'ada', { cots: 5 })).toBe(
      `${name}: 'cots' is not an option; ${NAMES}; did you mean 'cost'?`,
    )
    expect(await messageOf(call, 'perUser', 'ada', { cost: 2, maxWait: '1s' })).toContain("'maxWait' is not")
    expect(await messageOf(call, 'perUser', 'ada', { signal: 5 })).toBe(
      `${name}: signal: a number is not an AbortSignal`,
    )
    const { remaining } = await limiter.peek('perUser', 'ada')
    expect(remaining).toBe(100)
  })

  test.each([5, 'secret', null, [], true])('where they are %j, and no object', async options => {
    const message = await messageOf('check', 'perUser', 'ada', options)
    expect(message).toContain('is not an object of options; those are cost, limit, burst, signal')
    expect(message).not.toContain('secret')
  })

  test.each([
    ['checkAll', [[{ policy: 'perUser', subject: 'ada' }], { cost: 2 }], "'cost' is not an option"],
    ['wait', ['perUser', 'ada', { maxwait: '1s' }], "did you mean 'maxWait'?"],
    ['waitAll', [[{ policy: 'perUser', subject: 'ada' }], { cost: 1 }], "'cost' is not an option"],
    ['refund', [undefined, { unit: 1 }], "did you mean 'units'?"],
    ['reset', ['perUser', 'ada', { for: '1m' }], 'options are signal'],
    ['block', ['perUser', 'ada', { for: '1m', until: 5 }], 'options are for, signal'],
    ['unblock', ['perUser', 'ada', null], 'null is not an object of options'],
    ['acquire', ['jobs', 'ada', { autorenew: false }], "did you mean 'autoRenew'?"],
    ['acquire', ['jobs', 'ada', { autoRenew: 'no' }], "autoRenew: 'no' is not true or false"],
    ['explain', ['ada', { cost: 1 }], 'options are signal'],
  ])('by %s %j', async (call, args, message) => {
    expect(await messageOf(call, ...args)).toContain(message)
  })

  test('also while somebody listens', async () => {
    const calls: string[] = []
    limiter.on('error', ({ call }) => calls.push(call))
    limiter.on('decision', () => {})
    expect(await messageOf('checkSync', 'perUser', 'ada', { cots: 5 })).toContain("did you mean 'cost'?")
    expect(calls).toEqual(['check'])
  })
})

describe('checks of several', () => {
  test.each(['checkAll', 'waitAll'])('are a list of objects: %s', async call => {
    expect(await messageOf(call)).toBe(
      `${call}: undefined is not a list of checks, such as [{ policy, subject }]`,
    )
    expect(await messageOf(call, 'perUser')).toContain('a string is not a list of checks')
    expect(await messageOf(call, ['ada'])).toBe(
      `${call}: item 0 is a string, not a check such as { policy, subject }`,
    )
    expect(await messageOf(call, [{ policy: 'perUser', subject: 'ada', cots: 2 }])).toBe(
      `${call}: item 0: 'cots' is not an option; options are policy, subject, cost, limit, burst; did you mean 'cost'?`,
    )
  })
})
