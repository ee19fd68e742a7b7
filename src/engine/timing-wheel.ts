/**
 * A hierarchical timing wheel over entries 0, 1, 2, … in typed arrays: insert, remove, "what is due" and "what is due
 * first" in O(1) amortised, for times microseconds or years away, with no timer and nothing allocated per entry.
 *
 * Level k has 64 slots of 64^k ticks; seven levels of 1,024 us ticks span every instant the arithmetic knows. A slot is
 * a doubly linked list. A classic wheel spreads a slot over the level below when its hand reaches it. This one has no
 * hand: a slot is spread when somebody must look inside it, because the clock stands in it or because eviction asks for
 * the first entry. Slots are named by absolute time, so neither a clock that steps back nor one that leaps ahead by
 * years moves anything: the next slot in use is found by bit scans. An entry is spread at most once per level.
 *
 * An entry may become due later while it is inside, at no cost: it is filed anew when it is found in its old place.
 */

/** Resolution in us: entries due within one tick come in any order. */
export const TICK_US = 1024

/** "No entry". */
export const NONE = -1

const SLOT_BITS = 6
const SLOTS = 1 << SLOT_BITS
const SLOT_MASK = SLOTS - 1
const LEVELS = 7
const TOP_LEVEL = LEVELS - 1
/** A tick number has 42 bits. It is kept as two halves that fit bit operations: levels 0 to 2 and 3 to 6. */
const LOW_LEVELS = 3
const LOW_TICKS = 2 ** (SLOT_BITS * LOW_LEVELS)
/** Ticks in one slot of each level. */
const SLOT_TICKS = Array.from({ length: LEVELS }, (_, level) => 2 ** (SLOT_BITS * level))
/** Anything due later is filed here: it is beyond every instant an engine accepts as now. */
const DUE_LAST_US = 2 ** 52 - 1

const ROOT = 0
const FIRST_CAPACITY = 64

export class TimingWheel {
  /** Entries in the wheel. */
  size = 0
  /** Nothing is due before this instant; Infinity when the wheel is empty. */
  nothingDueBeforeUs = Number.POSITIVE_INFINITY
  /** Entries put on a list so far, spreading included: the work done, for tests and reports. */
  moves = 0

  readonly #dueUs: (entry: number) => number
  /** Per entry. `#previous` of the head of a list is ~bucket. */
  #next = new Int32Array(FIRST_CAPACITY)
  #previous = new Int32Array(FIRST_CAPACITY)
  /** Per bucket = wheel * 64 + slot: the head of its list, and the wheel it was spread over (ROOT: none). */
  #heads = new Int32Array(SLOTS).fill(NONE)
  #below = new Int32Array(SLOTS)
  /** Per wheel: which slots are in use, two words of 32 bits, and the bucket it hangs under. */
  #used = new Int32Array(2)
  #parents = new Int32Array(1).fill(NONE)
  #wheels = 1
  readonly #freeWheels: number[] = []
  /** Where the last `#locateFirst` ended. */
  #foundBucket = NONE
  #foundLevel = 0
  #foundStartTick = 0
  #foundEndTick = 0

  /** @param dueUs the instant an entry is due, us since the Unix epoch; while the entry is in the wheel it may grow, not shrink */
  constructor(dueUs: (entry: number) => number) {
    this.#dueUs = dueUs
  }

