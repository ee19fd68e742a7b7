/**
 * Time below the public API is integer microseconds since the Unix epoch; the public API speaks milliseconds.
 * Both fit a double exactly until the year 2255.
 */

/** Where an in-process engine reads the time. Redis has its own clock and ignores this one unless it is injected. */
export interface Clock {
  /** Microseconds since the Unix epoch, an integer. It may step back; the algorithms bear it. */
  nowUs(): number
}

/** The wall clock of this process, at the resolution of `Date.now()`: cheap, and a millisecond is finer than any wait reported. */
export const systemClock: Clock = { nowUs: () => Date.now() * 1000 }

/** Milliseconds on a clock that never steps, from no instant in particular: for what this process times on its own. */
export const monotonicMs = (): number => performance.now()

/** 2020-01-01T00:00:00Z. Stored times of `gcra` are relative to it, so that eighths of a microsecond fit a double. */
export const EPOCH_2020_US = 1_577_836_800_000_000

/** The earliest (1985) and the first too late (2053) instant the arithmetic is proved for. */
export const NOW_MIN_US = 473_385_600_000_000
export const NOW_END_US = 2_633_000_000_000_000

/** A stored time at most this far ahead of now is a clock that stepped back a little; farther ahead, it is repaired. */
export const BACK_US = 10_000_000

/** Granule of expiry: a key's end moves in steps of this size, so that most writes keep the TTL. Equal for every plan and version. */
export const GRANULE_US = 16_777_216
export const GRANULE_TICKS = 8 * GRANULE_US

/** Every stored number and every intermediate result stays below this. */
export const EXACT_MAX = 2 ** 53

/** floor(a / b) for b >= 1, exact while |a| + b <= 2^53. */
export const fdiv = (a: number, b: number): number => Math.floor(a / b)

/** ceil(a / b) for a >= 0 and b >= 1, without `Math.ceil`, which answers -0 for small negatives. */
export const cdiv = (a: number, b: number): number => Math.floor((a + b - 1) / b)
