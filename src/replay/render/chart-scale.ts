const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

/** Distances of time marks that fall on round times. */
const TIME_STEPS_MS = [
  ...[1000, 5000, 15_000, 30_000, MINUTE_MS, 5 * MINUTE_MS, 15 * MINUTE_MS, 30 * MINUTE_MS],
  ...[HOUR_MS, 3 * HOUR_MS, 6 * HOUR_MS, 12 * HOUR_MS, DAY_MS, 2 * DAY_MS],
]

/** Marks of a count axis, from 0 to the first round number that is not below the peak. */
export function countMarks(peak: number, steps: number): number[] {
  const rough = Math.max(1, peak / steps)
  const magnitude = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10]
    .map(factor => Math.max(1, factor * magnitude))
    .find(size => size >= rough) as number
  const marks = [0]
  while ((marks.at(-1) as number) < peak) marks.push((marks.at(-1) as number) + step)
  return marks
}

/** Round instants in [fromMs, toMs), at most `most` of them. */
export function timeMarks(fromMs: number, toMs: number, most: number): { stepMs: number; marksMs: number[] } {
  const fits = (stepMs: number): boolean => (toMs - fromMs) / stepMs <= most
  let stepMs = TIME_STEPS_MS.find(fits) ?? 4 * DAY_MS
  while (!fits(stepMs)) stepMs *= 2
  const first = Math.ceil(fromMs / stepMs) * stepMs
  const count = Math.max(0, Math.ceil((toMs - first) / stepMs))
  return { stepMs, marksMs: Array.from({ length: count }, (_, index) => first + index * stepMs) }
}
