import type { BucketPlan } from './plan.js'
import { fail, Op, Status, type Step, Write } from './step.js'
import { BACK_US, cdiv, fdiv, GRANULE_US } from './time.js'

/**
 * Token bucket and leaky bucket. State: at `since` the level is exactly `count - drained / drainUs` units; the key ends
 * at `keyEnd` or later. Twin of `lua/include/token_bucket.lua`. Admits at most burst + rate * t units in any interval of
 * length t, and a call if and only if the real level leaves room for it.
 *
 * A level above the plan's is clipped as of `since`: a lowered limit drains from then on without a write, and a wait
 * that was told stays true.
 *
 * @param n units, >= 1
 * @param at for `refund` and `rollback`: `now` of the charge in us, 0 when unknown; to refund in shape mode: `now` and
 * `resetUs` of the charge added up, and only the last call in the queue can be given back
 * @param now us since the Unix epoch
 */
export function tokenBucket(step: Step, plan: BucketPlan, op: Op, n: number, at: number, now: number): void {
  const { burst, debtLimit, drainUnits, drainUs, emptyAfterUs } = plan
  let since = now
  let count = 0
  let drained = 0
  let keyEnd = 0
  let repair = false
  if (step.present) {
    since = step.state[step.cell] as number
    count = Math.min(step.state[step.cell + 1] as number, debtLimit)
    if (step.state[step.cell + 3] === drainUs) drained = step.state[step.cell + 2] as number
    keyEnd = step.state[step.cell + 4] as number
    if (since - now > BACK_US) {
      since = now
      repair = count > 0
    }
    const elapsed = now - since
    if (elapsed >= emptyAfterUs) {
      count = 0
    } else if (elapsed > 0) {
      const gone = drained + elapsed * drainUnits
      const units = fdiv(gone, drainUs)
      if (units < count) {
        count -= units
        drained = gone - units * drainUs
        since = now
      } else {
        count = 0
      }
    }
    if (count === 0) {
      since = now
      drained = 0
    }
  }

  let next = count
  let nextDrained = drained
  let status: Status = Status.allowed
  let granted = 0
  /** Units that drain before the call may start, or pass. */
  let ahead = 0
  if (op === Op.consume || op === Op.peek) {
    if (count + n <= burst) {
      granted = n
      if (plan.shape === 1) ahead = count
      if (op === Op.consume) next = count + n
    } else if (n > burst) {
      fail(step, Status.impossible)
      return
    } else {
      status = Status.denied
      ahead = count + n - burst
    }
  } else if (op === Op.grant) {
    granted = Math.max(0, Math.min(n, burst - count))
    if (granted > 0) {
      if (plan.shape === 1) ahead = count
      next = count + granted
    } else {
      status = Status.denied
      ahead = count + 1 - burst
    }
  } else if (op === Op.debit) {
    next = Math.max(count, Math.min(count + n, debtLimit))
    granted = next - count
  } else if (op === Op.refund) {
    const due =
      plan.shape === 1
        ? at === since + cdiv(count * drainUs - drained, drainUnits)
        : at === 0 || now - at <= plan.settleUs
    if (due) {
      granted = Math.min(n, count)
      next = count - granted
    }
  } else if (op === Op.rollback) {
    const age = Math.max(0, now - at)
    const back = age < emptyAfterUs ? Math.min(n, debtLimit) * drainUs - age * drainUnits : 0
    if (back > 0) {
      const level = Math.max(0, count * drainUs - drained - back)
      next = cdiv(level, drainUs)
      nextDrained = next * drainUs - level
      granted = count - next
    }
  } else if (op !== Op.look) {
    fail(step, Status.badCheck)
    return
  }
  if (next === 0) {
    since = now
    nextDrained = 0
  }

  step.status = status
  step.granted = granted
  step.remaining = Math.max(0, burst - next)
  step.waitUs = ahead > 0 ? since - now + cdiv(ahead * drainUs - drained, drainUnits) : 0
  step.resetUs = next > 0 ? since - now + cdiv(next * drainUs - nextDrained, drainUnits) : 0
  step.write = Write.none
  step.ttlUs = 0
  if (op === Op.peek) return
  const emptyAt = now + step.resetUs
  if (next !== count || nextDrained !== drained) {
    step.state[step.cell] = since
    step.state[step.cell + 1] = next
    step.state[step.cell + 2] = nextDrained
    step.state[step.cell + 3] = drainUs
  } else if (repair) {
    step.state[step.cell] = now
  } else if (count === 0 || emptyAt <= keyEnd) {
    return
  }
  if (emptyAt <= keyEnd) {
    step.write = Write.keep
  } else {
    step.state[step.cell + 4] = emptyAt + GRANULE_US
    step.write = Write.expire
    step.ttlUs = step.resetUs + GRANULE_US
  }
}
