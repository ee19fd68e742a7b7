import { muldiv } from './muldiv.js'
import type { QuotaPlan } from './plan.js'
import { fail, Op, Status, type Step, Write } from './step.js'
import { BACK_US } from './time.js'

/**
 * Calendar quota. State: start of the period, its end as far as the key knows, and the units used. The calendar lives
 * in the plan, which knows this period and the next. Twin of `lua/include/quota.lua`. Admits at most the total per
 * period; with `spread`, at most spreadBurst + total * elapsed / length at any time in it.
 *
 * A longer period takes the usage over; a shorter one begins at 0.
 *
 * @param n units, >= 1
 * @param at for `refund` and `rollback`: `now` of the charge in us, 0 when unknown
 * @param now us since the Unix epoch; outside the plan's periods: `Status.stalePlan`
 */
export function quota(step: Step, plan: QuotaPlan, op: Op, n: number, at: number, now: number): void {
  const { total, period1Us } = plan
  // A clock that stepped back a little over a boundary does not open the period before it again.
  let instant = now
  if (step.present) {
    const ahead = (step.state[step.cell] as number) - now
    if (ahead > 0 && ahead <= BACK_US) instant = now + ahead
  }
  if (instant < plan.period0Us || instant >= plan.period2Us) {
    fail(step, Status.stalePlan)
    return
  }
  const start = instant < period1Us ? plan.period0Us : period1Us
  const stop = instant < period1Us ? period1Us : plan.period2Us
  let used = 0
  let fresh = true
  let repair = false
  if (step.present) {
    const storedStart = step.state[step.cell] as number
    const storedStop = step.state[step.cell + 1] as number
    if (storedStart - now > BACK_US) {
      // The clock stepped back: the usage counts in the period of now.
      used = step.state[step.cell + 2] as number
      repair = used > 0
    } else if (now < storedStop && storedStart >= start) {
      used = step.state[step.cell + 2] as number
      fresh = storedStop !== stop
      // The period became longer: the key must live as long.
      repair = used > 0 && storedStop < stop
    }
  }

  let pace = total
  if (plan.spread === 1) {
    const released = plan.spreadBurst + muldiv(total, instant - start, stop - start, 0)
    if (released < total) pace = released
  }
  let next = used
  let status: Status = Status.allowed
  let granted = 0
  /** Units that were asked for and did not pass. */
  let refused = 0
  if (op === Op.consume || op === Op.peek) {
    if (used + n <= pace) {
      granted = n
      if (op === Op.consume) next = used + n
    } else if (n > total) {
      fail(step, Status.impossible)
      return
    } else {
      refused = n
    }
  } else if (op === Op.grant) {
    granted = Math.max(0, Math.min(n, pace - used))
    next = used + granted
    if (granted === 0) refused = 1
  } else if (op === Op.debit) {
    next = Math.max(used, Math.min(used + n, plan.debtLimit))
    granted = next - used
  } else if (op === Op.refund || op === Op.rollback) {
    if (at === 0 || at >= start) {
      granted = Math.min(n, used)
      next = used - granted
    }
  } else if (op !== Op.look) {
    fail(step, Status.badCheck)
    return
  }

  let waitUs = 0
  if (refused > 0) {
    status = Status.denied
    const wanted = used + refused - plan.spreadBurst
    if (used + refused <= total) {
      // Only a spread quota gets here: the pace reaches it in this period.
      waitUs = start + muldiv(stop - start, wanted, total, total - 1) - now
    } else {
      waitUs = stop - now
      if (plan.spread === 1 && refused > plan.spreadBurst) {
        // The wait reaches into the next period; how long that is the plan knows only until its own next period begins.
        if (now >= period1Us) {
          fail(step, Status.stalePlan)
          return
        }
        waitUs += muldiv(plan.period2Us - period1Us, refused - plan.spreadBurst, total, total - 1)
      }
    }
  }

  step.status = status
  step.granted = granted
  step.remaining = Math.max(0, pace - next)
  step.waitUs = waitUs
  step.resetUs = next > 0 ? stop - now : 0
  step.write = Write.none
  step.ttlUs = 0
  if (op !== Op.peek && (repair || next !== used)) {
    step.state[step.cell] = start
    step.state[step.cell + 1] = stop
    step.state[step.cell + 2] = next
    step.write = fresh ? Write.expire : Write.keep
    step.ttlUs = fresh ? stop - now : 0
  }
}
