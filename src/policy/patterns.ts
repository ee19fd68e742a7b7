/** One rule by the pattern it is written under. */
interface Entry<T> {
  readonly pattern: string
  readonly value: T
}

/**
 * Values by patterns of names, in which `*` stands for any characters. A name finds the pattern that is the name itself,
 * else the one with the most characters besides `*`; of equals, the one that was written first.
 */
export class Patterns<T> {
  readonly #exact = new Map<string, T>()
  readonly #wild: readonly (Entry<T> & { readonly matches: (name: string) => boolean })[]

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
    return this.#exact.get(name) ?? this.#wild.find(({ matches }) => matches(name))?.value
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
