import { encodePart } from '../key-part.js'
import type { Subject } from '../subject.js'

const LENGTH_MAX = 256

/** What a person reads of a subject: the text, or the values of its parts in their order; of a long one its hash. */
export function nameOfSubject(subject: Subject): string {
  const name = typeof subject === 'string' ? subject : Object.values(subject).join(' ')
  return name.length <= LENGTH_MAX ? name : encodePart(name)
}
