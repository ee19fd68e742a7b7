import { z } from 'zod'
import type { CircuitPlan } from '../core/circuit-plan.js'
import { SLOTS } from '../core/circuit-state.js'
import { cdiv } from '../core/time.js'
import { ENGINE_OPTIONS, isEngine } from '../engine/engine-options.js'
import { PolicyError } from '../errors.js'
import { LOG_OPTIONS } from '../events/logger.js'
import { optionProblems } from '../policy/option-problems.js'
import { isRecord } from '../policy/read-limit.js'
import { Refusal, show } from '../policy/refusal.js'
import { option, recordOf } from '../policy/schema.js'
import { readDuration } from '../policy/units.js'
import { readCount, readWait } from '../policy/values.js'
import { readScope, type ScopeRule } from '../scope.js'
import type { BreakerConfig, BreakerOptions, BreakerThresholds } from './breaker-options.js'
import type { StatusCode, TriggerErrors, TriggerRules } from './circuit-outcome.js'
import { isCustomStore } from './custom-circuit-store.js'

/** The longest time that is counted: 400 days. Times and their multiples stay exact. */
const TIME_US_MAX = 400 * 86_400_000_000
const PPM = 1_000_000
const PROBES_MAX = 64

const readTime = (value: unknown): number | Refusal => {
  const us = readDuration(value)
  if (us instanceof Refusal || us <= TIME_US_MAX) return us
  return new Refusal(`${show(value)} is longer than 400 days`)
}

const between = (low: number, high: number) => (value: unknown) =>
  typeof value === 'number' && value >= low && value <= high
    ? value
    : new Refusal(`${show(value)} is not a number from ${low} to ${high}`)

const readShare = (value: unknown): number | Refusal =>
  typeof value === 'number' && value >= 1 / PPM && value <= 1
    ? value
    : new Refusal(`${show(value)} is not a share above 0 and up to 1, such as 0.5`)

const readProbes = (value: unknown): number | Refusal => {
  const count = readCount(value)
  return count instanceof Refusal || count <= PROBES_MAX
    ? count
    : new Refusal(`${count} is above ${PROBES_MAX}`)
}

function readName(value: unknown): string | Refusal {
  if (typeof value === 'string' && value !== '' && value.isWellFormed()) return value
  return new Refusal(`${show(value)} cannot name a breaker; a name is well-formed text, such as 'upstream'`)
}

const isFunction = (value: unknown): boolean => typeof value === 'function'

const isStatusCode = (value: unknown): value is StatusCode =>
  value === '4xx' ||
  value === '5xx' ||
  (Number.isInteger(value) && Number(value) >= 100 && Number(value) <= 599)

const functionOf = (accepted: string) => (value: unknown) =>
  isFunction(value) ? (value as never) : new Refusal(`${show(value)} is not ${accepted}`)

function readStatusCodes(value: unknown): readonly StatusCode[] | Refusal {
  if (!Array.isArray(value))
    return new Refusal(`${show(value)} is not a list of statuses, such as [500, 502]`)
  const wrong = value.find(code => !isStatusCode(code))
  return wrong === undefined
    ? (value as StatusCode[])
    : new Refusal(`${show(wrong)} is no HTTP status from 100 to 599, nor '4xx' or '5xx'`)
}

function readCodes(value: unknown): readonly number[] | Refusal {
  const isList = Array.isArray(value) && value.every(code => Number.isInteger(code))
  return isList ? (value as number[]) : new Refusal(`${show(value)} is not a list of codes, such as [-32603]`)
}

const readRules = recordOf(
  {
    statusCodes: option(readStatusCodes).optional(),
    jsonRpcCodes: option(readCodes).optional(),
    errors: option(functionOf('a function of an error')).optional(),
    results: option(functionOf('a function of a result')).optional(),
    except: option(functionOf('a function of a call')).optional(),
  },
  '{ statusCodes: [500, 502], jsonRpcCodes: [-32603] }, a list of statuses or a function',
)

function readTriggers(value: unknown): TriggerErrors | Refusal {
  if (isFunction(value)) return value as TriggerErrors
  return Array.isArray(value) ? readStatusCodes(value) : (readRules(value) as TriggerRules | Refusal)
}

