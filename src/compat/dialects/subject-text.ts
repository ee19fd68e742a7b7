import { DialectError, SubjectError } from '../../errors.js'
import { decodePart } from '../../key-part.js'
import { show } from '../../policy/refusal.js'

const NUL = '\0'

/** A subject as a dialect needs it: the text it was, or its named parts. */
export type SubjectText = string | ReadonlyMap<string, string>

/**
 * The subject that `identify` made this identity of: other systems write it into their keys as it is.
 *
 * @throws SubjectError where only its hash was kept, because a part is longer than 256 bytes
 * @throws DialectError for parts that the policy's `by` names, whose names an identity does not hold
 */
export function subjectText(dialect: string, policy: string, identity: string): SubjectText {
  if (!identity.startsWith(NUL)) return identity
  const [, path = ''] = identity.split(NUL)
  const parts = path.split(':')
  if (parts.every(part => part.includes('='))) {
    return new Map(parts.map(part => readNamed(policy, part.split('='))))
  }
  if (parts.length === 1) return textOf(policy, path)
  throw new DialectError(
    dialect,
    `has no policies that count by several parts, as '${policy}' does: leave 'by' out, and give subjects as this ` +
      `dialect has them`,
  )
}

const readNamed = (policy: string, [name = '', value = '']: readonly string[]): readonly [string, string] => [
  textOf(policy, name),
  textOf(policy, value),
]

function textOf(policy: string, encoded: string): string {
  const text = decodePart(encoded)
  if (typeof text === 'string') return text
  throw new SubjectError(
    policy,
    undefined,
    `policy ${show(policy)}: a subject of more than 256 bytes is kept as its hash, and the keys of another system hold ` +
      `the text itself; give a shorter subject`,
  )
}
