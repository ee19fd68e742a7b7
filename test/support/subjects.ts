import fc from 'fast-check'

/** Texts that have tried to be something else: separators, hash tags, globs, escapes, control bytes, long and foreign ones. */
const hostile = fc.constantFrom(
  ...[
    ':',
    '{',
    '}',
    '{a}',
    '*',
    '?',
    '[a]',
    '%',
    '%3A',
    '~',
    '~1',
    '=',
    'a=b',
    '\0',
    '\r\n',
    ' ',
    '.',
    '-',
    '__proto__',
  ],
  ...['é', 'e\u0301', '😀', '\ufeff', '\u2028', 'a'.repeat(256), 'a'.repeat(257), 'é'.repeat(100)],
)

/** A text that is not empty and has a UTF-8 form, often a hostile one. */
export const wellFormedText: fc.Arbitrary<string> = fc.oneof(
  fc.string({ minLength: 1, maxLength: 12 }),
  fc.string({ minLength: 1, maxLength: 300, unit: 'grapheme' }),
  fc.array(hostile, { minLength: 1, maxLength: 4 }).map(texts => texts.join('')),
)
