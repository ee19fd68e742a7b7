import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodePart, encodePart, limitKeyName, splitLimitKeyName } from '../../src/key-part.js'
import { wellFormedText } from '../support/subjects.js'

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

describe('a part of a key', () => {
  it.each([
    ['user-1_a.b', 'user-1_a.b'],
    ['a:b', 'a%3Ab'],
    ['{a}', '%7Ba%7D'],
    ['*?[]', '%2A%3F%5B%5D'],
    ['~', '%7E'],
    ["!'()", '%21%27%28%29'],
    ['%41', '%2541'],
    ['a b', 'a%20b'],
    ['a\0b\r\n', 'a%00b%0D%0A'],
    ['é', '%C3%A9'],
    ['日本', '%E6%97%A5%E6%9C%AC'],
    ['😀', '%F0%9F%98%80'],
  ])('writes %j as %s', (part, encoded) => {
    expect(encodePart(part)).toBe(encoded)
    expect(decodePart(encoded)).toBe(part)
  })

  it('is its hash when it would be longer than 256 bytes', () => {
    expect(encodePart('a'.repeat(256))).toBe('a'.repeat(256))
    expect(encodePart('a'.repeat(257))).toBe(`~${sha256('a'.repeat(257))}`)
    // 86 times three bytes are 258 once encoded, though only 86 characters before.
    expect(encodePart(':'.repeat(85))).toHaveLength(255)
    expect(encodePart(':'.repeat(86))).toBe(`~${sha256(':'.repeat(86))}`)
    expect(decodePart(encodePart('é'.repeat(200)))).toEqual({ sha256: sha256('é'.repeat(200)) })
  })

  it('is bounded and holds nothing but safe characters, whatever is written', () => {
    fc.assert(
      fc.property(wellFormedText, part => {
        expect(encodePart(part)).toMatch(/^(?:[A-Za-z0-9_.%-]{1,256}|~[0-9a-f]{64})$/)
      }),
    )
  })

  it('reads back as what was written', () => {
    fc.assert(
      fc.property(wellFormedText, part => {
        const encoded = encodePart(part)
        expect(decodePart(encoded)).toEqual(encoded.startsWith('~') ? { sha256: sha256(part) } : part)
      }),
    )
  })

  it('differs for different texts', () => {
    fc.assert(
      fc.property(wellFormedText, wellFormedText, (one, other) => {
        expect(encodePart(one) === encodePart(other)).toBe(one === other)
      }),
    )
  })

  it.each(['', 'a:b', '%', '%4', '%4g', '%C3', '%41', '%c3%a9', '~abc', 'é', 'a b'])('is not %j', text => {
    expect(decodePart(text)).toBeUndefined()
  })
})

describe('the name of a limit in a key', () => {
  it('is the policy for the first limit, and has a number after that', () => {
    expect([0, 1, 12].map(index => limitKeyName('a/b', index))).toEqual(['a%2Fb', 'a%2Fb~1', 'a%2Fb~12'])
  })

  it('reads back, of hashed policy names too', () => {
    fc.assert(
      fc.property(wellFormedText, fc.integer({ min: 0, max: 15 }), (policy, index) => {
        expect(splitLimitKeyName(limitKeyName(policy, index))).toEqual({ policy: encodePart(policy), index })
      }),
    )
  })

  it.each(['', 'a~', 'a~0', 'a~01', 'a~1~1', '~'])('is not %j', text => {
    expect(splitLimitKeyName(text)).toBeUndefined()
  })
})
