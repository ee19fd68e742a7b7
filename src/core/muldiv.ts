import { EXACT_MAX, fdiv } from './time.js'

/** Base of the long division: a remainder times the base stays exact. */
const BASE = 128
/** The weight of the first of seven digits. */
const FIRST_DIGIT = BASE ** 6

/**
 * floor((a * b + carry) / c), exact although a * b may be far above 2^53: long division by digits of base 128, every
 * step of which is below 2^53.
 *
 * @param a 0 <= a < 2^49
 * @param b 0 <= b <= c
 * @param c 1 <= c < 2^45
 * @param carry 0 to round down, c - 1 to round up
 */
export function muldiv(a: number, b: number, c: number, carry: number): number {
  if (a * b + carry < EXACT_MAX) return fdiv(a * b + carry, c)
  let quotient = 0
  let rest = 0
  for (let weight = FIRST_DIGIT; weight >= 1; weight /= BASE) {
    const digit = fdiv(a, weight)
    a -= digit * weight
    let part = rest * BASE + digit * b
    if (weight === 1) part += carry
    const k = fdiv(part, c)
    quotient = quotient * BASE + k
    rest = part - k * c
  }
  return quotient
}
