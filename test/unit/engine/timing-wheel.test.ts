import { describe, expect, test } from 'vitest'
import { NONE, TICK_US, TimingWheel } from '../../../src/engine/timing-wheel.js'
import { Random } from '../../fuzz/random.js'

const NOW_US = 1_700_000_000_000_000
const SECOND_US = 1_000_000
const DAY_US = 86_400 * SECOND_US
const YEAR_US = 365 * DAY_US
const LEVELS = 7
const NO_LIMIT = Number.POSITIVE_INFINITY

function wheelOf(dueUs: readonly number[]): TimingWheel {
  const wheel = new TimingWheel(entry => dueUs[entry] as number)
  wheel.grow(dueUs.length)
  for (const entry of dueUs.keys()) wheel.insert(entry)
  return wheel
}

function takeAllDue(wheel: TimingWheel, nowUs: number): number[] {
  const taken: number[] = []
  for (let entry = wheel.takeDue(nowUs, NO_LIMIT); entry !== NONE; entry = wheel.takeDue(nowUs, NO_LIMIT)) {
    taken.push(entry)
  }
  return taken
}

describe('what is due', () => {
  test('comes out at its time, be it in 10 ms or in 30 days, and at most one tick late', () => {
    const dueUs = [NOW_US + 30 * DAY_US, NOW_US + 10_000, NOW_US + SECOND_US, NOW_US + 5 * YEAR_US]
    const wheel = wheelOf(dueUs)

    expect(takeAllDue(wheel, NOW_US + 9_999)).toEqual([])
    expect(takeAllDue(wheel, NOW_US + 10_000 + TICK_US)).toEqual([1])
    expect(takeAllDue(wheel, NOW_US + SECOND_US - 1)).toEqual([])
    expect(takeAllDue(wheel, NOW_US + SECOND_US + TICK_US)).toEqual([2])
    expect(takeAllDue(wheel, NOW_US + 30 * DAY_US - 1)).toEqual([])
    expect(takeAllDue(wheel, NOW_US + 30 * DAY_US + TICK_US)).toEqual([0])
    expect(takeAllDue(wheel, NOW_US + 5 * YEAR_US + TICK_US)).toEqual([3])
    expect(wheel.size).toBe(0)
    expect(wheel.nothingDueBeforeUs).toBe(Number.POSITIVE_INFINITY)
  })

  test('is what a sorted list says, for random times, insertions, delays, removals and steps of the clock', () => {
    const random = new Random(7)
    const dueUs = Array.from({ length: 2_000 }, () => 0)
    const wheel = new TimingWheel(entry => dueUs[entry] as number)
    wheel.grow(dueUs.length)
    const inside = new Set<number>()
    const earliest = () => Math.min(...[...inside].map(entry => dueUs[entry] as number))
    let nowUs = NOW_US
    for (let step = 0; step < 20_000; step++) {
      const entry = random.below(dueUs.length)
      if (inside.has(entry)) {
        if (random.chance(0.5)) {
          dueUs[entry] = (dueUs[entry] as number) + random.sized(1, DAY_US)
        } else {
          wheel.remove(entry)
          inside.delete(entry)
        }
      } else {
        dueUs[entry] = nowUs + random.sized(1, 40 * DAY_US) - random.below(5 * SECOND_US)
        wheel.insert(entry)
        inside.add(entry)
      }
      if (random.chance(0.1)) nowUs += random.sized(1, DAY_US)
      if (random.chance(0.02)) nowUs -= random.sized(1, 60 * SECOND_US)
      if (random.chance(0.3)) {
        for (const taken of takeAllDue(wheel, nowUs)) {
          expect(inside.delete(taken)).toBe(true)
          expect(dueUs[taken]).toBeLessThanOrEqual(nowUs)
        }
        expect(earliest()).toBeGreaterThan(nowUs - TICK_US)
      }
      if (random.chance(0.05) && inside.size > 0) {
        expect((dueUs[wheel.first(NO_LIMIT)] as number) - earliest()).toBeLessThan(TICK_US)
      }
      expect(wheel.size).toBe(inside.size)
    }
  })

  test('is not looked for before anything can be due', () => {
    const wheel = wheelOf([NOW_US + 30 * DAY_US])
    wheel.takeDue(NOW_US, NO_LIMIT)
    expect(wheel.nothingDueBeforeUs).toBeGreaterThan(NOW_US)
    expect(wheel.nothingDueBeforeUs).toBeLessThanOrEqual(NOW_US + 30 * DAY_US)
  })
})

describe('an entry that becomes due later while it is inside', () => {
  test('costs nothing then, and comes out at its later time', () => {
    const dueUs = [NOW_US + SECOND_US, NOW_US + 2 * SECOND_US]
    const wheel = wheelOf(dueUs)
    const moves = wheel.moves
    for (let later = 1; later <= 100; later++) dueUs[0] = NOW_US + later * 3 * SECOND_US
    expect(wheel.moves).toBe(moves)
    expect(wheel.first(NO_LIMIT)).toBe(1)
    expect(takeAllDue(wheel, NOW_US + 3 * SECOND_US)).toEqual([1])
    expect(takeAllDue(wheel, NOW_US + 300 * SECOND_US - 1)).toEqual([])
    expect(wheel.first(NO_LIMIT)).toBe(0)
    expect(takeAllDue(wheel, NOW_US + 300 * SECOND_US + TICK_US)).toEqual([0])
    expect(wheel.moves).toBeLessThan(moves + 3 * LEVELS)
  })
})

