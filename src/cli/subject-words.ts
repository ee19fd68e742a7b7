import type { Subject } from '../subject.js'
import { UsageError } from './exit-codes.js'

/** One word is a subject as it stands; several are its named parts, `tenant=acme user=7`. */
export function readSubject(words: readonly string[]): Subject {
  const [only] = words
  if (words.length === 1 && only !== undefined) return only
  const parts = words.map(word => {
    const equals = word.indexOf('=')
    if (equals < 1) {
      throw new UsageError(
        `'${word}' is not a part of a subject; write several parts as name=value, or one subject in quotes`,
      )
    }
    return [word.slice(0, equals), word.slice(equals + 1)] as const
  })
  const twice = parts.find(([name], index) => parts.findIndex(part => part[0] === name) < index)
  if (twice !== undefined) throw new UsageError(`the subject has two parts '${twice[0]}'; give each once`)
  return Object.fromEntries(parts)
}

/** The subject as it was written. */
export const subjectWords = (words: readonly string[]): string => words.join(' ')
