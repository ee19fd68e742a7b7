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

/** One check that was refused without the store, by what the gateway remembered of a refusal. */
const remembered = z.strictObject({
  kind: z.literal('remembered'),
  policy: z.string(),
  subject: z.string(),
  /** When it was asked by the gateway's clock, which is the store's on one machine; us, in steps of 1 ms. */
  askedUs: z.int(),
})

export const entrySchema = z.discriminatedUnion('kind', [decided, undecided, remembered])

export type Decided = z.infer<typeof decided>

/** One line of what a gateway records. */
export type Entry = z.infer<typeof entrySchema>

/** What one gateway recorded, in the order in which it got its answers. */
export type Recording = readonly Entry[]
