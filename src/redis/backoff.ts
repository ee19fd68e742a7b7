import { backoffMs as waitMs } from '../core/backoff.js'

const RECONNECT = { firstMs: 50, maxMs: 2_000 }

/**
 * How long to wait before an attempt to connect: 50 ms before the first, twice that before each next one up to 2 s, each
 * shortened at random by up to half, so that a fleet does not come back as one.
 *
 * @param attempt 1, 2, …: attempts since the connection was last ready
 */
export const backoffMs = (attempt: number): number => waitMs(attempt, RECONNECT)
