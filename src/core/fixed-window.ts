import type { FixedWindowPlan } from './plan.js'
import { fail, Op, Status, type Step, Write } from './step.js'
import { BACK_US, fdiv } from './time.js'

/**
 * Fixed window. State: start, end and count. Twin of `lua/include/fixed_window.lua`. Admits at most the limit per
 * window, so up to twice the limit in an interval as long as a window.
 *
 * A window is never lengthened: its end is stored, and a shorter `windowUs` cuts it short.
 *
 * @param n units, >= 1
 * @param at for `refund` and `rollback`: `now` of the charge in us, 0 when unknown
 * @param now us since the Unix epoch
 */
export function fixedWindow(
  step: Step,
  plan: FixedWindowPlan,
  op: Op,
  n: number,
  at: number,
  now: number,
): void {
  const { limit, windowUs } = plan
  const origin =
    plan.clockAnchored === 1 ? fdiv(now - plan.offsetUs, windowUs) * windowUs + plan.offsetUs : now
  let start = origin
  let stop = origin + windowUs
  let count = 0
  let running = false
  let repair = false
  if (step.present) {
    const storedStart = step.state[step.cell] as number
    count = step.state[step.cell + 2] as number
    if (storedStart - now > BACK_US) {
      // The clock stepped back: the count stays, in a window that begins now.
      repair = count > 0
    } else {
      const storedStop = Math.min(step.state[step.cell + 1] as number, storedStart + windowUs)
      running = now < storedStop
      if (running) {
        start = storedStart
        stop = storedStop
      } else {
        count = 0
      }
    }
  }

  let next = count
  let status: Status = Status.allowed
  let granted = 0
  let waitUs = 0
  if (op === Op.consume || op === Op.peek) {
    if (count + n <= limit) {
      granted = n
      if (op === Op.consume) next = count + n
    } else if (n > limit) {
      fail(step, Status.impossible)
      return
    } else {
      status = Status.denied
      waitUs = stop - now
    }
  } else if (op === Op.grant) {
    granted = Math.max(0, Math.min(n, limit - count))
    if (granted > 0) {
      next = count + granted
    } else {
      status = Status.denied
      waitUs = stop - now
    }
  } else if (op === Op.debit) {
    next = Math.max(count, Math.min(count + n, plan.debtLimit))
    granted = next - count
  } else if (op === Op.refund || op === Op.rollback) {
    if (at === 0 || at >= start) {
      granted = Math.min(n, count)
      next = count - granted
    }
  } else if (op !== Op.look) {
    fail(step, Status.badCheck)
    return
  }

  step.status = status
  step.granted = granted
  step.remaining = Math.max(0, limit - next)
  step.waitUs = waitUs
  step.resetUs = next > 0 ? stop - now : 0
  step.write = Write.none
  step.ttlUs = 0
  if (op !== Op.peek && (repair || next !== count)) {
    step.state[step.cell + 2] = next
    if (running) {
      // Only the count moves; the window and the expiry stay.
      step.write = Write.keep
    } else {
      step.state[step.cell] = start
      step.state[step.cell + 1] = stop
      step.write = Write.expire
      step.ttlUs = stop - now
    }
  }
}
