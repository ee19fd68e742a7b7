import { describe, expect, test } from 'vitest'
import { Way } from '../../../../src/compat/migrate/way.js'

const BEGINNING = { done: [], node: 'a', match: 0, cursor: undefined, looked: 0 }

describe('the share of a walk through all keys', () => {
  test('grows with the pages of a server, up to the next power of two of its keys', () => {
    const way = new Way(new Map([['a', 1000]]), 1)
    expect(way.share(BEGINNING)).toBe(0)
    expect(way.share({ ...BEGINNING, cursor: '7', looked: 512 })).toBe(0.5)
  })

  test('is whole at the end, and never more before it, however many pages it takes', () => {
    const way = new Way(new Map([['a', 10]]), 1)
    expect(way.share({ ...BEGINNING, cursor: '7', looked: 5000 })).toBe(1)
    expect(way.share({ ...BEGINNING, cursor: '0', looked: 5 })).toBe(1)
  })

  test('counts every server once for each pattern, the large ones for more', () => {
    const way = new Way(
      new Map([
        ['a', 1024],
        ['b', 3072],
      ]),
      2,
    )
    expect(way.share({ ...BEGINNING, match: 1 })).toBeCloseTo(0.1)
    expect(way.share({ ...BEGINNING, done: ['a'], node: 'b' })).toBeCloseTo(0.2)
    expect(way.share({ ...BEGINNING, done: ['a'], node: 'b', match: 1, cursor: '0', looked: 4500 })).toBe(1)
  })

  test('of an empty store, or a server that has gone, is a number all the same', () => {
    expect(new Way(new Map([['a', 0]]), 1).share({ ...BEGINNING, cursor: '0', looked: 500 })).toBe(1)
    expect(new Way(new Map([['a', 8]]), 1).share({ ...BEGINNING, done: ['gone'] })).toBe(0)
  })
})
