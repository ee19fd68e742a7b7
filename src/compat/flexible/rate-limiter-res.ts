/** What a call of a limiter resolves to, or rejects with when the points are used up: as rate-limiter-flexible has it. */
export class RateLimiterRes {
  /** Points left in this duration. */
  readonly remainingPoints: number
  /** ms until the duration, or the block, ends. */
  readonly msBeforeNext: number
  /** Points consumed in this duration. */
  readonly consumedPoints: number
  readonly isFirstInDuration: boolean

  constructor(remainingPoints = 0, msBeforeNext = 0, consumedPoints = 0, isFirstInDuration = false) {
    this.remainingPoints = remainingPoints
    this.msBeforeNext = msBeforeNext
    this.consumedPoints = consumedPoints
    this.isFirstInDuration = isFirstInDuration
  }

  toString(): string {
    return JSON.stringify(this)
  }

  toJSON(): Pick<
    RateLimiterRes,
    'remainingPoints' | 'msBeforeNext' | 'consumedPoints' | 'isFirstInDuration'
  > {
    const { remainingPoints, msBeforeNext, consumedPoints, isFirstInDuration } = this
    return { remainingPoints, msBeforeNext, consumedPoints, isFirstInDuration }
  }
}