  /** Makes room for entries below `capacity`. */
  grow(capacity: number): void {
    if (capacity <= this.#next.length) return
    this.#next = resized(this.#next, capacity)
    this.#previous = resized(this.#previous, capacity)
  }

  /** Adds an entry that is not in the wheel. */
  insert(entry: number): void {
    this.size++
    const startTick = this.#file(entry, ROOT, TOP_LEVEL)
    const startUs = startTick * TICK_US
    if (startUs < this.nothingDueBeforeUs) this.nothingDueBeforeUs = startUs
  }

  /** Takes out an entry that is in the wheel. */
  remove(entry: number): void {
    this.size--
    this.#unlink(entry)
    if (this.size === 0) this.nothingDueBeforeUs = Number.POSITIVE_INFINITY
  }

  /**
   * Takes out an entry that is due, or answers NONE: then nothing is due, or `budget` entries were spread on the way
   * to it and the next call goes on. An entry is found due up to one tick late.
   */
  takeDue(nowUs: number, budget: number): number {
    let spread = 0
    while (this.#locateFirst()) {
      const startUs = this.#foundStartTick * TICK_US
      const endUs = this.#foundEndTick * TICK_US
      const entry = this.#heads[this.#foundBucket] as number
      if (endUs <= nowUs) {
        if (this.#dueUs(entry) <= nowUs) {
          this.remove(entry)
          return entry
        }
      } else {
        this.nothingDueBeforeUs = this.#foundLevel === 0 ? endUs : startUs
        if (nowUs < this.nothingDueBeforeUs) return NONE
      }
      if (spread === budget) return NONE
      this.#spread(entry)
      spread++
    }
    return NONE
  }

  /**
   * The entry that is due first, give or take one tick. It stays in the wheel. NONE when the wheel is empty, or when
   * `budget` entries were spread on the way and the next call goes on.
   */
  first(budget: number): number {
    for (let spread = 0; this.#locateFirst(); spread++) {
      const entry = this.#heads[this.#foundBucket] as number
      const alone = this.#next[entry] === NONE && this.#below[this.#foundBucket] === ROOT
      if ((this.#foundLevel === 0 || alone) && !this.#isLate(entry)) return entry
      if (spread === budget) return NONE
      this.#spread(entry)
    }
    return NONE
  }

  /** Finds the earliest slot that has a list. A slot half spread is found before the wheel below it. */
  #locateFirst(): boolean {
    if (this.size === 0) return false
    let wheel = ROOT
    let level = TOP_LEVEL
    let startTick = 0
    for (;;) {
      const low = this.#used[2 * wheel] as number
      const slot = low !== 0 ? lowestBit(low) : 32 + lowestBit(this.#used[2 * wheel + 1] as number)
      const bucket = wheel * SLOTS + slot
      startTick += slot * (SLOT_TICKS[level] as number)
      if (this.#heads[bucket] !== NONE) {
        this.#foundBucket = bucket
        this.#foundLevel = level
        this.#foundStartTick = startTick
        this.#foundEndTick = startTick + (SLOT_TICKS[level] as number)
        return true
      }
      wheel = this.#below[bucket] as number
      level--
    }
  }

  /** Takes one entry out of the slot just located: to the wheel below it, or, if it is due later by now, to its place. */
  #spread(entry: number): void {
    if (this.#isLate(entry)) {
      this.#unlink(entry)
      this.#file(entry, ROOT, TOP_LEVEL)
      return
    }
    const bucket = this.#foundBucket
    let wheel = this.#below[bucket] as number
    if (wheel === ROOT) {
      wheel = this.#addWheel(bucket)
      this.#below[bucket] = wheel
    }
    this.#unlink(entry)
    this.#file(entry, wheel, this.#foundLevel - 1)
  }

  /** Whether an entry of the slot just located is due after that slot. */
  #isLate(entry: number): boolean {
    return this.#tickOf(entry) >= this.#foundEndTick
  }

  #tickOf(entry: number): number {
    return Math.floor(Math.min(this.#dueUs(entry), DUE_LAST_US) / TICK_US)
  }

  /** Puts an entry on the list of its slot, as far down as slots are spread. Answers the slot's first tick. */
  #file(entry: number, topWheel: number, topLevel: number): number {
    const tick = this.#tickOf(entry)
    const high = Math.floor(tick / LOW_TICKS)
    const low = tick - high * LOW_TICKS
    let wheel = topWheel
    let level = topLevel
    let slot = 0
    let bucket = 0
    for (;;) {
      slot = level >= LOW_LEVELS ? high >> (SLOT_BITS * (level - LOW_LEVELS)) : low >> (SLOT_BITS * level)
      slot &= SLOT_MASK
      bucket = wheel * SLOTS + slot
      const below = this.#below[bucket] as number
      if (below === ROOT) break
      wheel = below
      level--
    }
    const head = this.#heads[bucket] as number
    this.#heads[bucket] = entry
    this.#next[entry] = head
    this.#previous[entry] = ~bucket
    if (head === NONE) {
      const word = 2 * wheel + (slot >> 5)
      this.#used[word] = (this.#used[word] as number) | (1 << (slot & 31))
    } else {
      this.#previous[head] = entry
    }
    this.moves++
    const ticks = SLOT_TICKS[level] as number
    return Math.floor(tick / ticks) * ticks
  }

  #unlink(entry: number): void {
    const next = this.#next[entry] as number
    const previous = this.#previous[entry] as number
    if (next !== NONE) this.#previous[next] = previous
    if (previous >= 0) {
      this.#next[previous] = next
      return
    }
    const bucket = ~previous
    this.#heads[bucket] = next
    if (next === NONE && this.#below[bucket] === ROOT) this.#vacate(bucket)
  }

  /** Marks a slot as unused, and gives back every wheel that is empty now. */
  #vacate(emptyBucket: number): void {
    let bucket = emptyBucket
    for (;;) {
      const wheel = bucket >> SLOT_BITS
      const slot = bucket & SLOT_MASK
      const word = 2 * wheel + (slot >> 5)
      this.#used[word] = (this.#used[word] as number) & ~(1 << (slot & 31))
      if (wheel === ROOT || this.#used[2 * wheel] !== 0 || this.#used[2 * wheel + 1] !== 0) return
      bucket = this.#parents[wheel] as number
      this.#below[bucket] = ROOT
      this.#freeWheels.push(wheel)
      if (this.#heads[bucket] !== NONE) return
    }
  }

  /** A wheel with no slot in use, taken from those given back if there is one. */
  #addWheel(parent: number): number {
    let wheel = this.#freeWheels.pop()
    if (wheel === undefined) {
      wheel = this.#wheels++
      if (wheel === this.#parents.length) {
        const capacity = 2 * wheel
        const heads = new Int32Array(capacity * SLOTS).fill(NONE)
        heads.set(this.#heads)
        this.#heads = heads
        this.#below = resized(this.#below, capacity * SLOTS)
        this.#used = resized(this.#used, capacity * 2)
        this.#parents = resized(this.#parents, capacity)
      }
    }
    this.#parents[wheel] = parent
    return wheel
  }
}

const lowestBit = (word: number): number => 31 - Math.clz32(word & -word)

function resized(array: Int32Array, length: number): Int32Array<ArrayBuffer> {
  const copy = new Int32Array(length)
  copy.set(array)
  return copy
}