const readBackoff = recordOf(
  { factor: option(between(1, 100)).optional(), max: option(readTime).optional() },
  "{ factor: 2, max: '5m' }",
)

const THRESHOLDS = {
  failureThreshold: option(readCount).optional(),
  failureRate: option(readShare).optional(),
  minimumVolume: option(readCount).optional(),
  window: option(readTime).optional(),
  successThreshold: option(readCount).optional(),
  timeout: option(readTime).optional(),
  backoff: option(readBackoff).optional(),
  jitter: option(between(0, 1)).optional(),
  halfOpenMax: option(readProbes).optional(),
  probeTimeout: option(readTime).optional(),
}

const store = z.unknown().check(({ value, issues }) => {
  if (value === undefined || isCustomStore(value)) return
  const read = ENGINE_OPTIONS.store.safeParse(value)
  const message = isEngine(value)
    ? "an engine decides limits, not circuits; give an object with 'get' and 'set'"
    : read.error?.issues.map(issue => issue.message).join('; ')
  if (message !== undefined) issues.push({ code: 'custom', message, input: value })
})

const OPTIONS = z.strictObject({
  ...THRESHOLDS,
  name: option(readName).optional(),
  scope: option(readScope).optional(),
  triggerErrors: option(readTriggers).optional(),
  store: store.optional(),
  prefix: ENGINE_OPTIONS.prefix,
  deadline: option(readWait).optional(),
  maxAge: option(readWait).optional(),
  maxCircuits: option(readCount).optional(),
  clock: ENGINE_OPTIONS.clock,
  random: option(functionOf('a function that answers 0 to 1')).optional(),
  ...LOG_OPTIONS,
})

/** Reads the options. @throws PolicyError listing everything that is wrong with them */
export function readBreakerOptions(options: BreakerOptions): BreakerConfig {
  const read = readBy(OPTIONS, options, 'createBreaker')
  const whole = readScope(undefined) as ScopeRule
  return {
    name: read.name ?? 'default',
    scope: read.scope ?? whole,
    triggerErrors: read.triggerErrors,
    plan: planOf(read),
    deadlineMs: cdiv(read.deadline ?? 100_000, 1000),
    maxAgeMs: cdiv(read.maxAge ?? 1_000_000, 1000),
    maxCircuits: read.maxCircuits ?? 10_000,
  }
}

/** The plan of thresholds that were given one after the other. @throws PolicyError */
export const readThresholds = (given: BreakerThresholds): CircuitPlan =>
  planOf(readBy(z.strictObject(THRESHOLDS), given, 'update'))

function readBy<S extends z.ZodRawShape>(
  schema: z.ZodObject<S, z.core.$strict>,
  input: unknown,
  what: string,
): z.output<z.ZodObject<S, z.core.$strict>> {
  if (!isRecord(input)) {
    const message = 'the options are no object; write { failureThreshold: 5 }'
    throw new PolicyError([{ path: what, value: input, message }])
  }
  const read = schema.safeParse(input)
  if (read.success) return read.data
  throw new PolicyError(optionProblems(read.error, input, what, Object.keys(schema.shape)))
}

type ReadThresholds = z.output<z.ZodObject<typeof THRESHOLDS>>

function planOf(read: ReadThresholds): CircuitPlan {
  const { failureRate, failureThreshold, minimumVolume, window = 60_000_000, timeout = 30_000_000 } = read
  const { successThreshold = 3, backoff = {}, jitter = 0, halfOpenMax = 1, probeTimeout = 30_000_000 } = read
  return {
    failuresMax: failureThreshold ?? (failureRate === undefined ? 5 : 0),
    ratePpm: Math.round((failureRate ?? 0) * PPM),
    volumeMin: minimumVolume ?? (failureRate === undefined ? 1 : 20),
    slotUs: cdiv(window, SLOTS),
    successesMin: successThreshold,
    openUs: timeout,
    factor: backoff.factor ?? 2,
    openMaxUs: Math.max(timeout, backoff.max ?? 10 * timeout),
    jitter,
    probesMax: halfOpenMax,
    leaseUs: probeTimeout,
  }
}
