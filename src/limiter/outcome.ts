import { capacity } from '../core/plan.js'
import { Status } from '../core/step.js'
import { Decision, type Source } from '../decision.js'
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

export function isStale({ checks }: Outcome): boolean {
  for (let i = 0; i < checks.length; i++) if (checks[i]?.status === Status.stalePlan) return true
  return false
}

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
  const verdicts = outcome.checks
  if (verdicts.length !== checks.length) {
    throw new ProtocolError(`the engine answered ${verdicts.length} checks of ${checks.length}`)
  }
  for (let i = 0; i < verdicts.length; i++) {
    const { status, nowUs = outcome.nowUs } = verdicts[i] as CheckOutcome
    if (status < 0) throw failure(checks[i] as PlannedCheck, status, nowUs, keyOf)
  }
  return Decision.of(checks, outcome, source)
}
