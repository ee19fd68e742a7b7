import { Random } from '../../test/fuzz/random.js'

/** One request to come. */
export interface Arrival {
  /** From the beginning of the load. */
  readonly atMs: number
  readonly policy: string
  readonly subject: string
  /** ms to hold a unit of a concurrency limit. */
  readonly holdMs: number | undefined
}

/** Requests about one policy. */
export interface Traffic {
  readonly policy: string
  /** Named `user-0`, `user-1`, …, and drawn evenly. */
  readonly users: number
  /** Of each user, on average. */
  readonly perUserPerSecond: number
  readonly holdMs?: number
}

/**
 * Draws when requests come, for a load that does not wait for answers: gaps are those of independent callers (a Poisson
 * process), so some come close together. The same seed gives the same schedule.
 *
 * @returns in the order of time
 */
export function drawArrivals(traffic: readonly Traffic[], durationMs: number, seed: number): Arrival[] {
  const random = new Random(seed)
  const arrivals: Arrival[] = []
  for (const { policy, users, perUserPerSecond, holdMs } of traffic) {
    const meanGapMs = 1000 / (users * perUserPerSecond)
    const gapMs = () => -Math.log(1 - random.unit()) * meanGapMs
    for (let atMs = gapMs(); atMs < durationMs; atMs += gapMs()) {
      arrivals.push({ atMs, policy, subject: `user-${random.below(users)}`, holdMs })
    }
  }
  return arrivals.sort((a, b) => a.atMs - b.atMs)
}
