import { expect, test } from 'vitest'
import { Lifetimes } from '../../../src/engine/memory-lifetimes.js'
import { TICK_US } from '../../../src/engine/timing-wheel.js'
import { MINUTE_US, NOW_US, SECOND_US } from './limits.js'

const KEYS = 1_000

test('a key that refuses is looked at once for each time it starts to refuse, not again for every victim', () => {
  let looks = 0
  // The first half refuses for ten seconds and ends before the other half, which refuses nobody.
  const lifetimes = new Lifetimes(
    key => NOW_US + MINUTE_US + key * SECOND_US,
    (key, nowUs) => {
      looks++
      return key < KEYS / 2 && nowUs < NOW_US + 10 * SECOND_US ? NOW_US + 10 * SECOND_US : 0
    },
  )
  lifetimes.grow(KEYS)
  for (let key = 0; key < KEYS; key++) lifetimes.add(key)

  const victims = Array.from({ length: 100 }, () => lifetimes.takeVictim(NOW_US))
  expect(victims).toEqual(Array.from({ length: 100 }, (_, i) => KEYS / 2 + i))
  expect(looks).toBe(KEYS / 2 + 100)

  // Once they have stopped refusing they come first again.
  expect(lifetimes.takeVictim(NOW_US + 11 * SECOND_US)).toBe(0)
  expect(looks).toBe(KEYS / 2 + 101)
})

test('when all refuse, the keys go in the order of their ends, and that takes few moves', () => {
  const lifetimes = new Lifetimes(
    key => NOW_US + MINUTE_US + (KEYS - key) * SECOND_US,
    () => NOW_US + SECOND_US,
  )
  lifetimes.grow(KEYS)
  for (let key = 0; key < KEYS; key++) lifetimes.add(key)
  const victims = Array.from({ length: KEYS }, () => lifetimes.takeVictim(NOW_US))
  expect(victims).toEqual(Array.from({ length: KEYS }, (_, i) => KEYS - 1 - i))
  // Three wheels of seven levels.
  expect(lifetimes.moves).toBeLessThanOrEqual(21 * KEYS)
})

test('a table that fills up with keys that refuse has little to do for its first victim, having looked ahead', () => {
  const ends = new Float64Array(20 * KEYS)
  const lifetimes = new Lifetimes(
    key => ends[key] as number,
    (_, nowUs) => nowUs + MINUTE_US,
  )
  lifetimes.grow(ends.length)
  for (let key = 0; key < ends.length; key++) {
    const nowUs = NOW_US + 100 * key
    ends[key] = nowUs + MINUTE_US
    lifetimes.add(key)
    // As an engine does once half of its room is used.
    if (2 * key > ends.length) lifetimes.lookAhead(nowUs)
  }
  const moves = lifetimes.moves
  const victim = lifetimes.takeVictim(NOW_US + SECOND_US)
  expect((ends[victim] as number) - (ends[0] as number)).toBeLessThan(TICK_US)
  expect(lifetimes.moves - moves).toBeLessThan(100)
})
