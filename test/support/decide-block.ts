import { PLAN_ROW_LENGTH, type Plan, planRow } from '../../src/core/plan.js'
import type { Op } from '../../src/core/step.js'

/** One check as it goes over the wire. `at` is the place of the lease id where the plan is `concurrency`. */
export interface WireCheck {
  readonly plan: Plan
  readonly op: Op
  readonly n: number
  readonly at: number
}

/** What the reply says of one check. */
export interface WireOutcome {
  readonly status: number
  readonly granted: number
  readonly remaining: number
  readonly waitUs: number
  readonly resetUs: number
}

/** Place of the first lease id in `ARGV`: the block is before it. */
export const FIRST_LEASE_PLACE = 2

const VERSION = 1
const HEADER_LENGTH = 5
const COLUMNS = 5
/** Doubles of a reply before its checks, and for each of them. */
export const REPLY_HEADER_LENGTH = 3
export const OUTCOME_LENGTH = 5

/**
 * The block of doubles that `decide` takes, as `lua/README.md` lays it out: written for the tests once more, so that
 * they do not depend on the writer they test.
 *
 * @param requests each of 1 to 16 checks
 */
export function encodeBlock(nowUs: number, requests: readonly (readonly WireCheck[])[]): Buffer {
  const checks = requests.flat()
  const plans = [...new Set(checks.map(check => check.plan))]
  const block = new Float64Array(HEADER_LENGTH + PLAN_ROW_LENGTH * plans.length + COLUMNS * checks.length)
  block.set([VERSION, nowUs, plans.length, checks.length, COLUMNS])
  for (const [i, plan] of plans.entries()) block.set(planRow(plan), HEADER_LENGTH + PLAN_ROW_LENGTH * i)
  const sizes = requests.flatMap(request => request.map((_, i) => (i === 0 ? request.length : 0)))
  for (const [i, { plan, n, op, at }] of checks.entries()) {
    const row = [plans.indexOf(plan) + 1, n, op, at, sizes[i] as number]
    for (const [column, value] of row.entries()) {
      block[HEADER_LENGTH + PLAN_ROW_LENGTH * plans.length + column * checks.length + i] = value
    }
  }
  return Buffer.from(block.buffer)
}

/** When it was decided, us since the Unix epoch. */
export const readNowUs = (reply: Buffer): number => reply.readDoubleLE(8)

/** The outcomes in a reply of `decide`. */
export function decodeReply(reply: Buffer): WireOutcome[] {
  const count = reply.readDoubleLE(8 * (REPLY_HEADER_LENGTH - 1))
  return Array.from({ length: count }, (_, i) => {
    const at = 8 * (REPLY_HEADER_LENGTH + OUTCOME_LENGTH * i)
    return {
      status: reply.readDoubleLE(at),
      granted: reply.readDoubleLE(at + 8),
      remaining: reply.readDoubleLE(at + 16),
      waitUs: reply.readDoubleLE(at + 24),
      resetUs: reply.readDoubleLE(at + 32),
    }
  })
}
