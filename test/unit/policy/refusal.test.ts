import { describe, expect, it } from 'vitest'
import { at, didYouMean, show } from '../../../src/policy/refusal.js'

describe('a value in a message', () => {
  it.each<[unknown, string]>([
    ['text', `'text'`],
    ['a\nb\u2028c', `'a\\u000ab\\u2028c'`],
    ['\ud800', `'\\ud800'`],
    ['x'.repeat(61), `'${'x'.repeat(60)}…'`],
    [5, '5'],
    [Number.NaN, 'NaN'],
    [5n, '5n'],
    [true, 'true'],
    [null, 'null'],
    [undefined, 'undefined'],
    [[], 'an empty list'],
    [[1], 'a list'],
    [{}, 'an object'],
    [() => 1, 'a function'],
    [Symbol('s'), 'a symbol'],
  ])('%# is %s', (value, shown) => {
    expect(show(value)).toBe(shown)
  })
})

describe('a hint', () => {
  const names = ['limit', 'window', 'burst']
  it.each([
    ['windw', `; did you mean 'window'?`],
    ['LIMIT', `; did you mean 'limit'?`],
    ['brust', `; did you mean 'burst'?`],
    ['x', ''],
    ['capacity', ''],
  ])('for %s is %j', (name, hint) => {
    expect(didYouMean(name, names)).toBe(hint)
  })

  it('is none where there is no name to mean', () => {
    expect(didYouMean('limit', [])).toBe('')
  })
})

describe('a path', () => {
  it('reads as code', () => {
    expect(at(at(at('policies', 'api'), 'limits'), 1)).toBe('policies.api.limits[1]')
    expect(at('policies', 'per-user')).toBe(`policies['per-user']`)
  })

  it('stays on one line whatever the name', () => {
    expect(at('policies', 'a\nb')).toBe(`policies['a\\u000ab']`)
  })
})
