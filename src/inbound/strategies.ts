import { z } from 'zod'
import { readRate } from '../policy/rate.js'
import { isRecord, type Report, readWith } from '../policy/read-limit.js'
import { at, didYouMean, list, Refusal, show } from '../policy/refusal.js'
import { option } from '../policy/schema.js'
import { readDuration } from '../policy/units.js'
import { readCount, readWord } from '../policy/values.js'
import type { DurationText, LimitOptions, Rate } from '../policy.js'

/** Limits by the names that gateways have for them: read here, once, into limits of `docs/policies.md`. */

interface WindowStrategy<S extends 'FixedWindow' | 'SlidingWindow'> {
  readonly strategy: S
  /** An integer >= 1. */
  readonly max_requests: number
  readonly window: DurationText
}

/** `SlidingWindow` is the exact log: never above `max_requests` in any interval of one window. */
export type Strategy =
  | WindowStrategy<'FixedWindow'>
  | WindowStrategy<'SlidingWindow'>
  | {
      readonly strategy: 'TokenBucket'
      /** Units that pass at once after a pause: an integer >= 1. */
      readonly capacity: number
      /** Units that come back: an integer, of each second, or a rate such as `'10/m'`. */
      readonly refill_rate: number | Rate
    }
  | {
      readonly strategy: 'LeakyBucket'
      readonly capacity: number
      /** Units that leak: an integer, of each second, or a rate such as `'10/m'`. */
      readonly leak_rate: number | Rate
      /** `police` refuses what does not fit; `shape` admits it with a delay that spaces it. Default: `police`. */
      readonly mode?: 'police' | 'shape'
    }

const NAMES = ['FixedWindow', 'SlidingWindow', 'TokenBucket', 'LeakyBucket'] as const

const strategy = z.unknown()
const window = { strategy, max_requests: option(readCount), window: option(readDuration) }

/** A number is units per second; what is slower than one a second is written as a rate. */
const flow = option((value: unknown) => {
  if (typeof value !== 'number') return readRate(value)
  const limit = readCount(value)
  if (!(limit instanceof Refusal)) return { limit, windowUs: 1_000_000 }
  return new Refusal(`${limit.message} per second; write anything else as a rate, such as '10/m'`)
})

const inWindow =
  (algorithm: 'fixed_window' | 'sliding_window') =>
  ({ max_requests, window }: { readonly max_requests: number; readonly window: number }): LimitOptions => ({
    algorithm,
    limit: max_requests,
    window: durationText(window),
  })

const SCHEMAS = {
  FixedWindow: z.strictObject(window).transform(inWindow('fixed_window')),
  SlidingWindow: z.strictObject(window).transform(inWindow('sliding_window')),
  TokenBucket: z.strictObject({ strategy, capacity: option(readCount), refill_rate: flow }).transform(
    ({ capacity, refill_rate: { limit, windowUs } }): LimitOptions => ({
      algorithm: 'token_bucket',
      limit,
      window: durationText(windowUs),
      burst: capacity,
    }),
  ),
  LeakyBucket: z
    .strictObject({
      strategy,
      capacity: option(readCount),
      leak_rate: flow,
      mode: option(readWord(['police', 'shape'])).default('police'),
    })
    .transform(
      ({ capacity, leak_rate: { limit, windowUs }, mode }): LimitOptions => ({
        algorithm: 'leaky_bucket',
        limit,
        window: durationText(windowUs),
        burst: capacity,
        mode,
      }),
    ),
} satisfies Record<(typeof NAMES)[number], z.ZodType<LimitOptions>>

const OPTIONS: Readonly<Record<(typeof NAMES)[number], readonly string[]>> = {
  FixedWindow: ['max_requests', 'window'],
  SlidingWindow: ['max_requests', 'window'],
  TokenBucket: ['capacity', 'refill_rate'],
  LeakyBucket: ['capacity', 'leak_rate', 'mode'],
}

/** us as a duration that reads back to the same. */
export const durationText = (us: number): DurationText => `${us / 1000}ms`

const readName = readWord(NAMES)

export const isStrategy = (input: unknown): input is Readonly<Record<string, unknown>> =>
  isRecord(input) && Object.hasOwn(input, 'strategy')

/** The limit of a strategy; undefined where a problem was reported. */
export function readStrategy(
  input: Readonly<Record<string, unknown>>,
  path: string,
  report: Report,
): LimitOptions | undefined {
  const name = readName(input.strategy)
  if (name instanceof Refusal) {
    report(at(path, 'strategy'), input.strategy, name.message)
    return undefined
  }
  const options = OPTIONS[name]
  return readWith<LimitOptions>(SCHEMAS[name], input, path, report, unknown => {
    return `is not an option of ${show(name)}; options are ${list(options)}${didYouMean(unknown, options)}`
  })
}
