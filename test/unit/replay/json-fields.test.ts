import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { fieldAt, JSON_FIELDS } from '../../../src/replay/json-fields.js'

describe('the usual names of JSON fields', () => {
  const page = readFileSync(new URL('../../../docs/replay.md', import.meta.url), 'utf8')

  it.each(Object.entries(JSON_FIELDS))('of %s stand in the documents, in their order', (part, names) => {
    expect(page).toContain(`\n| ${part} | ${names.map(name => `\`${name}\``).join(' ')}`)
  })
})

describe('fieldAt', () => {
  it('prefers a key with dots in it to the path it describes', () => {
    expect(fieldAt({ 'a.b': 1, a: { b: 2 } }, 'a.b')).toBe(1)
    expect(fieldAt({ a: { b: 2 } }, 'a.b')).toBe(2)
  })

  it('finds nothing beyond what is there', () => {
    expect(fieldAt({ a: 'text' }, 'a.length')).toBeUndefined()
    expect(fieldAt({ a: null }, 'a.b')).toBeUndefined()
  })
})
