import { isSluiceError, SubjectError } from '../errors.js'
import { show } from '../policy/refusal.js'

/** Where an error was made, as V8 writes the frames of a stack. */
const FRAME = /^\s+at (?:[^\n]*\()?([^()\n]+:\d+:\d+)\)?$/m

/** Names of classes, and of nothing that somebody has put in their place. */
const NAME = /^[\w$]{1,64}$/

/**
 * What may be told of an error that others have read: the words of one of Sluice without the key in them. Of any other its kind and
 * where it was made, since its words may name a user.
 */
export function tellableWords(error: unknown): string {
  if (!(error instanceof Error)) return `a thrown ${error === null ? 'null' : typeof error}`
  if (isSluiceError(error)) return withoutNames(error.message, error)
  const kind = NAME.test(error.name) ? error.name : 'Error'
  const place = placeOf(error)
  return place === undefined ? kind : `${kind} at ${place}`
}

/** A sentence without what an error adds to it that may name somebody: a key, or words that are not to be told. */
export function withoutNames(sentence: string, error: unknown): string {
  if (error === undefined) return sentence
  if (!isSluiceError(error)) {
    const words = error instanceof Error ? error.message : String(error)
    return words === '' ? sentence : sentence.replaceAll(words, tellableWords(error))
  }
  // The parts of a subject are named by who asks.
  if (error instanceof SubjectError && error.part !== undefined) {
    return sentence.replaceAll(
      error.message,
      `the subject is not what policy ${show(error.policy)} counts by`,
    )
  }
  const key: unknown = Reflect.get(error, 'key')
  return typeof key === 'string' && key !== '' ? sentence.replaceAll(key, '…') : sentence
}

/** The first frame, which stands behind the words: these may have lines of their own that look like one. */
function placeOf({ message, stack = '' }: Error): string | undefined {
  const words = stack.indexOf(message)
  return words === -1 ? undefined : FRAME.exec(stack.slice(words + message.length))?.[1]
}
