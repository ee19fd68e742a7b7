import { RATE_LIMITED_CODE, REFUSAL_META, UNAVAILABLE_CODE } from '../decision/refusal-code.js'
import { isSluiceError } from '../errors.js'

/** What a call says of the other side; `ignore`: nothing. */
export type CallOutcome = 'success' | 'failure' | 'ignore'

/** How a call ended. */
export interface SettledCall {
  /** What it threw; undefined where it returned. */
  readonly error: unknown
  /** What it returned; undefined where it threw. */
  readonly value: unknown
  readonly threw: boolean
  /** HTTP status of the error or the value, where one has any. */
  readonly status: number | undefined
  /** Code of a JSON-RPC error, where there is one. */
  readonly jsonRpcCode: number | undefined
}

/** `'5xx'` is every status from 500 to 599. */
export type StatusCode = number | '4xx' | '5xx'

/** What counts as a failure: whatever one of these says. */
export interface TriggerRules {
  readonly statusCodes?: readonly StatusCode[] | undefined
  readonly jsonRpcCodes?: readonly number[] | undefined
  /** Of what the call threw. */
  readonly errors?: ((error: unknown) => boolean) | undefined
  /** Of what the call returned. */
  readonly results?: ((value: unknown) => boolean) | undefined
  /** Takes back what the others say. */
  readonly except?: ((call: SettledCall) => boolean) | undefined
}

/** Status codes, rules, or a function that decides alone: `true` is a failure, `false` none. */
export type TriggerErrors =
  | readonly StatusCode[]
  | TriggerRules
  | ((call: SettledCall) => boolean | CallOutcome)

/** JSON-RPC codes by which the caller is at fault, or gave up: parse error, invalid request, method, params; cancelled. */
const CALLERS_FAULT: ReadonlySet<number> = new Set([-32700, -32600, -32601, -32602, -32800])
/** Codes of refusals by a limit. */
const REFUSAL_CODES: ReadonlySet<number> = new Set([RATE_LIMITED_CODE, UNAVAILABLE_CODE])
/** Names of errors that say that the input was wrong. */
const VALIDATION: ReadonlySet<string> = new Set(['ZodError', 'ValidationError'])

/**
 * What a call says of the other side. Refusals of a breaker or limiter and calls that were given up say nothing,
 * whatever the rules are; an `AbortSignal.timeout` that struck is a failure like any.
 *
 * @param onError told of a rule that threw; the default rules decide then
 */
export function classifyCall(
  call: SettledCall,
  triggers: TriggerErrors | undefined,
  signal: AbortSignal | undefined,
  onError: (error: unknown) => void,
): CallOutcome {
  if (isRefusal(call) || wasGivenUp(call, signal)) return 'ignore'
  if (triggers === undefined) return byDefault(call)
  try {
    return byTriggers(call, triggers)
  } catch (error) {
    onError(error)
    return byDefault(call)
  }
}

export const threwCall = (error: unknown): SettledCall => settledCall(error, undefined, true)

export const returnedCall = (value: unknown): SettledCall => settledCall(undefined, value, false)

function settledCall(error: unknown, value: unknown, threw: boolean): SettledCall {
  const ended = threw ? error : value
  return { error, value, threw, status: statusOf(ended), jsonRpcCode: jsonRpcCodeOf(ended, threw) }
}

/** Has the value anything to be looked at? Most have not, and are successes. */
export const isPlain = (value: unknown): boolean => typeof value !== 'object' || value === null

function byTriggers(call: SettledCall, triggers: TriggerErrors): CallOutcome {
  if (typeof triggers === 'function') {
    const said = triggers(call)
    if (said === 'success' || said === 'failure' || said === 'ignore') return said
    return said === true ? 'failure' : otherwise(call)
  }
  const rules: TriggerRules = isList(triggers) ? { statusCodes: triggers } : triggers
  const { statusCodes = [], jsonRpcCodes = [], errors, results, except } = rules
  const { status, jsonRpcCode, threw, error, value } = call
  const isFailure =
    (status !== undefined && statusCodes.some(code => matches(status, code))) ||
    (jsonRpcCode !== undefined && jsonRpcCodes.includes(jsonRpcCode)) ||
    (threw ? errors?.(error) === true : results?.(value) === true)
  return isFailure && except?.(call) !== true ? 'failure' : otherwise(call)
}

