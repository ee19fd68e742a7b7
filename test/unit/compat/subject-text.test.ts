import { expect, it } from 'vitest'
import { subjectText } from '../../../src/compat/dialects/subject-text.js'
import { identify } from '../../../src/subject.js'

const rule = { name: 'p', by: undefined, group: undefined }
const textOf = (subject: string | Record<string, string>, own = rule) =>
  subjectText('d', 'p', identify(own, subject))

it.each(['ann', 'a:b', '{x}*', 'Ünïcode', '\0begins with a NUL', '%41', 'x'.repeat(256)])(
  'a text is itself again: %j',
  text => {
    expect(textOf(text)).toBe(text)
  },
)

it('named parts are parts again', () => {
  expect(textOf({ tenant: 'a=b', user: 'c:d' })).toEqual(
    new Map([
      ['tenant', 'a=b'],
      ['user', 'c:d'],
    ]),
  )
})

it('a text that was kept as its hash is refused', () => {
  expect(() => textOf('x'.repeat(257))).toThrow(/more than 256 bytes is kept as its hash/)
})

it('parts without their names are refused', () => {
  const own = { ...rule, by: ['a', 'b'] as readonly string[] }
  expect(() => subjectText('d', 'p', identify(own as never, { a: '1', b: '2' }))).toThrow(/leave 'by' out/)
})
