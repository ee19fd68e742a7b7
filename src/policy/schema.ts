import { z } from 'zod'
import { ALGORITHMS, type Algorithm } from '../core/plan.js'
import type { LimitConfig } from './config.js'
import { type OptionsOf, PERIODS, type PolicyOptions, STORE_FAILURE_POLICIES } from './options.js'
import { didYouMean, list, Refusal, show } from './refusal.js'
import { readDuration } from './units.js'
import {
  readCount,
  readCountOrNone,
  readFlag,
  readParts,
  readTimeZone,
  readWait,
  readWord,
} from './values.js'

/** An option by its reader: what the reader refuses becomes an issue with the reader's words. */
export const option = <T>(read: (value: unknown) => T | Refusal) =>
  z.unknown().transform((value, context): T => {
    const result = read(value)
    if (!(result instanceof Refusal)) return result
    context.addIssue({ code: 'custom', message: result.message, input: value })
    return z.NEVER
  })

/** A reader of an option that is an object of options itself: all that is wrong with it is one Refusal. */
export const recordOf =
  <S extends z.ZodRawShape>(shape: S, example: string) =>
  (value: unknown): z.output<z.ZodObject<S>> | Refusal => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      return new Refusal(`${show(value)} is not an object such as ${example}`)
    }
    const read = z.strictObject(shape).safeParse(value)
    if (read.success) return read.data
    return new Refusal(read.error.issues.map(issue => problemOf(issue, Object.keys(shape))).join('; '))
  }

function problemOf(issue: z.core.$ZodIssue, names: readonly string[]): string {
  if (issue.code !== 'unrecognized_keys') return `${issue.path.join('.')}: ${issue.message}`
  return issue.keys
    .map(name => `${show(name)} is not an option of it; options are ${list(names)}${didYouMean(name, names)}`)
    .join('; ')
}

const count = option(readCount)
const countOrNone = option(readCountOrNone)
const duration = option(readDuration)
const flag = option(readFlag)
const parts = option(readParts)

/** Checked before a schema is chosen by it. */
const algorithm = z.unknown().optional()

const rate = { algorithm, limit: count, window: duration, debt: countOrNone.optional() }
const smooth = { ...rate, burst: count.optional(), settle: duration.optional(), strict: flag.optional() }

/** The options of each algorithm: the same names as in `options.ts`. */
const SHAPES = {
  gcra: smooth,
  token_bucket: smooth,
  leaky_bucket: { ...smooth, mode: option(readWord(['police', 'shape'])).optional() },
  fixed_window: {
    ...rate,
    anchor: option(readWord(['first-hit', 'clock'])).optional(),
    offset: duration.optional(),
  },
  sliding_window: { ...rate, resolution: duration.optional() },
  sliding_counter: rate,
  quota: {
    algorithm,
    limit: count,
    period: option(readWord(PERIODS)),
    timeZone: option(readTimeZone).optional(),
    spread: flag.optional(),
    spreadBurst: count.optional(),
    debt: countOrNone.optional(),
  },
  concurrency: { algorithm, limit: count, lease: duration.optional() },
} satisfies { [A in Algorithm]: Record<keyof OptionsOf<A>, z.ZodType> }

/** A limit as `strictObject` read it, its durations renamed by their unit. */
const inUs = <T extends { readonly window: number }>({ window, ...rest }: T) => ({
  ...rest,
  windowUs: window,
})

const smoothInUs = <T extends { readonly window: number; readonly settle?: number | undefined }>(
  options: T,
) => {
  const { settle, ...rest } = options
  return { ...inUs(rest), settleUs: settle }
}

/** Reads the options of one limit. */
export const LIMIT_SCHEMAS: { readonly [A in Algorithm]: z.ZodType<LimitConfig> } = {
  gcra: z.strictObject(SHAPES.gcra).transform(options => ({ ...smoothInUs(options), algorithm: 'gcra' })),
  token_bucket: z
    .strictObject(SHAPES.token_bucket)
    .transform(options => ({ ...smoothInUs(options), algorithm: 'token_bucket' })),
  leaky_bucket: z
    .strictObject(SHAPES.leaky_bucket)
    .transform(options => ({ ...smoothInUs(options), algorithm: 'leaky_bucket' })),
  fixed_window: z
    .strictObject(SHAPES.fixed_window)
    .transform(({ offset, ...rest }) => ({ ...inUs(rest), algorithm: 'fixed_window', offsetUs: offset })),
  sliding_window: z.strictObject(SHAPES.sliding_window).transform(({ resolution, ...rest }) => ({
    ...inUs(rest),
    algorithm: 'sliding_window',
    resolutionUs: resolution,
  })),
  sliding_counter: z
    .strictObject(SHAPES.sliding_counter)
    .transform(options => ({ ...inUs(options), algorithm: 'sliding_counter' })),
  quota: z.strictObject(SHAPES.quota).transform(options => ({ ...options, algorithm: 'quota' })),
  concurrency: z
    .strictObject(SHAPES.concurrency)
    .transform(({ lease, ...rest }) => ({ ...rest, algorithm: 'concurrency', leaseUs: lease })),
}

const policyShape = {
  by: parts.optional(),
  group: parts.optional(),
  charge: option(readWord(['all'])).optional(),
  deadline: option(readWait).optional(),
  onStoreFailure: option(readWord(STORE_FAILURE_POLICIES)).optional(),
} satisfies Record<keyof PolicyOptions, z.ZodType>

/** Reads what concerns a policy as a whole, `limits` apart. */
export const POLICY_SCHEMA = z.strictObject(policyShape)

export const POLICY_OPTIONS: readonly string[] = Object.keys(policyShape)

/** The algorithms that know an option. */
export const algorithmsWith = (name: string): readonly Algorithm[] =>
  ALGORITHMS.filter(algorithm => Object.hasOwn(SHAPES[algorithm], name))

export const limitOptions = (algorithm: Algorithm): readonly string[] => Object.keys(SHAPES[algorithm])
