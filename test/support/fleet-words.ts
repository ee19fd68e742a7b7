import { z } from 'zod'

/** How a replica is set up: its argument. */
export const ReplicaSettings = z.strictObject({
  url: z.string(),
  prefix: z.string(),
  /** Of `RELEASES`, by name. */
  release: z.string(),
  /** Of `implementationsOf(release)`, by name. */
  implementation: z.string(),
})
export type ReplicaSettings = z.infer<typeof ReplicaSettings>

/** A line of a replica. */
export const ReplicaWord = z.union([
  z.strictObject({ ready: z.literal(true) }),
  z.strictObject({ moved: z.literal(true) }),
  z.strictObject({ ended: z.literal(true) }),
  z.strictObject({
    /** Requests that the server answered since the last such line. */
    decided: z.number(),
    /** Codes of the errors of those that it did not. */
    failed: z.array(z.string()).readonly(),
    /** Policy, subject, when (us), units, and what the limit had left. */
    admitted: z.array(z.tuple([z.string(), z.string(), z.number(), z.number(), z.number()]).readonly()),
  }),
])
export type ReplicaWord = z.infer<typeof ReplicaWord>
