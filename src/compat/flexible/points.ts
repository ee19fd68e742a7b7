/** Points that a key has consumed, and ms until its duration ends. */
export interface Points {
  readonly consumed: number
  readonly lifeMs: number
}

/** When exceeding its points makes a key live longer. */
export interface BlockRule {
  /** ms; 0: never. */
  readonly blockMs: number
  /** Count at which that happens: above the points, or 0 for the first above them. */
  readonly blockOnConsumed: number
}

/** Counts points of keys, each in a duration that begins with its first. Units are integers >= 1, times ms >= 1. */
export interface PointCounter {
  /** Adds units whatever the count, and blocks the key where that crosses the rule's threshold. */
  consume(key: string, units: number, points: number, durationMs: number, rule: BlockRule): Promise<Points>
  /** Adds units, and blocks nothing. */
  add(key: string, units: number, points: number, durationMs: number): Promise<Points>
  /** Takes units away, down to 0. */
  takeAway(key: string, units: number, points: number): Promise<Points>
  /** Sets the count, >= 0, and how long it lives. */
  put(key: string, count: number, lifeMs: number): Promise<void>
  /** Undefined where the key is not there. */
  read(key: string, points: number): Promise<Points | undefined>
  /** @returns whether it was there */
  remove(key: string): Promise<boolean>
  close(): Promise<void>
}

/** The threshold of a rule, as a count. */
export const blockThreshold = (points: number, { blockOnConsumed }: BlockRule): number =>
  blockOnConsumed > points ? blockOnConsumed : points + 1
