import { SubjectError } from './errors.js'
import { encodePart, PART_BYTES_MAX, PartWriter } from './key-part.js'
import { kindOf, show } from './policy/refusal.js'

/** Who is counted: a plain string, or named parts such as `{ tenant, user }`. */
export type Subject = string | Readonly<Record<string, string>>

/** What a policy says of its subjects. */
export interface SubjectRule {
  /** Name of the policy, for messages. */
  readonly name: string
  /** The parts counted apart, in the order of the key; undefined: the whole subject, whatever its parts. */
  readonly by: readonly string[] | undefined
  /** Those of `by` that choose the shard, in the order of `by`; undefined: all of them. */
  readonly group: readonly string[] | undefined
}

const NUL = '\0'
const NUL_CODE = 0
const COLON_CODE = 0x3a

/**
 * The identity of a subject under a policy: equal for the same subject, different for any two others. Engines in process
 * count by it; `createKeyBuilder` of `keys.ts` makes the key of it.
 *
 * Most subjects are their own identity, so that a check costs no new string. The others read
 * `NUL <encoded path> [NUL <encoded group>]`, which is the last part of their key: records of several parts, and strings
 * that are long or start with a NUL themselves. The group stands there where it is not the whole path.
 *
 * A record may have more parts than the policy counts by: the rest is not looked at.
 *
 * @throws SubjectError when a part is missing, empty, not a string, or has a lone surrogate
 */
export function identify(rule: SubjectRule, subject: Subject): string {
  const { by } = rule
  if (typeof subject === 'string') {
    if (by === undefined || by.length === 1) return identifyText(rule, by?.[0], subject)
    throw new SubjectError(
      rule.name,
      undefined,
      `policy ${show(rule.name)} counts by ${by.join(', ')}, but the subject is a plain string; ` +
        `give a record with these parts`,
    )
  }
  if (typeof subject !== 'object' || subject === null || Array.isArray(subject)) {
    throw new SubjectError(
      rule.name,
      undefined,
      `policy ${show(rule.name)}: the subject is ${kindOf(subject)}, neither a string nor a record of parts; ` +
        `give a string, such as String(id)`,
    )
  }
  if (by === undefined) return NUL + wholePath(rule, subject)
  if (by.length === 1) return identifyText(rule, by[0], readPart(rule, subject, by[0] as string))
  // Not there while a record computes its parts by asking for another identity.
  const writer = spareWriter ?? new PartWriter()
  spareWriter = undefined
  try {
    writer.begin()
    writePath(writer, rule, subject, by)
    if (rule.group !== undefined) writePath(writer, rule, subject, rule.group)
    return writer.text()
  } finally {
    spareWriter = writer
  }
}

let spareWriter: PartWriter | undefined

/** The values alone: a policy's `by` fixes their names. */
function writePath(
  writer: PartWriter,
  rule: SubjectRule,
  subject: Readonly<Record<string, string>>,
  by: readonly string[],
): void {
  for (let i = 0; i < by.length; i++) {
    writer.mark(i === 0 ? NUL_CODE : COLON_CODE)
    writer.part(readPart(rule, subject, by[i] as string))
  }
}

/**
 * Whether a subject is its own identity if it has one at all and does not begin with a NUL: a string that stands for
 * itself, unless it is too long or not well-formed, which is dear to tell.
 */
export const isText = ({ by }: SubjectRule, subject: Subject): subject is string =>
  typeof subject === 'string' && (by === undefined || by.length === 1)

function identifyText(rule: SubjectRule, part: string | undefined, text: string): string {
  if (text.length === 0 || !text.isWellFormed()) throw refusedText(rule, part, text)
  const isItself = text.length <= PART_BYTES_MAX && text.charCodeAt(0) !== 0
  return isItself ? text : NUL + encodePart(text)
}

/** All parts as `name=value`, sorted as that text: one order whatever order they were written in. */
function wholePath(rule: SubjectRule, subject: Readonly<Record<string, string>>): string {
  const parts = Object.keys(subject)
  if (parts.length === 0) {
    throw new SubjectError(
      rule.name,
      undefined,
      `policy ${show(rule.name)}: the subject is a record without parts; give at least one, such as { user }`,
    )
  }
  const wrong = parts.find(part => part === '' || !part.isWellFormed())
  if (wrong !== undefined) {
    throw new SubjectError(
      rule.name,
      wrong,
      `policy ${show(rule.name)}: a part of the subject has no name that it could be counted by; a name is well-formed text that is not empty`,
    )
  }
  return parts
    .map(part => `${encodePart(part)}=${encodePart(readPart(rule, subject, part))}`)
    .sort()
    .join(':')
}

function readPart(rule: SubjectRule, subject: Readonly<Record<string, string>>, part: string): string {
  const value: unknown = Object.hasOwn(subject, part) ? subject[part] : undefined
  if (typeof value === 'string' && value.length > 0 && value.isWellFormed()) return value
  throw refusedText(rule, part, value)
}

/** Parts are named where the policy names them: those of a whole subject are the caller's own words. */
function refusedText(rule: SubjectRule, part: string | undefined, value: unknown): SubjectError {
  const named = rule.by === undefined ? 'a part of the subject' : `part ${show(part)} of the subject`
  const what = part === undefined ? 'the subject' : named
  const place = `policy ${show(rule.name)}: ${what}`
  const message =
    value === undefined
      ? `${place} is missing; the policy counts by it`
      : value === ''
        ? `${place} is empty; give it a text, or do not check what has none`
        : typeof value === 'string'
          ? `${place} has half a surrogate pair and no UTF-8 form; repair the text (toWellFormed) before the check`
          : `${place} is ${kindOf(value)}, not a string; convert it first, such as String(id)`
  return new SubjectError(rule.name, part, message)
}
