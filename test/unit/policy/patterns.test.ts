import { describe, expect, test } from 'vitest'
import { Patterns } from '../../../src/policy/patterns.js'

describe('patterns of names', () => {
  const patterns = new Patterns({
    '*': 'any',
    'db_*': 'short',
    'db_*_rows': 'long',
    db_read: 'exact',
    'a*b*a': 'pieces',
  })

  test.each([
    ['db_read', 'exact'],
    ['db_write', 'short'],
    ['db_', 'short'],
    ['db_delete_rows', 'long'],
    ['db_rows', 'short'],
    ['abba', 'pieces'],
    ['aba', 'pieces'],
    ['aa', 'any'],
    ['', 'any'],
    ['a.b', 'any'],
  ])('%j finds the most specific of those that match', (name, found) => {
    expect(patterns.find(name)).toBe(found)
  })

  test('pieces do not overlap, and stand in their order', () => {
    const overlapping = new Patterns({ 'ab*ba': 'x', '*1*2*': 'y' })
    expect(overlapping.find('aba')).toBeUndefined()
    expect(overlapping.find('2-1')).toBeUndefined()
    expect(overlapping.find('0-1-2-3')).toBe('y')
  })

  test('signs of regular expressions are themselves', () => {
    expect(new Patterns({ 'a.c*': 1 }).find('abcd')).toBeUndefined()
    expect(new Patterns({ '(*': 1 }).find('(x')).toBe(1)
  })

  test('a name of a megabyte does not take the square of its length', () => {
    expect(new Patterns({ '*a*a*a*b': 1 }).find('a'.repeat(1_000_000))).toBeUndefined()
  })

  test('a name finds the same again, however many others were asked for in between', () => {
    const twice = new Patterns({ 'db_*': 'database' })
    const others = Array.from({ length: 2_500 }, (_, i) => `tool-${i}`)
    for (const name of [...others, ...others]) expect(twice.find(name)).toBeUndefined()
    expect([twice.find('db_read'), ...others.map(name => twice.find(name)), twice.find('db_read')]).toEqual([
      'database',
      ...others.map(() => undefined),
      'database',
    ])
  })
})
