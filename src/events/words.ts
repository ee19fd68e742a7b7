import { isSluiceError } from '../errors.js'
import { kindOf } from '../policy/refusal.js'

/** Where an error was made, as V8 writes the frames of a stack. */
const FRAME = /^\s+at (?:[^\n]*\()?([^()\n]+:\d+:\d+)\)?$/m

/** Names of classes, and of nothing that somebody has put in their place. */
const NAME = /^[\w$]{1,64}$/

/** The words of whatever was thrown. Never fails: some objects have no text. */
export function wordsOf(error: unknown): string {
  if (error instanceof Error) return typeof error.message === 'string' ? error.message : ''
  return typeof error === 'object' || typeof error === 'function' ? kindOf(error) : String(error)
}

/**
 * What may be told of an error that others have read: the words of one of Sluice without the key in them. Of any other its kind and
 * where it was made, since its words may name a user.
 */
export function tellableWords(error: unknown): string {
  if (!(error instanceof Error)) return `a thrown ${error === null ? 'null' : typeof error}`
  if (isSluiceError(error)) return withoutNames(error.message, error)
  const kind = NAME.test(String(error.name)) ? error.name : 'Error'
  const place = placeOf(error)
  return place === undefined ? kind : `${kind} at ${place}`
}

/** A sentence without what an error adds to it that may name somebody: a key, or words that are not to be told. */
export function withoutNames(sentence: string, error: unknown): string {
  if (error === undefined) return sentence
  if (!isSluiceError(error)) {
    const words = wordsOf(error)
    return words === '' ? sentence : sentence.replaceAll(words, tellableWords(error))
  }
  const key: unknown = Reflect.get(error, 'key')
  return typeof key === 'string' && key !== '' ? sentence.replaceAll(key, '…') : sentence
}

/** The first frame, which stands behind the words: these may have lines of their own that look like one. */
function placeOf(error: Error): string | undefined {
  const { message, stack }: { message: unknown; stack?: unknown } = error
  if (typeof message !== 'string' || typeof stack !== 'string') return undefined
  const words = stack.indexOf(message)
  return words === -1 ? undefined : FRAME.exec(stack.slice(words + message.length))?.[1]
}
