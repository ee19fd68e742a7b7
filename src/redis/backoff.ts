const FIRST_MS = 50
const MAX_MS = 2_000

/**
 * How long to wait before an attempt to connect: 50 ms before the first, twice that before each next one up to 2 s, each
 * shortened at random by up to half, so that a fleet does not come back as one.
 *
 * @param attempt 1, 2, …: attempts since the connection was last ready
 */
export function backoffMs(attempt: number): number {
  const fullMs = Math.min(MAX_MS, FIRST_MS * 2 ** (attempt - 1))
  return Math.ceil(fullMs * (0.5 + Math.random() / 2))
}
