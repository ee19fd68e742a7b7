import { describe, expect, test } from 'vitest'
import type { Decision } from '../../../src/decision.js'
import type { DurationText } from '../../../src/policy.js'
import { createTestLimiter, type FakeClock } from '../../../src/testing/index.js'

const POLICIES = {
  /** A unit every 100 ms, two at once. */
  perUser: { algorithm: 'gcra', limit: 10, window: '1s', burst: 2 },
  perMinute: { algorithm: 'fixed_window', limit: 3, window: '1m' },
  smooth: { algorithm: 'leaky_bucket', mode: 'shape', limit: 10, window: '1s', burst: 5 },
} as const

const setUp = (waiting?: { max?: number; maxPerSubject?: number }) =>
  createTestLimiter({ policies: POLICIES, ...(waiting && { waiting }) })

/** Time goes by once all that is answered at once has been. */
const advance = async (clock: FakeClock, duration: DurationText) => {
  await settled()
  await clock.advance(duration)
  await settled()
}
const settled = () => new Promise(resolve => setImmediate(resolve))

/** Follows promises: who has been answered, in which order, when and how. */
function watch(clock: { monotonicMs(): number }) {
  const said: string[] = []
  const follow = (name: string, promise: Promise<Decision>) =>
    promise.then(
      ({ allowed }) => said.push(`${name} ${allowed ? 'passed' : 'refused'} at ${clock.monotonicMs()}`),
      (error: Error) => said.push(`${name} failed at ${clock.monotonicMs()}: ${error.message}`),
    )
  return { said, follow }
}

describe('A7: waiting instead of being refused', () => {
  test('A7: what passes at once does not wait', async () => {
    const { limiter } = setUp()
    const events: unknown[] = []
    limiter.on('waited', event => events.push(event))
    expect((await limiter.wait('perUser', 'ada')).allowed).toBe(true)
    expect(events).toEqual([])
  })

  test('A7: the first waits as long as the store says, and not a tick longer; those behind follow one by one', async () => {
    const { limiter, clock } = setUp()
    const { said, follow } = watch(clock)
    for (const name of ['a', 'b', 'c', 'd', 'e']) follow(name, limiter.wait('perUser', 'ada'))
    await advance(clock, '1s')
    expect(said).toEqual([
      'a passed at 0',
      'b passed at 0',
      'c passed at 100',
      'd passed at 200',
      'e passed at 300',
    ])
  })

  test('A7: what would take longer than maxWait is refused at once, and told when it would pass', async () => {
    const { limiter, clock } = setUp()
    const { said, follow } = watch(clock)
    for (const name of ['a', 'b', 'c']) follow(name, limiter.wait('perUser', 'ada', { maxWait: '50ms' }))
    const late = limiter.wait('perUser', 'ada', { maxWait: '99ms' })
    await advance(clock, '1ms')
    expect(said).toEqual(['a passed at 0', 'b passed at 0', 'c refused at 0'])
    expect(await late).toMatchObject({ allowed: false, reason: 'limit', retryAfterMs: 100 })
  })

  test('A7: somebody behind others is refused at once where their units alone take longer', async () => {
    const { limiter, clock } = setUp()
    const { said, follow } = watch(clock)
    for (let i = 0; i < 12; i++) follow(`${i}`, limiter.wait('perUser', 'ada', { maxWait: '500ms' }))
    await advance(clock, '1ms')
    // 2 at once, then one each 100 ms: 5 more within 500 ms.
    expect(said.filter(text => text.includes('refused'))).toEqual(
      [7, 8, 9, 10, 11].map(i => `${i} refused at 0`),
    )
    await advance(clock, '1s')
    expect(said.filter(text => text.includes('passed'))).toHaveLength(7)
  })

  test('A7: a small call does not overtake a large one that came before it', async () => {
    const { limiter, clock } = setUp()
    const { said, follow } = watch(clock)
    await limiter.check('perUser', 'ada')
    follow('large', limiter.wait('perUser', 'ada', { cost: 2 }))
    follow('small', limiter.wait('perUser', 'ada'))
    await advance(clock, '1s')
    expect(said).toEqual(['large passed at 100', 'small passed at 200'])
  })

  test('subjects do not wait for each other', async () => {
    const { limiter, clock } = setUp()
    const { said, follow } = watch(clock)
    await limiter.check('perUser', 'ada', { cost: 2 })
    follow('ada', limiter.wait('perUser', 'ada'))
    follow('bob', limiter.wait('perUser', 'bob'))
    await advance(clock, '1s')
    expect(said).toEqual(['bob passed at 0', 'ada passed at 100'])
  })

  test('a window that opens lets all in that it has room for', async () => {
    const { limiter, clock } = setUp()
    const { said, follow } = watch(clock)
    await limiter.check('perMinute', 'ada', { cost: 3 })
    for (const name of ['a', 'b', 'c', 'd'])
      follow(name, limiter.wait('perMinute', 'ada', { maxWait: '90s' }))
    await advance(clock, '61s')
    expect(said).toEqual([
      'a passed at 60000',
      'b passed at 60000',
      'c passed at 60000',
      'd refused at 60000',
    ])
  })

  test('A5: a shaping bucket lets them start at its own pace, and refuses what the pace makes too late', async () => {
    const { limiter, clock } = setUp()
    const { said, follow } = watch(clock)
    for (let i = 0; i < 5; i++) follow(`${i}`, limiter.wait('smooth', 'ada', { maxWait: '250ms' }))
    await advance(clock, '1s')
    expect(said).toEqual([
      '0 passed at 0',
      '3 refused at 0',
      '4 refused at 0',
      '1 passed at 100',
      '2 passed at 200',
    ])
    // What was refused took nothing.
    expect((await limiter.check('smooth', 'ada')).delayMs).toBe(0)
  })

  test('an impossible cost is an error, and never waits', async () => {
    const { limiter } = setUp()
    await expect(limiter.wait('perUser', 'ada', { cost: 3 })).rejects.toMatchObject({
      code: 'ERR_SLUICE_COST_IMPOSSIBLE',
    })
    await expect(limiter.wait('perUser', 'ada', { maxWait: 'soon' as '1s' })).rejects.toThrow('maxWait')
  })
})

