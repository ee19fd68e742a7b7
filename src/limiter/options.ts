import { z } from 'zod'
import { ENGINE_OPTIONS, type EngineOptions } from '../engine/engine-options.js'
import { GUARD_OPTIONS, type GuardSettings } from '../engine/guard-options.js'
import { PolicyError, type Problem } from '../errors.js'
import { LOG_OPTIONS, type LogSettings } from '../events/logger.js'
import { optionProblems } from '../policy/option-problems.js'
import { isRecord } from '../policy/read-limit.js'
import { option } from '../policy/schema.js'
import { readCount } from '../policy/values.js'
import { type CompiledPolicies, compilePolicies, type PoliciesInput } from '../policy.js'
import { WAITING_OPTIONS, type WaitingSettings } from './waiting-options.js'

/** Options of `createLimiter`. */
export interface LimiterOptions<P extends PoliciesInput = PoliciesInput>
  extends EngineOptions,
    GuardSettings,
    LogSettings {
  /** Policies by name: a rate such as `'100/m'`, several, or an object (`docs/policies.md`). */
  readonly policies: P
  /** How many calls of `wait` may wait. */
  readonly waiting?: WaitingSettings
  /**
   * `metrics()` tells what so many subjects have in use, those that asked last. Checks in memory take about twice as long then.
   * Default: none.
   */
  readonly trackUsage?: number
}

/** For the schemas of what makes a limiter. */
export const USAGE_OPTIONS = { trackUsage: option(readCount).optional() }

const OPTIONS = z.strictObject({
  // Read apart, and told of there where it is missing.
  policies: z.unknown().optional(),
  ...ENGINE_OPTIONS,
  ...GUARD_OPTIONS,
  ...WAITING_OPTIONS,
  ...LOG_OPTIONS,
  ...USAGE_OPTIONS,
})
const NAMES = Object.keys(OPTIONS.shape)

/** Reads the options. @throws PolicyError listing everything that is wrong with them, policies included */
export function readOptions(options: LimiterOptions): CompiledPolicies {
  if (!isRecord(options)) {
    const message = "the options are no object; write { policies: { perUser: '100/m' } }"
    throw new PolicyError([{ path: 'createLimiter', value: options, message }])
  }
  const problems: Problem[] = []
  let compiled: CompiledPolicies | undefined
  const read = OPTIONS.safeParse(options)
  if (!read.success) problems.push(...optionProblems(read.error, options, 'createLimiter', NAMES))
  try {
    compiled = compilePolicies(options.policies, { nowUs: read.data?.clock?.nowUs() })
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error
    problems.push(...error.problems)
  }
  if (problems.length > 0 || compiled === undefined) throw new PolicyError(problems)
  return compiled
}
