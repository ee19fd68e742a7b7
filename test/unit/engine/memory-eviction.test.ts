import { beforeEach, describe, expect, test } from 'vitest'
import { Op, Status } from '../../../src/core/step.js'
import { MemoryEngine } from '../../../src/engine/memory-engine.js'
import type { Limit } from '../../../src/policy.js'
import { checkOf, DAY_US, limitOf, MINUTE_US, MS_US, SECOND_US, StandingClock } from './limits.js'

const window = (windowUs: number, limit = 2) =>
  limitOf(`window-${windowUs}-${limit}`, { algorithm: 'fixed_window', limit, windowUs })
const brief = window(SECOND_US)
const medium = window(MINUTE_US)
const long = window(30 * DAY_US)

let clock: StandingClock
beforeEach(() => {
  clock = new StandingClock()
})

const engineOf = (maxKeys: number) => new MemoryEngine({ clock, maxKeys })

/** Units that are still counted of a key whose limit is 2. */
const used = (engine: MemoryEngine, limit: Limit, subject: string) =>
  2 - (engine.decideSync([checkOf(limit, subject, { op: Op.peek })]).checks[0]?.remaining as number)

describe('when there is room for three keys and a fourth comes', () => {
  test('the one that ends first goes, and is counted', () => {
    const engine = engineOf(3)
    for (const limit of [long, brief, medium]) engine.decideSync([checkOf(limit, 'ada')])
    engine.decideSync([checkOf(long, 'grace')])
    expect(used(engine, brief, 'ada')).toBe(0)
    expect([used(engine, long, 'ada'), used(engine, medium, 'ada'), used(engine, long, 'grace')]).toEqual([
      1, 1, 1,
    ])
    expect(engine.stats()).toEqual({ keys: 3, maxKeys: 3, evicted: 1 })
  })

  test('a key that refuses stays, though it ends first', () => {
    const engine = engineOf(3)
    engine.decideSync([checkOf(brief, 'ada', { n: 2 })])
    for (const subject of ['ada', 'grace']) engine.decideSync([checkOf(long, subject)])
    engine.decideSync([checkOf(medium, 'ada')])
    expect(used(engine, brief, 'ada')).toBe(2)
    expect(engine.stats()).toMatchObject({ keys: 3, evicted: 1 })
  })

  test('a blocked key stays', () => {
    const engine = engineOf(3)
    engine.decideSync([checkOf(brief, 'ada', { op: Op.block, n: SECOND_US })])
    for (const subject of ['ada', 'grace', 'joan']) engine.decideSync([checkOf(long, subject)])
    expect(engine.decideSync([checkOf(brief, 'ada')]).checks[0]?.status).toBe(Status.blocked)
  })

  test('and all refuse, the one that ends first goes', () => {
    const engine = engineOf(3)
    for (const limit of [long, brief, medium]) engine.decideSync([checkOf(limit, 'ada', { n: 2 })])
    engine.decideSync([checkOf(long, 'grace')])
    expect([brief, long, medium].map(limit => used(engine, limit, 'ada'))).toEqual([0, 2, 2])
  })

  test('a key that has ended goes before all others and is not counted as evicted', () => {
    const engine = engineOf(3)
    for (const limit of [long, brief, medium]) engine.decideSync([checkOf(limit, 'ada')])
    clock.us += SECOND_US
    engine.decideSync([checkOf(long, 'grace')])
    expect(engine.stats()).toEqual({ keys: 3, maxKeys: 3, evicted: 0 })
  })

  test('a key that was full and is not any more goes like any other: by time', () => {
    const engine = engineOf(3)
    const slow = limitOf('slow', { algorithm: 'gcra', limit: 1, windowUs: MINUTE_US })
    engine.decideSync([checkOf(slow, 'ada')])
    for (const subject of ['ada', 'grace']) engine.decideSync([checkOf(long, subject)])
    // This one finds the key of `slow` refusing and sets it apart; a minute later it does not refuse.
    engine.decideSync([checkOf(long, 'joan')])
    clock.us += MINUTE_US + 2 * MS_US
    engine.decideSync([checkOf(long, 'mary')])
    expect([used(engine, long, 'joan'), used(engine, long, 'mary')]).toEqual([1, 1])
    expect(engine.stats()).toMatchObject({ keys: 3, evicted: 2 })
  })

  test('a key that was full and got units back goes like any other', () => {
    const engine = engineOf(3)
    engine.decideSync([checkOf(brief, 'ada', { n: 2 })])
    for (const subject of ['ada', 'grace', 'joan']) engine.decideSync([checkOf(long, subject)])
    engine.decideSync([checkOf(brief, 'ada', { op: Op.refund })])
    engine.decideSync([checkOf(medium, 'ada')])
    expect(used(engine, brief, 'ada')).toBe(0)
  })
})

describe('a request that needs room', () => {
  test('does not lose what it has just charged to a key that was there', () => {
    const engine = engineOf(2)
    engine.decideSync([checkOf(brief, 'ada')])
    engine.decideSync([checkOf(long, 'ada')])
    engine.decideSync([checkOf(medium, 'ada'), checkOf(long, 'ada')])
    expect([used(engine, long, 'ada'), used(engine, medium, 'ada')]).toEqual([2, 1])
  })
})

describe('an engine of 1,000 keys', () => {
  test('stays at 1,000 while 100,000 pass through, and keeps those that end last', () => {
    const engine = engineOf(1_000)
    for (let i = 0; i < 100_000; i++) {
      clock.us += 100
      engine.decideSync([checkOf(medium, `subject ${i}`)])
    }
    expect(engine.stats()).toEqual({ keys: 1_000, maxKeys: 1_000, evicted: 99_000 })
    const kept = Array.from({ length: 990 }, (_, i) => used(engine, medium, `subject ${99_999 - i}`))
    expect(kept).toEqual(new Array(990).fill(1))
  })
})

describe('maxKeys', () => {
  test.each([0, -1, 1.5, Number.NaN, 2 ** 25])('cannot be %d', maxKeys => {
    expect(() => engineOf(maxKeys)).toThrow(`maxKeys: ${maxKeys} is not a whole number from 1 to 16777216`)
  })

  test('may be 1', () => {
    const engine = engineOf(1)
    for (const subject of ['ada', 'grace', 'ada']) engine.decideSync([checkOf(brief, subject)])
    expect(engine.stats()).toEqual({ keys: 1, maxKeys: 1, evicted: 2 })
  })
})
