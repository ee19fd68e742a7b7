import type { GcraPlan } from './plan.js'
import { fail, Op, Status, type Step, Write } from './step.js'
import { cdiv, EPOCH_2020_US, fdiv, GRANULE_TICKS } from './time.js'

/**
 * Generic cell rate algorithm. State: one integer, the theoretical arrival time in ticks of 1/8 us since 2020.
 * Twin of `lua/include/gcra.lua`. Admits at most burst + rate * t units in any interval of length t.
 *
 * @param n units, >= 1
 * @param at for `refund` and `rollback`: `now` of the charge in us, 0 when unknown
 * @param now us since the Unix epoch
 */
export function gcra(step: Step, plan: GcraPlan, op: Op, n: number, at: number, now: number): void {
  const { interval, cap, debtCap, horizon } = plan
  const nowTicks = (now - EPOCH_2020_US) * 8
  const stored = step.present ? (step.state[0] as number) : nowTicks
  let backlog = stored - nowTicks
  let repair = false
  if (backlog < 0) {
    backlog = 0
  } else if (backlog > horizon) {
    backlog = horizon
    repair = true
  }

  let next = backlog
  let status: Status = Status.allowed
  let granted = 0
  let waitUs = 0
  if (op === Op.consume || op === Op.peek) {
    const reached = backlog + n * interval
    if (reached <= cap) {
      granted = n
      if (op === Op.consume) next = reached
    } else if (n > plan.burst) {
      fail(step, Status.impossible)
      return
    } else {
      status = Status.denied
      waitUs = cdiv(reached - cap, 8)
    }
  } else if (op === Op.grant) {
    const room = cap - backlog
    if (room < interval) {
      status = Status.denied
      waitUs = cdiv(backlog + interval - cap, 8)
    } else {
      granted = Math.min(n, fdiv(room, interval))
      next = backlog + granted * interval
    }
  } else if (op === Op.debit) {
    const units = Math.min(n, fdiv(debtCap, interval))
    next = Math.min(backlog + units * interval, Math.max(backlog, debtCap))
    granted = fdiv(next - backlog, interval)
  } else if (op === Op.refund || op === Op.rollback) {
    let back = Math.min(n, fdiv(horizon, interval)) * interval
    if (op === Op.rollback) {
      if (now > at) back -= 8 * (now - at)
    } else if (at !== 0 && now - at > plan.settleUs) {
      back = 0
    }
    if (back > 0) next = Math.max(0, backlog - back)
    granted = fdiv(backlog - next, interval)
  } else if (op !== Op.look) {
    fail(step, Status.badCheck)
    return
  }

  step.status = status
  step.granted = granted
  step.remaining = next < cap ? fdiv(cap - next, interval) : 0
  step.waitUs = waitUs
  step.resetUs = cdiv(next, 8)
  step.write = Write.none
  step.ttlUs = 0
  if (op !== Op.peek && (repair || next !== backlog)) {
    const value = nowTicks + next
    step.state[0] = value
    const granule = fdiv(value, GRANULE_TICKS)
    const renew = !step.present || granule > fdiv(stored, GRANULE_TICKS)
    step.write = renew ? Write.expire : Write.keep
    step.ttlUs = renew ? cdiv((granule + 2) * GRANULE_TICKS - nowTicks, 8) : 0
  }
}
