import { isTimeZone } from './calendar.js'
import { didYouMean, list, Refusal, show } from './refusal.js'
import { readDuration } from './units.js'

/** Readers of single options: the value as it was given in, the value an algorithm can use or a Refusal out. */

function readInteger(value: unknown, least: number): number | Refusal {
  if (value === undefined) return new Refusal(`is missing; write a whole number of at least ${least}`)
  if (typeof value !== 'number') {
    return new Refusal(`${show(value)} is not a number; write a whole number of at least ${least}`)
  }
  if (!Number.isInteger(value) || value < least) {
    return new Refusal(`${value} is not a whole number of at least ${least}`)
  }
  return value
}

/** Units: an integer >= 1. */
export const readCount = (value: unknown): number | Refusal => readInteger(value, 1)

/** Units that may be none: an integer >= 0. */
export const readCountOrNone = (value: unknown): number | Refusal => readInteger(value, 0)

export const readFlag = (value: unknown): boolean | Refusal =>
  typeof value === 'boolean' ? value : new Refusal(`${show(value)} is not true or false`)

/** One of a few words. */
export const readWord =
  <const W extends string>(words: readonly W[]) =>
  (value: unknown): W | Refusal => {
    const found = words.find(word => word === value)
    if (found !== undefined) return found
    const accepted = words.length === 1 ? `'${words[0]}' is accepted` : `accepted are ${list(words)}`
    if (value === undefined) return new Refusal(`is missing; ${accepted}`)
    const hint = typeof value === 'string' ? didYouMean(value, words) : ''
    return new Refusal(`${show(value)} is unknown; ${accepted}${hint}`)
  }

/** Names of subject parts: one, or a list of different ones. */
export function readParts(value: unknown): readonly string[] | Refusal {
  const parts: readonly unknown[] = Array.isArray(value) ? value : [value]
  const wrong = parts.find(part => typeof part !== 'string' || part === '' || !part.isWellFormed())
  if (parts.length === 0 || wrong !== undefined || parts.includes(undefined)) {
    const what = parts.length === 0 ? show(value) : show(wrong)
    return new Refusal(
      `${what} names no part of a subject; write a name or a list of names, such as ['tenant', 'user']`,
    )
  }
  const names = parts as readonly string[]
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  return twice === undefined ? names : new Refusal(`names ${show(twice)} twice; name each part once`)
}

export function readTimeZone(value: unknown): string | Refusal {
  if (typeof value !== 'string') {
    return new Refusal(`${show(value)} is not the name of a time zone, such as 'UTC' or 'Europe/Berlin'`)
  }
  if (isTimeZone(value)) return value
  const hint = didYouMean(value, Intl.supportedValuesOf('timeZone'))
  return new Refusal(`${show(value)} is no time zone that this runtime knows${hint}`)
}

/** The longest wait that a timer takes: 24.8 days. */
const WAIT_US_MAX = (2 ** 31 - 1) * 1000

/** How long a timer is to wait, to integer us. */
export function readWait(value: unknown): number | Refusal {
  const us = readDuration(value)
  if (us instanceof Refusal || us <= WAIT_US_MAX) return us
  return new Refusal(`${show(value)} is longer than a timer can wait; write at most '24d'`)
}
