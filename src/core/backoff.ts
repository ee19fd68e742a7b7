export interface Backoff {
  /** Wait before the second attempt. */
  readonly firstMs: number
  /** No wait is longer. */
  readonly maxMs: number
}

/**
 * How long to wait after so many failed attempts: `firstMs`, doubled after each failure up to `maxMs`, and shortened at
 * random by up to half, so that a fleet that lost its server together does not come back together.
 *
 * @param attempt failed attempts so far, 1 or more
 * @param random 0 to 1
 * @returns ms, at least 1
 */
export function backoffMs(attempt: number, { firstMs, maxMs }: Backoff, random = Math.random): number {
  const fullMs = Math.min(maxMs, firstMs * 2 ** (attempt - 1))
  return Math.max(1, Math.ceil(fullMs * (0.5 + random() / 2)))
}
