import { capacity } from '../core/plan.js'
import { Status } from '../core/step.js'
import { type Decided, Decision, type Source } from '../decision.js'
import type { CheckOutcome, Outcome } from '../engine/engine.js'
import {
  CheckError,
  ForeignValueError,
  ImpossibleCostError,
  ProtocolError,
  type SluiceError,
  StalePlanError,
  WrongTypeError,
} from '../errors.js'
import type { KeyBuilder } from '../keys.js'
import type { Limit } from '../policy.js'
import type { PlannedCheck } from './request.js'

/** The error that a negative status stands for. */
function failure(check: PlannedCheck, status: Status, nowUs: number, keyOf: KeyBuilder): SluiceError {
  const { limit, plan, subject } = check
  switch (status) {
    case Status.impossible:
      return new ImpossibleCostError(limit.policy, check.n, capacity(plan))
    case Status.wrongType:
      return new WrongTypeError(limit.policy, keyOf(limit, subject))
    case Status.foreignValue:
      return new ForeignValueError(limit.policy, keyOf(limit, subject))
    case Status.stalePlan:
      return new StalePlanError(limit.policy, nowUs)
    case Status.badCheck:
      return new CheckError(
        `policy '${limit.policy}': '${plan.algorithm}' does not take this operation with ${check.n} units`,
      )
    default:
      return new ProtocolError(`policy '${limit.policy}': the engine answered the unknown status ${status}`)
  }
}

export const isStale = (outcome: Outcome): boolean =>
  outcome.checks.some(({ status }) => status === Status.stalePlan)

/**
 * What the caller sees of an outcome.
 *
 * @throws the error of the first check that failed
 */
export function readOutcome(
  checks: readonly PlannedCheck[],
  outcome: Outcome,
  source: Source,
  keyOf: KeyBuilder,
): Decision {
  if (outcome.checks.length !== checks.length) {
    throw new ProtocolError(`the engine answered ${outcome.checks.length} checks of ${checks.length}`)
  }
  for (const [i, { status, nowUs }] of outcome.checks.entries()) {
    if (status < 0) throw failure(checks[i] as PlannedCheck, status, nowUs ?? outcome.nowUs, keyOf)
  }
  const { fallback } = outcome
  const said = checks.map((check, i) => {
    const limit = fallback?.limits[i] ?? check.limit
    return decided(check, limit, fallback?.id, outcome.checks[i] as CheckOutcome)
  })
  return Decision.of(said, outcome.nowUs, outcome.source ?? source)
}

const decided = (
  check: PlannedCheck,
  limit: Limit,
  fallbackId: string | undefined,
  said: CheckOutcome,
): Decided => ({
  limit,
  subject: check.subject,
  op: check.op,
  leaseId: check.leaseId,
  override: check.override,
  fallbackId,
  status: said.status,
  granted: said.granted,
  remaining: said.remaining,
  waitUs: said.waitUs,
  resetUs: said.resetUs,
  nowUs: said.nowUs,
})
