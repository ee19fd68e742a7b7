import { ownCopy } from '../core/text.js'

/** One rule by the pattern it is written under. */
interface Entry<T> {
  readonly pattern: string
  readonly value: T
}

/** Names remembered, of those that are not too long to be kept. */
const REMEMBERED_MAX = 1_000
const REMEMBERED_LENGTH_MAX = 256

/**
 * Values by patterns of names, in which `*` stands for any characters. A name finds the pattern that is the name itself,
 * else the one with the most characters besides `*`; of equals, the one that was written first.
 */
export class Patterns<T> {
  readonly #exact = new Map<string, T>()
  readonly #wild: readonly (Entry<T> & { readonly matches: (name: string) => boolean })[]

  /** What was found for names that are no pattern themselves: few tools are asked for, and often. */
  readonly #remembered = new Map<string, T | undefined>()

  constructor(values: Readonly<Record<string, T>>) {
    const wild: Entry<T>[] = []
    for (const [pattern, value] of Object.entries(values)) {
      if (pattern.includes('*')) wild.push({ pattern, value })
      else this.#exact.set(pattern, value)
    }
    const specific = ({ pattern }: Entry<T>) => pattern.replaceAll('*', '').length
    this.#wild = wild
      .sort((a, b) => specific(b) - specific(a))
      .map(entry => ({ ...entry, matches: matcher(entry.pattern) }))
  }

  /** The value of the pattern that is this very name. */
  exact(name: string): T | undefined {
    return this.#exact.get(name)
  }

  find(name: string): T | undefined {
    const exact = this.#exact.get(name)
    if (exact !== undefined || this.#wild.length === 0) return exact
    const known = this.#remembered.get(name)
    if (known !== undefined || this.#remembered.has(name)) return known
    const found = this.#wild.find(({ matches }) => matches(name))?.value
    if (name.length <= REMEMBERED_LENGTH_MAX) this.#remember(name, found)
    return found
  }

  #remember(name: string, found: T | undefined): void {
    if (this.#remembered.size >= REMEMBERED_MAX) this.#remembered.clear()
    this.#remembered.set(ownCopy(name), found)
  }
}

/**
 * Piece by piece, each at the first place where it stands: in linear time for any name, which a regular expression of
 * several `*` is not.
 */
function matcher(pattern: string): (name: string) => boolean {
  const [first = '', ...rest] = pattern.split('*')
  const last = rest.pop() ?? ''
  return name => {
    if (name.length < first.length + last.length || !name.startsWith(first) || !name.endsWith(last))
      return false
    const end = name.length - last.length
    let from = first.length
    for (const piece of rest) {
      const found = name.indexOf(piece, from)
      if (found < 0 || found + piece.length > end) return false
      from = found + piece.length
    }
    return true
  }
}
