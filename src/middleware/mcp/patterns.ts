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
  readonly #wild: readonly (Entry<T> & { readonly test: RegExp })[]

  constructor(values: Readonly<Record<string, T>>) {
    const wild: Entry<T>[] = []
    for (const [pattern, value] of Object.entries(values)) {
      if (pattern.includes('*')) wild.push({ pattern, value })
      else this.#exact.set(pattern, value)
    }
    const specific = ({ pattern }: Entry<T>) => pattern.replaceAll('*', '').length
    this.#wild = wild
      .sort((a, b) => specific(b) - specific(a))
      .map(entry => ({ ...entry, test: matcher(entry.pattern) }))
  }

  /** The value of the pattern that is this very name. */
  exact(name: string): T | undefined {
    return this.#exact.get(name)
  }

  find(name: string): T | undefined {
    return this.#exact.get(name) ?? this.#wild.find(({ test }) => test.test(name))?.value
  }
}

/** Runs of `*` are one: a pattern of many would take long to fail. */
const matcher = (pattern: string): RegExp => {
  const literal = pattern.split(/\*+/).map(text => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
  return new RegExp(`^${literal.join('[^]*')}$`)
}
