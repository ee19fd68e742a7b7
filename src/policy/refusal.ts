import { closest, distance } from 'fastest-levenshtein'

/** What a reader answers instead of a value: what is wrong with the one it was given, and what is accepted. */
export class Refusal {
  readonly message: string

  constructor(message: string) {
    this.message = message
  }
}

const SHOWN_LENGTH_MAX = 60

/** What could break a line of a log, or has no UTF-8 form. */
const UNPRINTABLE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/gu

const escaped = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`

/** A value as a message quotes it. */
export function show(value: unknown): string {
  if (typeof value === 'string') {
    const shown = value.length > SHOWN_LENGTH_MAX ? `${value.slice(0, SHOWN_LENGTH_MAX)}…` : value
    return `'${shown.replace(UNPRINTABLE, escaped)}'`
  }
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list'
  if (typeof value === 'bigint') return `${value}n`
  if (value === null || value === undefined || typeof value === 'number' || typeof value === 'boolean') {
    return String(value)
  }
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}

/** What kind of value it is, where the value itself is nobody's business, such as whom a call is about. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  return typeof value === 'object' ? show(value) : `a ${typeof value}`
}

/** The names as a sentence lists them. */
export const list = (names: Iterable<string>): string => [...names].join(', ')

/** `; did you mean 'burst'?`, or nothing where no name is near. */
export function didYouMean(name: string, names: Iterable<string>): string {
  const candidates = [...names]
  if (candidates.length === 0) return ''
  const nearest = closest(name.toLowerCase(), candidates)
  // A third of the letters may differ: more, or with too few of them, the hint is noise.
  const allowed = name.length < 3 ? 0 : Math.ceil(name.length / 3)
  return distance(name.toLowerCase(), nearest.toLowerCase()) <= allowed ? `; did you mean '${nearest}'?` : ''
}

const IDENTIFIER = /^[A-Za-z_$][A-Za-z0-9_$]*$/

/** A path as one would write it in code: `policies.api.limits[1]`, `policies['per-user']`. */
export function at(path: string, key: PropertyKey): string {
  if (typeof key === 'number') return `${path}[${key}]`
  const name = String(key)
  return IDENTIFIER.test(name) ? `${path}.${name}` : `${path}[${show(name)}]`
}
