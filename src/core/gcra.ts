import type { GcraPlan } from './plan.js'
import { fail, Op, Status, type Step, Write } from './step.js'
import { cdiv, EPOCH_2020_US, fdiv, GRANULE_TICKS } from './time.js'

// Of this module: V8 takes them for the constants they are, where it looks imported ones up at each use.
const { consume, peek, look, grant, debit, refund, rollback } = Op
const { allowed, denied, impossible, badCheck } = Status
const { none, keep, expire } = Write
const EPOCH_US = EPOCH_2020_US
const GRANULE = GRANULE_TICKS

/**
 * Generic cell rate algorithm. State: one integer, the theoretical arrival time in ticks of 1/8 us since 2020.
 * Twin of `lua/include/gcra.lua`. Admits at most burst + rate * t units in any interval of length t.
 *
 * @param n units, >= 1
 * @param at for `refund` and `rollback`: `now` of the charge in us, 0 when unknown
 * @param now us since the Unix epoch
 */
export function gcra(step: Step, plan: GcraPlan, op: Op, n: number, at: number, now: number): void {
  const { interval, cap, horizon } = plan
  const { state, cell, present } = step
  const nowTicks = (now - EPOCH_US) * 8
  const stored = present ? (state[cell] as number) : nowTicks
  const ahead = stored - nowTicks
  let backlog = ahead
  if (ahead < 0) backlog = 0
  else if (ahead > horizon) backlog = horizon

  let next = backlog
  step.status = allowed
  step.granted = 0
  step.waitUs = 0
  step.write = none
  step.ttlUs = 0
  if (op === consume || op === peek) {
    const reached = backlog + n * interval
    if (reached <= cap) {
      step.granted = n
      if (op === consume) next = reached
    } else if (n > plan.burst) {
      fail(step, impossible)
      return
    } else {
      step.status = denied
      step.waitUs = cdiv(reached - cap, 8)
    }
  } else if (op !== look) {
    next = moved(step, plan, op, n, at, now, backlog)
    if (step.status < denied) return
  }

  step.remaining = next < cap ? fdiv(cap - next, interval) : 0
  step.resetUs = cdiv(next, 8)
  const isRepair = ahead > horizon
  if (op === peek || (next === backlog && !isRepair)) return
  const value = nowTicks + next
  state[cell] = value
  const granule = fdiv(value, GRANULE)
  if (present && granule <= fdiv(stored, GRANULE)) {
    step.write = keep
  } else {
    step.write = expire
    step.ttlUs = cdiv((granule + 2) * GRANULE - nowTicks, 8)
  }
}

/**
 * The backlog after an op that is none of the frequent ones. Apart from those: a function that is short is compiled into its
 * caller.
 */
function moved(
  step: Step,
  plan: GcraPlan,
  op: Op,
  n: number,
  at: number,
  now: number,
  backlog: number,
): number {
  const { interval, cap, debtCap, horizon } = plan
  let next = backlog
  if (op === grant) {
    const room = cap - backlog
    if (room < interval) {
      step.status = denied
      step.waitUs = cdiv(backlog + interval - cap, 8)
    } else {
      step.granted = Math.min(n, fdiv(room, interval))
      next = backlog + step.granted * interval
    }
  } else if (op === debit) {
    const units = Math.min(n, fdiv(debtCap, interval))
    next = Math.min(backlog + units * interval, Math.max(backlog, debtCap))
    step.granted = fdiv(next - backlog, interval)
  } else if (op === refund || op === rollback) {
    let back = Math.min(n, fdiv(horizon, interval)) * interval
    if (op === rollback) {
      if (now > at) back -= 8 * (now - at)
    } else if (at !== 0 && now - at > plan.settleUs) {
      back = 0
    }
    if (back > 0) next = Math.max(0, backlog - back)
    step.granted = fdiv(backlog - next, interval)
  } else {
    fail(step, badCheck)
  }
  return next
}
