/** How far a walk through all keys has come. SCAN does not tell: it is reckoned from the number of keys. */
export class Way {
  readonly #slotsOf: ReadonlyMap<string, number>
  readonly #patterns: number
  readonly #total: number

  /**
   * @param keys on each server, by its address
   * @param patterns for each of which every server is walked once
   */
  constructor(keys: ReadonlyMap<string, number>, patterns: number) {
    this.#slotsOf = new Map([...keys].map(([address, count]) => [address, tableSlots(count)]))
    this.#patterns = patterns
    this.#total = patterns * [...this.#slotsOf.values()].reduce((sum, slots) => sum + slots, 0)
  }

  /** 0 to 1. */
  share({ done, node, match, cursor, looked }: WalkedSoFar): number {
    const slots = this.#slotsOf.get(node) ?? 0
    const behind = done.reduce((sum, address) => sum + (this.#slotsOf.get(address) ?? 0), 0)
    const here = cursor === '0' ? slots : Math.min(looked, slots)
    return (this.#patterns * behind + match * slots + here) / this.#total
  }
}

interface WalkedSoFar {
  readonly done: readonly string[]
  readonly node: string
  readonly match: number
  readonly cursor: string | undefined
  readonly looked: number
}

/** A server keeps its keys in a table of a power of two, at least as large, and SCAN looks at so many slots at a time. */
const tableSlots = (keys: number): number => 2 ** Math.ceil(Math.log2(Math.max(4, keys)))