/** What is no failure: an answer is a success, an error says nothing, and neither does a complaint about the caller. */
const otherwise = ({ threw, status = 0 }: SettledCall): CallOutcome =>
  threw || (status >= 400 && status < 500) ? 'ignore' : 'success'

function byDefault(call: SettledCall): CallOutcome {
  const { threw, status, jsonRpcCode, error, value } = call
  if (status !== undefined) return status >= 500 ? 'failure' : otherwise(call)
  if (jsonRpcCode !== undefined) return CALLERS_FAULT.has(jsonRpcCode) ? 'ignore' : 'failure'
  if (threw) return error instanceof Error && VALIDATION.has(error.name) ? 'ignore' : 'failure'
  // A tool of an MCP server that failed: what its handler threw comes as a result.
  return property(value, 'isError') === true ? 'failure' : 'success'
}

const isList = (triggers: TriggerErrors): triggers is readonly StatusCode[] => Array.isArray(triggers)

const matches = (status: number, code: StatusCode): boolean =>
  typeof code === 'number' ? status === code : Math.floor(status / 100) === Number(code[0])

function wasGivenUp({ threw, error }: SettledCall, signal: AbortSignal | undefined): boolean {
  if (!threw) return false
  if (signal?.aborted) return nameOf(signal.reason) !== 'TimeoutError'
  return nameOf(error) === 'AbortError'
}

const nameOf = (error: unknown): unknown => property(error, 'name')

/**
 * A refusal of a breaker or a limiter: an error of Sluice, a Decision, what `limitMcp` answers, or whatever says when to come
 * again: 429, or `retryAfterMs` in itself or where JSON-RPC errors and MCP results keep their data.
 */
function isRefusal({ error, value, threw, status, jsonRpcCode }: SettledCall): boolean {
  if (status === 429 || (jsonRpcCode !== undefined && REFUSAL_CODES.has(jsonRpcCode))) return true
  if (threw && isSluiceError(error)) return true
  const ended = threw ? error : value
  if (isPlain(ended)) return false
  if (property(ended, 'allowed') === false && hasRetry(ended)) return true
  if (!threw && jsonRpcCode === undefined && property(ended, 'isError') !== true) return false
  const data = [property(ended, 'data'), property(property(ended, 'error'), 'data')]
  const meta = property(ended, '_meta')
  if (property(meta, REFUSAL_META) !== undefined) return true
  return [ended, ...data, property(ended, 'structuredContent'), meta].some(hasRetry)
}

const hasRetry = (value: unknown): boolean => typeof property(value, 'retryAfterMs') === 'number'

function statusOf(ended: unknown): number | undefined {
  if (isPlain(ended)) return undefined
  const response = property(ended, 'response')
  const found = [ended, response].flatMap(holder => [
    property(holder, 'status'),
    property(holder, 'statusCode'),
  ])
  return found.find(isStatus)
}

const isStatus = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 100 && value <= 599

/** An error of JSON-RPC: thrown with its code, or returned in a response. */
function jsonRpcCodeOf(ended: unknown, threw: boolean): number | undefined {
  const code = threw ? property(ended, 'code') : property(property(ended, 'error'), 'code')
  if (typeof code !== 'number' || !Number.isInteger(code)) return undefined
  // Thrown errors of many kinds have codes above 0.
  return threw && code >= 0 ? undefined : code
}

/** Undefined also where the object does not let itself be looked at. */
function property(value: unknown, name: string): unknown {
  if (isPlain(value)) return undefined
  try {
    return Reflect.get(value as object, name)
  } catch {
    return undefined
  }
}
