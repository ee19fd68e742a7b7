import { NOW_END_US } from '../core/time.js'
import type { RefusedUntilUs } from './memory-refusals.js'
import { NONE, TimingWheel } from './timing-wheel.js'

/** Entries spread by one call at most, on the way to keys that have ended or end first. */
const SPREAD_BUDGET = 16
/** Keys looked at ahead for each key added. Two would keep up: the one that comes, and one of those that were there before. */
const LOOK_AHEAD = 4
const NO_LIMIT = Number.POSITIVE_INFINITY

/**
 * When keys end, and which key goes when there is no room: what ends first among the keys that refuse nobody, and if
 * all refuse, what ends first of all; to within one tick of the timing wheel.
 *
 * Whether a key refuses changes with time and with every check. Following that on each check would cost more than the
 * check, so it is looked into only when a victim is wanted: keys found refusing on the way are set apart until they
 * stop (known in advance) or change. Each is looked at once for each time it starts to refuse: O(1) amortised.
 */
export class Lifetimes {
  /** No key ends before this instant; at most the first that is no valid time. A field, because every check asks. */
  nothingEndsBeforeUs = NOW_END_US

  /** Ends of all keys but those set apart, ends of those set apart, and when these stop refusing. */
  readonly #ends: TimingWheel
  readonly #refusingEnds: TimingWheel
  readonly #releases: TimingWheel
  readonly #refusedUntilUs: RefusedUntilUs
  #releaseUs = new Float64Array(0)
  #capacity = 0

  /** @param endUs when a key ends, us since the Unix epoch */
  constructor(endUs: (key: number) => number, refusedUntilUs: RefusedUntilUs) {
    this.#refusedUntilUs = refusedUntilUs
    this.#ends = new TimingWheel(endUs)
    this.#refusingEnds = new TimingWheel(endUs)
    this.#releases = new TimingWheel(key => this.#releaseUs[key] as number)
  }

  /** Work done so far, as `TimingWheel.moves`. */
  get moves(): number {
    return this.#ends.moves + this.#refusingEnds.moves + this.#releases.moves
  }

  grow(capacity: number): void {
    this.#capacity = capacity
    this.#ends.grow(capacity)
  }

  add(key: number): void {
    this.#ends.insert(key)
    const { nothingDueBeforeUs } = this.#ends
    if (nothingDueBeforeUs < this.nothingEndsBeforeUs) this.nothingEndsBeforeUs = nothingDueBeforeUs
  }

  remove(key: number): void {
    if (this.#isSetApart(key)) {
      this.#refusingEnds.remove(key)
      this.#forgetRelease(key)
    } else {
      this.#ends.remove(key)
    }
  }

  /** A key changed, and ends earlier than before. */
  hastened(key: number): void {
    this.remove(key)
    this.add(key)
  }

  /** A key changed, and ends when it did before or later. */
  changed(key: number): void {
    if (this.#releases.size > 0 && this.#isSetApart(key)) this.hastened(key)
  }

  /** Takes out a key that has ended, or answers NONE when there is none to be found with a bounded amount of work. */
  takeEnded(nowUs: number): number {
    let key = this.#ends.takeDue(nowUs, SPREAD_BUDGET)
    if (key === NONE && this.#refusingEnds.size > 0) {
      key = this.#refusingEnds.takeDue(nowUs, SPREAD_BUDGET)
      if (key !== NONE) this.#forgetRelease(key)
    }
    const dueUs = Math.min(this.#ends.nothingDueBeforeUs, this.#refusingEnds.nothingDueBeforeUs)
    this.nothingEndsBeforeUs = Math.min(dueUs, NOW_END_US)
    return key
  }

  /** Does some of the work of the next `takeVictim`, so that the first one does not stand still for a whole table. */
  lookAhead(nowUs: number): void {
    this.#release(nowUs, LOOK_AHEAD, SPREAD_BUDGET)
    this.#refusingEnds.first(SPREAD_BUDGET)
    for (let looks = 0; looks < LOOK_AHEAD; looks++) {
      const key = this.#ends.first(SPREAD_BUDGET)
      if (key === NONE || !this.#setApartIfRefusing(key, nowUs)) return
    }
  }

  /** Takes out the key that makes room for another. There must be one. */
  takeVictim(nowUs: number): number {
    this.#release(nowUs, NO_LIMIT, NO_LIMIT)
    let key = this.#ends.first(NO_LIMIT)
    while (key !== NONE && this.#setApartIfRefusing(key, nowUs)) key = this.#ends.first(NO_LIMIT)
    if (key === NONE) key = this.#refusingEnds.first(NO_LIMIT)
    this.remove(key)
    return key
  }

  /** Puts keys that no longer refuse back among the others, at most `keys` of them. */
  #release(nowUs: number, keys: number, spreadBudget: number): void {
    if (nowUs < this.#releases.nothingDueBeforeUs) return
    for (let i = 0; i < keys; i++) {
      const key = this.#releases.takeDue(nowUs, spreadBudget)
      if (key === NONE) return
      this.#releaseUs[key] = 0
      this.#refusingEnds.remove(key)
      this.add(key)
    }
  }

  /** Answers whether it refuses. */
  #setApartIfRefusing(key: number, nowUs: number): boolean {
    const untilUs = this.#refusedUntilUs(key, nowUs)
    if (untilUs <= nowUs) return false
    this.#ends.remove(key)
    if (this.#releaseUs.length < this.#capacity) {
      const releaseUs = new Float64Array(this.#capacity)
      releaseUs.set(this.#releaseUs)
      this.#releaseUs = releaseUs
      this.#refusingEnds.grow(this.#capacity)
      this.#releases.grow(this.#capacity)
    }
    this.#releaseUs[key] = untilUs
    this.#refusingEnds.insert(key)
    this.#releases.insert(key)
    return true
  }

  #forgetRelease(key: number): void {
    this.#releases.remove(key)
    this.#releaseUs[key] = 0
  }

  #isSetApart(key: number): boolean {
    return key < this.#releaseUs.length && this.#releaseUs[key] !== 0
  }
}