describe('what is due first', () => {
  test('is found among times that are all far off', () => {
    const wheel = wheelOf([NOW_US + 30 * DAY_US + 3_000_000, NOW_US + 30 * DAY_US, NOW_US + 31 * DAY_US])
    expect(wheel.first(NO_LIMIT)).toBe(1)
    wheel.remove(1)
    expect(wheel.first(NO_LIMIT)).toBe(0)
  })

  test('may come after it was looked for: an entry that is due earlier is found next', () => {
    const dueUs = [NOW_US + 30 * DAY_US, NOW_US + 30 * DAY_US + 10_000, NOW_US + 10_000]
    const wheel = new TimingWheel(entry => dueUs[entry] as number)
    wheel.insert(0)
    wheel.insert(1)
    expect(wheel.first(NO_LIMIT)).toBe(0)
    wheel.insert(2)
    expect(wheel.first(NO_LIMIT)).toBe(2)
  })

  test('is nobody in an empty wheel', () => {
    expect(wheelOf([]).first(NO_LIMIT)).toBe(NONE)
  })
})

describe('the work', () => {
  test('is at most one move per entry and level, whatever the times are', () => {
    const random = new Random(11)
    const dueUs = Array.from({ length: 50_000 }, () => NOW_US + random.sized(1, YEAR_US))
    const wheel = wheelOf(dueUs)
    for (let nowUs = NOW_US; wheel.size > 0; nowUs += random.sized(1, 30 * DAY_US)) takeAllDue(wheel, nowUs)
    expect(wheel.moves).toBeLessThanOrEqual(LEVELS * dueUs.length)
  })

  test('does not grow with the number of entries when they are evicted one by one', () => {
    const random = new Random(13)
    const dueUs = Array.from({ length: 50_000 }, () => NOW_US + 30 * DAY_US + random.below(DAY_US))
    const wheel = wheelOf(dueUs)
    while (wheel.size > 0) wheel.remove(wheel.first(NO_LIMIT))
    expect(wheel.moves).toBeLessThanOrEqual(LEVELS * dueUs.length)
  })

  test('stays small where near entries come and go while far ones are evicted in between', () => {
    const dueUs = Array.from({ length: 10_000 }, (_, entry) => NOW_US + 30 * DAY_US + entry * 1_000)
    const wheel = wheelOf(dueUs)
    const near = dueUs.length
    wheel.grow(near + 1)
    let nowUs = NOW_US
    for (let round = 0; round < 5_000; round++) {
      wheel.remove(wheel.first(NO_LIMIT))
      dueUs[near] = nowUs + 10_000
      wheel.insert(near)
      expect(wheel.first(NO_LIMIT)).toBe(near)
      nowUs += 20_000
      expect(takeAllDue(wheel, nowUs)).toEqual([near])
    }
    expect(wheel.moves).toBeLessThan(2 * LEVELS * 15_000)
  })

  test('of a leap over 50 years is only that of taking out what is due', () => {
    const dueUs = Array.from({ length: 1_000 }, (_, entry) => NOW_US + entry * 10_000)
    const wheel = wheelOf(dueUs)
    const moves = wheel.moves
    expect(takeAllDue(wheel, NOW_US + 20 * YEAR_US)).toHaveLength(1_000)
    expect(wheel.moves).toBe(moves)
  })

  test('of one call is bounded by its budget; the next call goes on', () => {
    const dueUs = Array.from({ length: 1_000 }, () => NOW_US + DAY_US)
    expect(wheelOf(dueUs).first(32)).toBe(NONE)
    const wheel = wheelOf(dueUs)
    const moves = wheel.moves
    expect(wheel.takeDue(NOW_US + DAY_US + TICK_US, 32)).toBe(NONE)
    expect(wheel.moves).toBe(moves + 32)
    expect(takeAllDue(wheel, NOW_US + DAY_US + TICK_US)).toHaveLength(1_000)
  })
})

describe('a clock that steps back', () => {
  test('makes nothing due, and what is due earlier than everything before still comes out first', () => {
    const dueUs = [NOW_US + SECOND_US, NOW_US - YEAR_US + SECOND_US]
    const wheel = new TimingWheel(entry => dueUs[entry] as number)
    wheel.insert(0)
    expect(takeAllDue(wheel, NOW_US)).toEqual([])
    expect(takeAllDue(wheel, NOW_US - YEAR_US)).toEqual([])
    wheel.insert(1)
    expect(takeAllDue(wheel, NOW_US - YEAR_US + 2 * SECOND_US)).toEqual([1])
    expect(takeAllDue(wheel, NOW_US + 2 * SECOND_US)).toEqual([0])
  })
})
