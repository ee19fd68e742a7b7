import type { DrawnLimit } from './limits.js'

/** Units admitted at one instant. `endUs`: when they are free again, for `concurrency`. */
export interface Admission {
  readonly nowUs: number
  readonly units: number
  readonly endUs?: number
}

/**
 * Asserts the bound of a limit over every interval of what was admitted, in whole numbers, from what the limit says and
 * not from its plan.
 *
 * @param admissions in order of time
 * @returns the interval that broke the bound and the bound, for the message; undefined when none did
 */
export function brokenBound(limit: DrawnLimit, admissions: readonly Admission[]): string | undefined {
  const broken = brokenInterval(limit, admissions)
  return broken && `${broken}; ${promiseOf(limit)}`
}

function promiseOf({ algorithm, limit, burst, windowUs }: DrawnLimit): string {
  switch (algorithm) {
    case 'gcra':
    case 'token_bucket':
    case 'leaky_bucket':
      return `${algorithm} admits at most ${burst} and ${limit} per ${windowUs} us`
    case 'sliding_counter':
      return `${algorithm} admits at most ${limit} and ${limit} per ${windowUs} us`
    case 'concurrency':
      return `${algorithm} admits at most ${limit} at once`
    default:
      return `${algorithm} admits at most ${limit} per ${windowUs} us`
  }
}

function brokenInterval(limit: DrawnLimit, admissions: readonly Admission[]): string | undefined {
  switch (limit.algorithm) {
    case 'gcra':
    case 'token_bucket':
    case 'leaky_bucket':
      return aboveLine(admissions, limit, limit.burst, 0)
    case 'sliding_window':
      return aboveInWindows(admissions, limit)
    case 'sliding_counter':
      // The counter moves in steps of a 2^24th of the window, and an interval that ends after its last unit is 1 us longer.
      return aboveLine(admissions, limit, limit.limit, Math.ceil(limit.windowUs / 2 ** 24) + 1)
    case 'fixed_window':
      return aboveInFixedWindows(admissions, limit)
    case 'quota':
      return aboveInPeriods(admissions, limit)
    case 'concurrency':
      return aboveAtOnce(admissions, limit)
  }
}

/** At most `burst + limit / window * (t + slackUs)` in any interval of length t. */
export function aboveLine(
  admissions: readonly Admission[],
  { limit, windowUs }: { limit: number; windowUs: number },
  burst: number,
  slackUs: number,
): string | undefined {
  const [rate, window] = [BigInt(limit), BigInt(windowUs)]
  const most = BigInt(burst) * window + rate * BigInt(slackUs)
  let units = 0
  // Of all intervals that end at an admission, the one nearest to its bound begins where the head is largest.
  let first: { readonly nowUs: number; readonly before: number; readonly head: bigint } | undefined
  for (const { nowUs, units: admitted } of admissions) {
    const head = rate * BigInt(nowUs) - BigInt(units) * window
    if (first === undefined || head > first.head) first = { nowUs, before: units, head }
    units += admitted
    const within = units - first.before
    if (BigInt(within) * window > most + rate * BigInt(nowUs - first.nowUs))
      return told(within, first.nowUs, nowUs)
  }
  return undefined
}

/** At most the limit in every interval as long as the window. */
export function aboveInWindows(
  admissions: readonly Admission[],
  { limit, windowUs }: { limit: number; windowUs: number },
): string | undefined {
  let units = 0
  let oldest = 0
  for (const { nowUs, units: admitted } of admissions) {
    units += admitted
    for (; nowUs - firstOf(admissions, oldest).nowUs >= windowUs; oldest++)
      units -= firstOf(admissions, oldest).units
    if (units > limit) return told(units, firstOf(admissions, oldest).nowUs, nowUs)
  }
  return undefined
}

const firstOf = (admissions: readonly Admission[], place: number): Admission => admissions[place] as Admission

const told = (units: number, fromUs: number, toUs: number): string =>
  `${units} units in ${toUs - fromUs} us, from ${fromUs} on`

/** Looks at every interval from one admission to a later one, both included. */
export function overIntervals(
  admissions: readonly Admission[],
  within: (units: number, lengthUs: number, first: Admission) => boolean,
): string | undefined {
  for (const [i, first] of admissions.entries()) {
    let units = 0
    for (const last of admissions.slice(i)) {
      units += last.units
      const lengthUs = last.nowUs - first.nowUs
      if (!within(units, lengthUs, first)) return told(units, first.nowUs, last.nowUs)
    }
  }
  return undefined
}

/** Windows begin at the first unit after the one before, or on the clock; at most the limit in each. */
function aboveInFixedWindows(admissions: readonly Admission[], limit: DrawnLimit): string | undefined {
  const plan = limit.planAt(0)
  if (plan.algorithm !== 'fixed_window') throw new TypeError(`not a fixed window: ${plan.algorithm}`)
  let endUs = Number.NEGATIVE_INFINITY
  let units = 0
  for (const { nowUs, units: admitted } of admissions) {
    if (nowUs >= endUs) {
      const sinceStartUs = plan.clockAnchored === 1 ? (nowUs - plan.offsetUs) % plan.windowUs : 0
      endUs = nowUs - sinceStartUs + plan.windowUs
      units = 0
    }
    units += admitted
    if (units > limit.limit) return `${units} units in the window that ends at ${endUs}`
  }
  return undefined
}

/** At most the total in each period; spread, at most what is released so far. */
function aboveInPeriods(admissions: readonly Admission[], limit: DrawnLimit): string | undefined {
  const plan = limit.planAt(0)
  if (plan.algorithm !== 'quota') throw new TypeError(`not a quota: ${plan.algorithm}`)
  let period = -1
  let units = 0
  for (const { nowUs, units: admitted } of admissions) {
    const elapsedUs = nowUs % limit.windowUs
    const here = (nowUs - elapsedUs) / limit.windowUs
    units = (here === period ? units : 0) + admitted
    period = here
    const released =
      BigInt(plan.spreadBurst) + (BigInt(plan.total) * BigInt(elapsedUs)) / BigInt(limit.windowUs)
    if (units > plan.total || (plan.spread === 1 && BigInt(units) > released)) {
      return `${units} units in the period of ${nowUs}`
    }
  }
  return undefined
}

function aboveAtOnce(admissions: readonly Admission[], { limit }: DrawnLimit): string | undefined {
  let held: Admission[] = []
  for (const admission of admissions) {
    held = held.filter(({ endUs }) => (endUs as number) > admission.nowUs)
    if ((admission.endUs as number) > admission.nowUs) held.push(admission)
    const units = held.reduce((sum, other) => sum + other.units, 0)
    if (units > limit) return `${units} units held at ${admission.nowUs}`
  }
  return undefined
}