describe('A7: giving up', () => {
  test('A7: a signal frees the place; who is behind moves up', async () => {
    const { limiter, clock } = setUp()
    const { said, follow } = watch(clock)
    const gone = new AbortController()
    const failed: unknown[] = []
    limiter.on('error', ({ error }) => failed.push(error))
    const waited: unknown[] = []
    limiter.on('waited', ({ decision }) => waited.push(decision?.allowed))
    await limiter.check('perUser', 'ada', { cost: 2 })
    follow('a', limiter.wait('perUser', 'ada', { cost: 2, signal: gone.signal }))
    follow('b', limiter.wait('perUser', 'ada'))
    await advance(clock, '50ms')
    gone.abort(new Error('the client went away'))
    await advance(clock, '1s')
    // Who gives up has waited, and no call has failed.
    expect(waited).toEqual([undefined, true])
    expect(failed).toEqual([])
    expect(said).toEqual(['a failed at 50: the client went away', 'b passed at 100'])
    expect((await limiter.peek('perUser', 'ada')).remaining).toBe(2)
  })

  test('A7: a signal gives the units back that a shaping bucket had kept for it', async () => {
    const { limiter, clock } = setUp()
    const gone = new AbortController()
    await limiter.wait('smooth', 'ada')
    const waiting = limiter.wait('smooth', 'ada', { signal: gone.signal })
    await advance(clock, '10ms')
    gone.abort()
    await expect(waiting).rejects.toThrow()
    await advance(clock, '90ms')
    expect((await limiter.check('smooth', 'ada')).delayMs).toBe(0)
  })

  test('A7: closing the limiter rejects all who wait', async () => {
    const { limiter, clock } = setUp()
    const { said, follow } = watch(clock)
    await limiter.check('perUser', 'ada', { cost: 2 })
    follow('a', limiter.wait('perUser', 'ada'))
    follow('b', limiter.wait('perUser', 'ada'))
    await advance(clock, '10ms')
    await limiter.close()
    await advance(clock, '1s')
    expect(said).toEqual([
      'a failed at 10: the limiter was closed while this call waited',
      'b failed at 10: the limiter was closed while this call waited',
    ])
    await expect(limiter.wait('perUser', 'ada')).rejects.toMatchObject({ code: 'ERR_SLUICE_CLOSED' })
  })
})

