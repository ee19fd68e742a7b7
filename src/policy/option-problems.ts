import type { z } from 'zod'
import type { Problem } from '../errors.js'
import { didYouMean, list } from './refusal.js'

/**
 * What a strict schema has against an object of options, each with the value that was given.
 *
 * @param of whose options they are: `createLimiter`
 * @param names of all there are
 */
export function optionProblems(
  error: z.ZodError,
  given: object,
  of: string,
  names: readonly string[],
): readonly Problem[] {
  const value = (path: string): unknown => Reflect.get(given, path)
  return error.issues.flatMap(issue => {
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map(name => ({
        path: name,
        value: value(name),
        message: `is not an option of ${of}; options are ${list(names)}${didYouMean(name, names)}`,
      }))
    }
    const path = issue.path.join('.')
    return [{ path, value: value(path), message: issue.message }]
  })
}
