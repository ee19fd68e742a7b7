import { z } from 'zod'
import { OptionError } from '../../errors.js'
import { at, didYouMean, list, show } from '../../policy/refusal.js'

/** A number or text that is not what its option takes. */
export const wrong = (accepted: string) => ({
  error: ({ input }: { input?: unknown }) =>
    input === undefined ? `is missing; give ${accepted}` : `${show(input)} is not ${accepted}`,
})

export const wholeNumber = (least: number, what: string) => z.int(wrong(what)).min(least, wrong(what))

/**
 * Reads options of a limiter of another system, and tells everything that is wrong with them at once.
 *
 * @param elsewhere options of that system which have no meaning for its keys, each with what stands in their place
 * @throws OptionError
 */
export function readLimiters<T>(
  dialect: string,
  limiters: unknown,
  schema: z.ZodObject<z.core.$ZodShape> & z.ZodType<T>,
  elsewhere: Readonly<Record<string, string>>,
): Readonly<Record<string, T>> {
  const names = Object.keys(schema.shape)
  const read = z.record(z.string(), schema, wrong('an object of limiters by name')).safeParse(limiters)
  if (read.success && Object.keys(read.data).length > 0) return read.data
  const problems = read.success
    ? ['limiters: is empty; give the options of at least one limiter, under the name of its policy']
    : read.error.issues.flatMap(issue => {
        const path = issue.path.reduce<string>((before, part) => at(before, part), 'limiters')
        if (issue.code !== 'unrecognized_keys') return [`${path}: ${issue.message}`]
        return issue.keys.map(
          name =>
            `${at(path, name)}: ` +
            (Object.hasOwn(elsewhere, name)
              ? elsewhere[name]
              : `is not an option; options are ${list(names)}${didYouMean(name, names)}`),
        )
      })
  throw new OptionError(`the dialect '${dialect}' cannot take these options:\n  ${problems.join('\n  ')}`)
}

/**
 * Two policies under the same keys would count each other's hits.
 *
 * @throws OptionError naming both
 */
export function refuseSharedKeys<T>(
  dialect: string,
  limiters: Readonly<Record<string, T>>,
  keyHeadOf: (limiter: T) => string,
): void {
  const owners = new Map<string, string>()
  for (const [policy, limiter] of Object.entries(limiters)) {
    const head = keyHeadOf(limiter)
    const owner = owners.get(head)
    if (owner !== undefined) {
      throw new OptionError(
        `the dialect '${dialect}': limiters '${owner}' and '${policy}' both have keys that begin with ${show(head)}, ` +
          `so each would count the other's hits; give each the prefix that it has in its fleet`,
      )
    }
    owners.set(head, policy)
  }
}

export const mapValues = <T, U>(
  record: Readonly<Record<string, T>>,
  of: (value: T) => U,
): Readonly<Record<string, U>> =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [name, of(value)]))
