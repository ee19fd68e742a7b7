import { LEASE_UNITS_MAX } from '../core/plan.js'
import { Op } from '../core/step.js'
import type { Check, Outcome } from '../engine/engine.js'
import { CheckError } from '../errors.js'
import { show } from '../policy/refusal.js'
import type { CompiledPolicy, LimitOverride, PolicyLimit } from '../policy.js'
import { identify, type Subject } from '../subject.js'
import type { CostOptions, OverrideOptions } from './types.js'

/** Checks of one request, as the contract of engines has it. */
const CHECKS_MAX = 16

/** A check with what the limiter needs beyond the engine. */
export interface PlannedCheck extends Check {
  readonly limit: PolicyLimit
  readonly override: LimitOverride | undefined
}

/** An integer >= 1, or a CheckError that names the value and the place. */
export function readUnits(value: unknown, place: string, most = Number.MAX_SAFE_INTEGER): number {
  if (typeof value === 'number' && value >= 1 && value <= most && Number.isInteger(value)) return value
  const accepted =
    most === Number.MAX_SAFE_INTEGER
      ? 'a whole number of at least 1; where there is nothing to count, do not ask'
      : `a whole number from 1 to ${most}`
  throw new CheckError(`${place}: ${show(value)} is not ${accepted}`)
}

/** What a check costs. The hot path asks first whether it is given at all. */
export const readCost = (cost: unknown, policy: string): number =>
  readUnits(cost, `the cost for policy '${policy}'`)

const isConcurrency = (limit: PolicyLimit): boolean => limit.plan.algorithm === 'concurrency'

/** The limit as the call wants it: the policy's, or one with other numbers on the same key. */
function overridden(
  policy: CompiledPolicy,
  limit: PolicyLimit,
  override: LimitOverride | undefined,
): PolicyLimit {
  if (override === undefined) return limit
  if (policy.limits.length > 1) {
    throw new CheckError(
      `policy '${policy.name}' has ${policy.limits.length} limits, so a 'limit' for one call does not say which it means; ` +
        `make a policy of each and check them together with checkAll`,
    )
  }
  return limit.withLimit(override)
}

function readOverride(policy: CompiledPolicy, { limit, burst }: OverrideOptions): LimitOverride | undefined {
  if (limit !== undefined) return burst === undefined ? { limit } : { limit, burst }
  if (burst === undefined) return undefined
  throw new CheckError(
    `policy '${policy.name}': a 'burst' of ${show(burst)} for one call needs a 'limit' beside it`,
  )
}

/**
 * The checks of one policy and subject: one for each limit of the policy.
 *
 * @param checks those of the request so far, to which they are added
 */
export function planChecks(
  policy: CompiledPolicy,
  subject: Subject,
  op: Op,
  options: CostOptions = {},
  checks: PlannedCheck[] = [],
): PlannedCheck[] {
  const { name, limits } = policy
  const identity = identify(policy, subject)
  const n = options.cost === undefined ? 1 : readCost(options.cost, name)
  const override = readOverride(policy, options)
  for (const configured of limits) {
    if (op !== Op.peek && isConcurrency(configured)) {
      throw new CheckError(
        `policy '${name}' has a concurrency limit, whose units are held and not used up: call acquire`,
      )
    }
    const limit = overridden(policy, configured, override)
    checks.push({ limit, plan: limit.plan, subject: identity, op, n, at: 0, override })
  }
  return checks
}

/** Whether checks of several policies and subjects can be one request. @throws CheckError where they cannot */
export function assertOneRequest({ length }: readonly PlannedCheck[]): void {
  if (length === 0) throw new CheckError('checkAll: the list of checks is empty; give at least one')
  if (length > CHECKS_MAX) {
    throw new CheckError(
      `checkAll: ${length} checks in one request, counting each limit of a policy; the most is ${CHECKS_MAX}`,
    )
  }
}

/** The check of `reset`, `block` and `unblock` on one limit of the policy, to be sent alone. */
export function planWholeKey(
  policy: CompiledPolicy,
  subject: Subject,
  index: number,
  op: Op,
  n: number,
): PlannedCheck {
  const limit = policy.limits[index] as PolicyLimit
  return { limit, plan: limit.plan, subject: identify(policy, subject), op, n, at: 0, override: undefined }
}

export interface AcquireRequest extends OverrideOptions {
  readonly leaseId: string
  readonly units?: number
  readonly cost?: number
  readonly leaseUs?: number
}

/** The checks of `acquire`: units of the concurrency limits under a lease id, a cost of the others. */
export function planAcquire(
  policy: CompiledPolicy,
  subject: Subject,
  request: AcquireRequest,
): readonly PlannedCheck[] {
  const { name, limits } = policy
  const { leaseId, leaseUs } = request
  if (!limits.some(isConcurrency)) {
    throw new CheckError(
      `policy '${name}' has no concurrency limit, so there is nothing to hold; call check, or give the policy one: ` +
        `{ algorithm: 'concurrency', limit: 10 }`,
    )
  }
  const identity = identify(policy, subject)
  const units =
    request.units === undefined
      ? 1
      : readUnits(request.units, `the units for policy '${name}'`, LEASE_UNITS_MAX)
  const cost = request.cost === undefined ? 1 : readCost(request.cost, name)
  const override = readOverride(policy, request)
  return limits.map(configured => {
    const limit = overridden(policy, configured, override)
    const { plan } = limit
    const common = { limit, subject: identity, op: Op.consume, at: 0, override }
    if (plan.algorithm !== 'concurrency') return { ...common, plan, n: cost }
    return { ...common, plan: leaseUs === undefined ? plan : { ...plan, leaseUs }, n: units, leaseId }
  })
}

/** The same checks with the plans of when they were asked: `quota` knows only the calendar periods around the last one. */
export const replan = (checks: readonly PlannedCheck[], outcome: Outcome): readonly PlannedCheck[] =>
  checks.map((check, i) =>
    check.plan.algorithm === 'quota'
      ? { ...check, plan: check.limit.planAt(outcome.checks[i]?.nowUs ?? outcome.nowUs) }
      : check,
  )
