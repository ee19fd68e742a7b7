import { describe, expect, it } from 'vitest'
import { KeyRows } from '../../../src/engine/key-rows.js'
import { hashOf, SubjectIndex } from '../../../src/engine/subject-index.js'
import { NONE } from '../../../src/engine/timing-wheel.js'

const KEYS = 2_000

/** An index with rows for its keys; the texts stand behind a state of one double. */
function indexOf(capacity: number): { readonly index: SubjectIndex; readonly rows: KeyRows } {
  const rows = new KeyRows()
  rows.grow(capacity)
  return { index: new SubjectIndex(rows, 2), rows }
}

describe('An index of subjects', () => {
  it('finds each of them, and nothing else, while they come and go', () => {
    const { index } = indexOf(KEYS)
    const keys = new Map<string, number>()
    const free = Array.from({ length: KEYS }, (_, key) => key)
    let state = 1
    for (let turn = 0; turn < 20_000; turn++) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
      const subject = `user-${(state >>> 8) % (2 * KEYS)}`
      const known = keys.get(subject)
      expect(index.find(subject)).toBe(known ?? NONE)
      expect(index.findText(subject)).toBe(known ?? NONE)
      if (known !== undefined) {
        index.delete(known)
        keys.delete(subject)
        free.push(known)
      } else if (free.length > 0) {
        const key = free.pop() as number
        index.add(key, subject)
        keys.set(subject, key)
      }
    }
    for (const [subject, key] of keys)
      expect([index.find(subject), index.subjectOf(key)]).toEqual([key, subject])
  })

  it.each([
    ['as long as a row has room for', 'a'.repeat(47)],
    ['one longer than that', 'a'.repeat(48)],
    ['much longer', 'a'.repeat(256)],
    ['with the last character of a byte', 'ÿ'],
    ['with the first that needs more', 'Ā'],
    ['in another script', 'テナント'],
    ['of a pair of surrogates', '😀'],
    ['an encoded one', '\0acme:ada\0acme'],
  ])('keeps a subject %s, in a row used again', (_, subject) => {
    const { index } = indexOf(64)
    for (const before of ['b'.repeat(60), 'b']) {
      index.add(0, before)
      index.delete(0)
      index.add(0, subject)
      expect([index.find(subject), index.subjectOf(0)]).toEqual([0, subject])
      expect([index.find(before), index.find(subject.slice(0, -1)), index.find(`${subject}x`)]).toEqual([
        NONE,
        NONE,
        NONE,
      ])
      index.delete(0)
      expect(index.find(subject)).toBe(NONE)
    }
  })

  it('keeps more subjects that fall on one slot than it looks at there, and lets them go', () => {
    const { index } = indexOf(KEYS)
    // The low bits choose the slot: these are alike in any table of up to 512.
    const subjects: string[] = []
    for (let i = 0; subjects.length < 200; i++)
      if ((hashOf(`user-${i}`) & 511) === 77) subjects.push(`user-${i}`)
    const isThere = (turn: number, key: number) => (turn + key) % 2 === 0
    for (const [key, subject] of subjects.entries()) index.add(key, subject)
    expect(subjects.map(subject => index.find(subject))).toEqual(subjects.map((_, key) => key))
    for (const turn of [0, 1, 2, 3]) {
      for (const [key, subject] of subjects.entries()) {
        if (index.find(subject) !== NONE && !isThere(turn, key)) index.delete(key)
        else if (index.find(subject) === NONE && isThere(turn, key)) index.add(key, subject)
      }
      expect(subjects.map(subject => index.find(subject))).toEqual(
        subjects.map((_, key) => (isThere(turn, key) ? key : NONE)),
      )
    }
  })

  it('does not take a text that begins with a NUL for the encoded subject that reads alike', () => {
    const { index } = indexOf(64)
    index.add(0, '\0ada')
    expect([index.find('\0ada'), index.findText('\0ada')]).toEqual([0, NONE])
  })

  it('moves with its rows when they grow', () => {
    const { index, rows } = indexOf(64)
    index.add(7, 'ada')
    index.add(8, 'x'.repeat(100))
    rows.grow(1_000)
    expect([index.find('ada'), index.find('x'.repeat(100))]).toEqual([7, 8])
  })
})
