import { z } from 'zod'
import { ALGORITHMS } from '../core/plan.js'
import { Op } from '../core/step.js'
import type { Charge, Receipt } from '../decision.js'
import { CheckError, ReceiptError } from '../errors.js'
import type { PolicyTable } from './policy-table.js'
import { type PlannedCheck, readUnits } from './request.js'

const units = z.int().min(1)

/** A receipt may have been away as JSON, so nothing of it is taken on trust. */
const RECEIPT = z.strictObject({
  charges: z
    .array(
      z.strictObject({
        policy: z.string(),
        limit: z.string(),
        algorithm: z.enum(ALGORITHMS),
        subject: z.string().min(1),
        units,
        atUs: z.int().min(0),
        leaseId: z.string().min(1).optional(),
        override: z.strictObject({ limit: units, burst: units.optional() }).optional(),
        fallbackId: z.string().min(1).optional(),
      }),
    )
    .min(1)
    .max(16),
})

function readReceipt(receipt: unknown): readonly Charge[] {
  if (receipt === undefined) {
    throw new ReceiptError(
      'there is no receipt: a decision that charged nothing has none; refund only where one is',
    )
  }
  const read = RECEIPT.safeParse(receipt)
  if (!read.success) {
    throw new ReceiptError(
      `this is not the receipt of a decision; pass decision.receipt, or what JSON made of it:\n${z.prettifyError(read.error)}`,
    )
  }
  const { charges } = receipt as Receipt
  if (charges.some(({ fallbackId }) => fallbackId !== charges[0]?.fallbackId)) {
    throw new ReceiptError(
      'these are charges of several receipts, which were not decided in the same place; refund each receipt by itself',
    )
  }
  return charges
}

/**
 * The checks that give back what a receipt names. A charge whose counter an update of the policies took away is left out.
 *
 * @throws ReceiptError when it is no receipt, or none of its counters is left
 */
export function planRefund(
  table: PolicyTable,
  receipt: unknown,
  part: number | undefined,
): readonly PlannedCheck[] {
  const charges = readReceipt(receipt)
  const checks = charges.flatMap(charge => {
    const { policy, subject, algorithm, atUs, leaseId, override, fallbackId } = charge
    const n =
      part === undefined
        ? charge.units
        : readUnits(part, `units to refund to policy '${policy}'`, charge.units)
    const own = table
      .find(policy)
      ?.limits.find(({ keyName, plan }) => keyName === charge.limit && plan.algorithm === algorithm)
    if (own === undefined) return []
    const limit = override === undefined ? own : own.withLimit(override)
    const fallback = fallbackId === undefined ? {} : { fallbackId }
    const check = { limit, plan: limit.plan, subject, op: Op.refund, n, at: atUs, override, ...fallback }
    if (leaseId === undefined) return [check]
    if (n < charge.units) {
      throw new CheckError(
        `units to refund to policy '${policy}': a lease of ${charge.units} units is released as a whole, not ${n} of them`,
      )
    }
    // Whatever the time of the charge: a lease that has ended is not there to be released.
    return [{ ...check, at: 0, leaseId }]
  })
  if (checks.length === 0) {
    const [{ policy, algorithm }] = charges as readonly [Charge]
    throw new ReceiptError(
      `no counter of this receipt is left: there is no limit by '${algorithm}' in a policy '${policy}' any more`,
    )
  }
  return checks
}
