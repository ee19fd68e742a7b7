import { expect, test } from 'vitest'
import { Lifetimes } from '../../../src/engine/memory-lifetimes.js'
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