describe('A7: the places', () => {
  test('A7: are bounded for each subject and for all', async () => {
    const { limiter, clock } = setUp({ max: 3, maxPerSubject: 2 })
    const { said, follow } = watch(clock)
    for (const subject of ['ada', 'bob']) {
      await limiter.check('perUser', subject, { cost: 2 })
      for (let i = 0; i < 3; i++) follow(`${subject} ${i}`, limiter.wait('perUser', subject))
    }
    await advance(clock, '1ms')
    expect(said).toEqual(['ada 2 refused at 0', 'bob 1 refused at 0', 'bob 2 refused at 0'])
    await advance(clock, '1s')
    expect(said.slice(3)).toEqual(['ada 0 passed at 100', 'bob 0 passed at 100', 'ada 1 passed at 200'])
    // They are free again.
    await limiter.check('perUser', 'ada', { cost: 2 })
    follow('later', limiter.wait('perUser', 'ada'))
    await advance(clock, '1s')
    expect(said.at(-1)).toBe('later passed at 1101')
  })

  test('what is wrong with their number is told by name', () => {
    expect(() => setUp({ max: 0 })).toThrow(/waiting: max: 0 is not a whole number of at least 1/)
    expect(() => setUp({ most: 5 } as never)).toThrow(
      /waiting: 'most' is not an option of it; options are max/,
    )
  })
})

describe('what gives allowance back in this process', () => {
  test.each(['reset', 'refund', 'update'] as const)('a %s lets the first pass at once', async way => {
    const { limiter, clock } = setUp()
    const { said, follow } = watch(clock)
    const { receipt } = await limiter.check('perMinute', 'ada', { cost: 3 })
    follow('a', limiter.wait('perMinute', 'ada', { maxWait: '2m' }))
    await advance(clock, '1s')
    if (way === 'reset') await limiter.reset('perMinute', 'ada')
    if (way === 'refund' && receipt !== undefined) await limiter.refund(receipt)
    if (way === 'update') limiter.update({ ...POLICIES, perMinute: { ...POLICIES.perMinute, limit: 4 } })
    await advance(clock, '1s')
    expect(said).toEqual(['a passed at 1000'])
  })
})

describe('waitAll', () => {
  test('waits until all limits have room, and charges all or none', async () => {
    const { limiter, clock } = setUp()
    const { said, follow } = watch(clock)
    await limiter.check('perUser', 'ada', { cost: 2 })
    const items = [
      { policy: 'perUser', subject: 'ada', cost: 2 },
      { policy: 'perMinute', subject: 'ada' },
    ] as const
    follow('both', limiter.waitAll(items))
    await advance(clock, '100ms')
    expect((await limiter.peek('perMinute', 'ada')).remaining).toBe(3)
    await advance(clock, '100ms')
    expect(said).toEqual(['both passed at 200'])
    expect((await limiter.peek('perMinute', 'ada')).remaining).toBe(2)
  })
})

describe('what listeners are told', () => {
  test('A7: one decision for each call, and for each that waited how long, whatever came of it', async () => {
    const { limiter, clock } = setUp()
    const told: string[] = []
    limiter.on('decision', ({ call, decision }) => told.push(`${call} ${decision.allowed}`))
    limiter.on('waited', ({ waitedMs, decision }) => told.push(`waited ${waitedMs} ${decision?.allowed}`))
    const gone = new AbortController()
    const calls = [
      ...Array.from({ length: 4 }, () => limiter.wait('perUser', 'ada')),
      limiter.wait('perUser', 'ada', { maxWait: '1ms' }),
      limiter.wait('perUser', 'ada', { signal: gone.signal }),
    ]
    const settled = Promise.allSettled(calls)
    await advance(clock, '120ms')
    gone.abort()
    await advance(clock, '1s')
    await settled
    expect(told).toEqual([
      'wait true',
      'wait true',
      'wait false',
      'waited 100 true',
      'wait true',
      'waited 120 undefined',
      'waited 200 true',
      'wait true',
    ])
  })
})
