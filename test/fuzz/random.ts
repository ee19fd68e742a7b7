/** Numbers that look random and come again with the same seed (mulberry32, public domain). */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed | 0
  }

  #bits(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let bits = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits
    return (bits ^ (bits >>> 14)) >>> 0
  }

  /** 0 <= x < 1, with 53 bits. */
  unit(): number {
    return ((this.#bits() >>> 5) * 2 ** 26 + (this.#bits() >>> 6)) / 2 ** 53
  }

  /** An integer from 0 to n - 1. */
  below(n: number): number {
    return Math.floor(this.unit() * n)
  }

  /** An integer from low to high, both included. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1)
  }

  chance(probability: number): boolean {
    return this.unit() < probability
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)] as T
  }

  /** An integer from low to high whose size, not whose value, is evenly spread. */
  sized(low: number, high: number): number {
    return Math.min(high, Math.floor(low * ((high + 1) / low) ** this.unit()))
  }
}
