import { z } from 'zod'

/** One check as the store decided it, at its own instant. */
const decided = z.strictObject({
  kind: z.literal('decided'),
  policy: z.string(),
  subject: z.string(),
  op: z.int(),
  /** Units. */
  n: z.int(),
  /** What a refund refers to, us; else 0. */
  at: z.int(),
  leaseId: z.string().optional(),
  status: z.int(),
  /** The store's clock, us since the Unix epoch. */
  nowUs: z.int(),
})

/** One check without an answer. Whether it was charged only `code` tells, if anything does. */
const undecided = z.strictObject({
  kind: z.literal('undecided'),
  policy: z.string(),
  subject: z.string(),
  op: z.int(),
  n: z.int(),
  /** Of the error. */
  code: z.string(),
})

export const entrySchema = z.discriminatedUnion('kind', [decided, undecided])

export type Decided = z.infer<typeof decided>

/** One line of what a gateway records. */
export type Entry = z.infer<typeof entrySchema>

/** What one gateway recorded, in the order in which it got its answers. */
export type Recording = readonly Entry[]
