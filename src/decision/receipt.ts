import type { Algorithm } from '../core/plan.js'
import { Op } from '../core/step.js'
import type { LimitOverride } from '../policy.js'
import type { Decided } from './check-state.js'

/** One charge of a receipt: what has to be known to give it back. */
export interface Charge {
  /** Name of the policy the units were charged to. */
  readonly policy: string
  /** The limit within the policy: its part of the key. */
  readonly limit: string
  readonly algorithm: Algorithm
  /** The subject in its canonical form. */
  readonly subject: string
  /** Units charged. */
  readonly units: number
  /** The store's clock at the charge, us since the Unix epoch. */
  readonly atUs: number
  /** `concurrency` only: who holds the units. */
  readonly leaseId?: string
  /** Where the call had another limit than the policy: units are worth what they were charged at. */
  readonly override?: LimitOverride
  /** Charged while the store could not be asked, by the limiter of this id: only there can it be given back. */
  readonly fallbackId?: string
}

/** What `refund` needs: plain data, safe to keep as JSON. It is not signed: take none from people you do not trust. */
export interface Receipt {
  readonly charges: readonly Charge[]
}

/** The receipt of a request that passed; undefined when it charged nothing. */
export function receiptOf(checks: readonly Decided[], nowUs: number): Receipt | undefined {
  const charged = checks.filter(check => charges(check.op) && check.granted > 0)
  return charged.length === 0
    ? undefined
    : { charges: charged.map(check => charge(check, check.nowUs ?? nowUs)) }
}

const charges = (op: Op): boolean => op === Op.consume || op === Op.grant || op === Op.debit

function charge(check: Decided, nowUs: number): Charge {
  const { limit, subject, granted, leaseId, override, fallbackId } = check
  const { plan } = limit
  // A shaped call starts when all before it have drained; only that instant tells whether it is the last in the queue.
  const queued = plan.algorithm === 'leaky_bucket' && plan.shape === 1
  return {
    policy: limit.policy,
    limit: limit.keyName,
    algorithm: plan.algorithm,
    subject,
    units: granted,
    atUs: queued ? nowUs + check.resetUs : nowUs,
    ...(leaseId !== undefined && { leaseId }),
    ...(override !== undefined && { override }),
    ...(fallbackId !== undefined && { fallbackId }),
  }
}
