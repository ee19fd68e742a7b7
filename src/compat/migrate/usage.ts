/** What a subject has used of a limit and not got back yet. */
export interface Usage {
  /** Units, by the instant at which they come back (us since the Unix epoch), the soonest first. Never empty. */
  readonly returns: readonly { readonly units: number; readonly atUs: number }[]
  /** The key was written at this instant or later, us; 0 where it does not tell. */
  readonly writtenUs: number
  /** Until then (us since the Unix epoch) the subject is blocked, whatever it has used; 0 where it is not. */
  readonly blockedUntilUs: number
}

/** Why there is nothing to carry. */
export type Unreadable = 'unused' | 'expired' | 'unknown' | 'wrongType'

export const totalUnits = ({ returns }: Usage): number => returns.reduce((sum, { units }) => sum + units, 0)

/** When the last units come back. */
export const endOf = ({ returns }: Usage): number => returns[returns.length - 1]?.atUs ?? 0

/** Units that all come back together. */
export const allAt = (units: number, atUs: number, writtenUs: number, blockedUntilUs = 0): Usage => ({
  returns: [{ units, atUs }],
  writtenUs,
  blockedUntilUs,
})
