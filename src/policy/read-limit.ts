import type { z } from 'zod'
import { ALGORITHMS, type Algorithm } from '../core/plan.js'
import type { LimitConfig } from './config.js'
import { rangeProblems } from './ranges.js'
import { readRate } from './rate.js'
import { at, didYouMean, list, Refusal, show } from './refusal.js'
import { algorithmsWith, LIMIT_SCHEMAS, limitOptions, POLICY_OPTIONS } from './schema.js'
import { readWord } from './values.js'

/** Takes note of one problem. */
export type Report = (path: string, value: unknown, message: string) => void

export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const readAlgorithm = readWord(ALGORITHMS)

/**
 * Reads one limit: a rate or an object.
 *
 * @param more names of options that were taken from the same object before, for hints
 * @returns undefined when there is a problem
 */
export function readLimit(
  input: unknown,
  path: string,
  report: Report,
  more: readonly string[] = [],
): LimitConfig | undefined {
  if (!isRecord(input)) {
    const rate = readRate(input)
    if (rate instanceof Refusal) {
      report(path, input, rate.message)
      return undefined
    }
    const config: LimitConfig = { algorithm: 'gcra', ...rate }
    const problems = rangeProblems(config)
    for (const { option, message } of problems)
      report(path, input, `${show(input)} has a ${option} that ${message}`)
    return problems.length === 0 ? config : undefined
  }

  const algorithm = input.algorithm === undefined ? 'gcra' : readAlgorithm(input.algorithm)
  if (algorithm instanceof Refusal) {
    report(at(path, 'algorithm'), input.algorithm, algorithm.message)
    return undefined
  }
  const unknown = (name: string) => unknownOption(name, algorithm, more)
  const config = readWith(LIMIT_SCHEMAS[algorithm], input, path, report, unknown)
  if (config === undefined) return undefined
  const problems = rangeProblems(config)
  for (const { option, message } of problems) {
    report(at(path, option), input[option], `${show(input[option])} ${message}`)
  }
  return problems.length === 0 ? config : undefined
}

/** Why a limit of this algorithm cannot have this option. */
function unknownOption(name: string, algorithm: Algorithm, more: readonly string[]): string {
  const others = algorithmsWith(name)
  if (others.length > 0) return `has no effect on '${algorithm}'; it is an option of ${list(others)}`
  if (POLICY_OPTIONS.includes(name)) {
    return `concerns the whole policy; write it beside 'limits'`
  }
  const options = [...limitOptions(algorithm), ...more]
  return `is not an option of '${algorithm}'; options are ${list(options)}${didYouMean(name, options)}`
}

/** Reads an object by its schema, and reports each issue at its place; undefined when there is one. */
export function readWith<T>(
  schema: z.ZodType<T>,
  input: Readonly<Record<string, unknown>>,
  path: string,
  report: Report,
  unknown: (name: string) => string = () => 'is unknown',
): T | undefined {
  const result = schema.safeParse(input)
  if (result.success) return result.data
  for (const issue of result.error.issues) {
    if (issue.code === 'unrecognized_keys') {
      for (const name of issue.keys) report(at(path, name), input[name], unknown(name))
    } else {
      const [name = ''] = issue.path
      report(at(path, name), input[String(name)], issue.message)
    }
  }
  return undefined
}
