import type { Subject } from '../../subject.js'

/**
 * A subject with its half surrogate pairs replaced (U+FFFD): a client can send them in JSON, and they have no UTF-8 form. What
 * is no subject stays as it is, for the limiter to refuse.
 */
export function wellFormed(subject: Subject): Subject {
  if (typeof subject === 'string') return subject.toWellFormed()
  if (typeof subject !== 'object' || subject === null) return subject
  return Object.fromEntries(
    Object.entries(subject).map(([part, value]: [string, unknown]) => [
      part,
      typeof value === 'string' ? value.toWellFormed() : (value as string),
    ]),
  )
}
