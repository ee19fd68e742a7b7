import { z } from 'zod'
import { ALGORITHMS } from '../core/plan.js'

/**
 * What a replay tells: the JSON that `sluice replay --json` prints, which the table and the page are drawn from. It
 * holds nothing of how or when the replay ran, so the same log and policies give the same bytes on every store.
 * Times are ISO 8601 in UTC; shares are between 0 and 1, rounded to six digits; lists are in a fixed order.
 */
export const REPORT_SCHEMA = 'sluice-replay/1'

const count = z.int().nonnegative()
const waitMs = z.int().nonnegative()
const share = z.number().min(0).max(1)
const time = z.iso.datetime()

const fault = z.strictObject({
  reason: z.string(),
  lines: count,
  /** The first of them, at most ten. */
  firstLines: z.array(z.int().positive()),
})

const log = z.strictObject({
  /** Name of the file without its folders, or `stdin`. */
  name: z.string(),
  /** null for an empty log. */
  format: z.enum(['common', 'combined', 'json']).nullable(),
  lines: count,
  requests: count,
  blank: count,
  malformed: z.strictObject({
    lines: count,
    /** Most frequent first. */
    reasons: z.array(fault),
  }),
  /** Requests whose time is before that of a line above them. */
  outOfOrder: count,
  /** Those of them that were too late to be put in order, and were decided at the time the clock had reached. */
  late: count,
  longestLateMs: waitMs,
  /** Times of the first and the last request; null for an empty log. */
  from: time.nullable(),
  to: time.nullable(),
})

const offender = z.strictObject({
  /** Value of each part the policy counts by. */
  subject: z.record(z.string(), z.string()),
  requests: count,
  refused: count,
  refusedShare: share,
  longestWaitMs: waitMs,
  first: time,
  last: time,
})

const bucket = z.strictObject({ from: time, allowed: count, refused: count })

const limit = z.strictObject({
  algorithm: z.enum(ALGORITHMS),
  limit: z.int().positive(),
  /** null for a quota, which has a calendar period. */
  windowMs: z.number().positive().nullable(),
  period: z.enum(['day', 'week', 'month', 'quarter', 'year']).nullable(),
  /** Units that pass at once after a pause; null for algorithms without a burst of their own. */
  burst: z.int().positive().nullable(),
})

const policy = z.strictObject({
  name: z.string(),
  by: z.array(z.string()),
  limits: z.array(limit),
  /** Requests the policy counted; the others lack a part it counts by. */
  requests: count,
  withoutSubject: count,
  allowed: count,
  refused: count,
  refusedShare: share,
  /** Allowed, but held back (`leaky_bucket` that shapes). */
  delayed: count,
  longestDelayMs: waitMs,
  longestWaitMs: waitMs,
  subjects: count,
  /** Subjects with at least one refusal. */
  limitedSubjects: count,
  /** Most refused first. */
  top: z.array(offender),
  timeline: z.array(bucket),
})

export const replayReportSchema = z.strictObject({
  schema: z.literal(REPORT_SCHEMA),
  log,
  /** Units each request costs. */
  cost: z.int().positive(),
  /** Size of a timeline's buckets, the same for every policy. */
  bucketMs: z.int().positive(),
  policies: z.array(policy),
})

export type ReplayReport = z.infer<typeof replayReportSchema>
export type PolicyReport = ReplayReport['policies'][number]
export type LimitReport = PolicyReport['limits'][number]
export type Offender = PolicyReport['top'][number]
export type LogReport = ReplayReport['log']

/** Six digits tell one request in a million, and are the same text everywhere. */
export const shareOf = (part: number, whole: number): number =>
  whole === 0 ? 0 : Math.round((part / whole) * 1e6) / 1e6

/** Milliseconds are enough for a report; a finer time is cut. */
export const isoTime = (timeUs: number): string => new Date(Math.floor(timeUs / 1000)).toISOString()
