/** Buckets of a timeline at most; at more, neighbours are joined. */
export const BUCKETS_MAX = 96

const SECOND_US = 1_000_000
const DAY_US = 86_400 * SECOND_US

/** Sizes a reader can name. Each is a multiple of the one before, so that joining loses nothing. */
const SIZES_US = [1, 2, 10, 30, 60, 120, 600, 1800, 3600, 7200, 21_600, 43_200].map(size => size * SECOND_US)

const nextSize = (sizeUs: number): number =>
  SIZES_US.find(size => size > sizeUs) ?? Math.max(DAY_US, sizeUs * 2)

export interface TimelineBucket {
  readonly startUs: number
  /** One count a series. */
  readonly counts: Float64Array
}

/**
 * Counts events over time in buckets of one size, which starts at a second and grows with the span of the log, so that
 * a timeline costs the same for an hour and for a year. What comes out depends on the events, not on their order.
 */
export class Timeline {
  readonly #series: number
  #sizeUs = SECOND_US
  #buckets = new Map<number, Float64Array>()
  #first = Number.POSITIVE_INFINITY
  #last = Number.NEGATIVE_INFINITY

  constructor(series: number) {
    this.#series = series
  }

  get sizeUs(): number {
    return this.#sizeUs
  }

  add(series: number, timeUs: number): void {
    let index = Math.floor(timeUs / this.#sizeUs)
    if (index < this.#first || index > this.#last) {
      this.#first = Math.min(this.#first, index)
      this.#last = Math.max(this.#last, index)
      while (this.#last - this.#first >= BUCKETS_MAX) this.#coarsen()
      index = Math.floor(timeUs / this.#sizeUs)
    }
    const counts = this.#countsAt(index)
    counts[series] = (counts[series] as number) + 1
  }

  /** Every bucket from the first event to the last, the empty ones between them included. */
  buckets(): TimelineBucket[] {
    if (this.#last < this.#first) return []
    return Array.from({ length: this.#last - this.#first + 1 }, (_, offset) => {
      const index = this.#first + offset
      return {
        startUs: index * this.#sizeUs,
        counts: this.#buckets.get(index) ?? new Float64Array(this.#series),
      }
    })
  }

  #countsAt(index: number): Float64Array {
    let counts = this.#buckets.get(index)
    if (counts === undefined) {
      counts = new Float64Array(this.#series)
      this.#buckets.set(index, counts)
    }
    return counts
  }

  #coarsen(): void {
    const factor = nextSize(this.#sizeUs) / this.#sizeUs
    const fine = this.#buckets
    this.#buckets = new Map()
    this.#sizeUs *= factor
    this.#first = Math.floor(this.#first / factor)
    this.#last = Math.floor(this.#last / factor)
    for (const [index, counts] of fine) {
      const sums = this.#countsAt(Math.floor(index / factor))
      for (let series = 0; series < counts.length; series++) {
        sums[series] = (sums[series] as number) + (counts[series] as number)
      }
    }
  }
}
