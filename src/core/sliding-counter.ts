import type { SlidingCounterPlan } from './plan.js'
import { fail, Op, Status, type Step, Write } from './step.js'
import { BACK_US, cdiv, fdiv } from './time.js'

/** Parts a window is divided into for the weight of the previous one, at most. */
const PARTS_MAX = 2 ** 24
/** No limit is above this; a count stays below it too, so that a count times `PARTS_MAX` is exact. */
const COUNT_MAX = 2 ** 27

/**
 * Sliding counter. State: start and length of the current window, the counts of the previous and the current one. The
 * previous count fades linearly over the current window. Twin of `lua/include/sliding_counter.lua`. Admits at most
 * limit * (1 + t / window) units in an interval of length t: twice the limit in one window can be reached.
 *
 * A changed window length is taken over by the next charge; until then the stored one holds.
 *
 * @param n units, >= 1
 * @param at for `refund` and `rollback`: `now` of the charge in us, 0 when unknown
 * @param now us since the Unix epoch
 */
export function slidingCounter(
  step: Step,
  plan: SlidingCounterPlan,
  op: Op,
  n: number,
  at: number,
  now: number,
): void {
  const { limit } = plan
  let start = fdiv(now, plan.windowUs) * plan.windowUs
  let length = plan.windowUs
  let previous = 0
  let current = 0
  let fresh = true
  let repair = false
  if (step.present && now < (step.state[step.cell] as number) + 2 * (step.state[step.cell + 1] as number)) {
    start = step.state[step.cell] as number
    length = step.state[step.cell + 1] as number
    previous = step.state[step.cell + 2] as number
    current = step.state[step.cell + 3] as number
    if (start - now > BACK_US) {
      // The clock stepped back: all that is known counts as of this window.
      start = fdiv(now, length) * length
      current = Math.min(previous + current, COUNT_MAX)
      previous = 0
      repair = current > 0
    } else if (now >= start + length) {
      start += length
      previous = current
      current = 0
    } else {
      fresh = false
    }
  }

  // In parts: a window has `parts` of `partUs`, of which `weight` are left; a unit weighs `parts`.
  const partUs = cdiv(length, PARTS_MAX)
  const parts = cdiv(length, partUs)
  const weight = parts - fdiv(Math.max(0, now - start), partUs)
  const level = previous * weight + current * parts
  let status: Status = Status.allowed
  let granted = 0
  /** Units that were asked for and did not pass. */
  let refused = 0
  let charge = 0
  let nextPrevious = previous
  let nextCurrent = current
  if (op === Op.consume || op === Op.peek) {
    if (level + n * parts <= limit * parts) {
      granted = n
      if (op === Op.consume) charge = n
    } else if (n > limit) {
      fail(step, Status.impossible)
      return
    } else {
      refused = n
    }
  } else if (op === Op.grant) {
    granted = Math.min(n, fdiv(Math.max(0, limit * parts - level), parts))
    charge = granted
    if (granted === 0) refused = 1
  } else if (op === Op.debit) {
    granted = Math.min(n, Math.max(0, plan.debtLimit - current))
    charge = granted
  } else if (op === Op.refund || op === Op.rollback) {
    if (at === 0 || at >= start) {
      granted = Math.min(n, current)
      nextCurrent = current - granted
    } else if (at >= start - length) {
      granted = Math.min(n, previous)
      nextPrevious = previous - granted
    }
  } else if (op !== Op.look) {
    fail(step, Status.badCheck)
    return
  }

  let waitUs = 0
  if (refused > 0) {
    status = Status.denied
    let from = start
    let left: number
    if (current + refused <= limit) {
      left = fdiv((limit - current - refused) * parts, previous)
    } else {
      // Not before the next window, in which the current count fades.
      from = start + length
      left = fdiv((limit - refused) * parts, current)
    }
    waitUs = from + Math.min(Math.max(0, parts - left) * partUs, length) - now
  } else if (charge > 0 && length === plan.windowUs) {
    nextCurrent = current + charge
  } else if (charge > 0) {
    nextCurrent = Math.min(cdiv(level, parts) + charge, COUNT_MAX)
    nextPrevious = 0
    length = plan.windowUs
    start = fdiv(now, length) * length
    fresh = true
  }

  step.status = status
  step.granted = granted
  step.remaining = fdiv(Math.max(0, limit * parts - nextPrevious * weight - nextCurrent * parts), parts)
  step.waitUs = waitUs
  step.resetUs = nextCurrent > 0 ? start + 2 * length - now : nextPrevious > 0 ? start + length - now : 0
  step.write = Write.none
  step.ttlUs = 0
  if (op !== Op.peek && (repair || nextCurrent !== current || nextPrevious !== previous)) {
    step.state[step.cell] = start
    step.state[step.cell + 1] = length
    step.state[step.cell + 2] = nextPrevious
    step.state[step.cell + 3] = nextCurrent
    step.write = fresh ? Write.expire : Write.keep
    step.ttlUs = fresh ? start + 2 * length - now : 0
  }
}
