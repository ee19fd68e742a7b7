import type { SlidingWindowPlan } from './plan.js'
import { fail, Op, Status, type Step, Write } from './step.js'
import { BACK_US, cdiv, GRANULE_US } from './time.js'

/**
 * The state: a log of admissions. Pair k, from 1, is at 2k and says that up to time t the running total was s; times do
 * not descend, totals ascend. Units of the total up to b are dead: given back, or cut off with their pairs. Stored as
 * these doubles one after the other: `b, u, t1, s1, t2, s2, …`, where u is the end of the key that is known to be safe.
 */
export interface WindowLog {
  numbers: Float64Array
  /** Doubles of `numbers` in use: 2 + 2 for each pair, at least 4. */
  length: number
}

/** What a decision does to a log. Registers, like `Step`: one object serves all calls of an engine. */
export interface LogChange {
  /** The pairs before this one are dropped; count + 1 drops all. */
  firstKept: number
  /** Taken off every total kept. */
  shift: number
  /** Time of the last pair kept. */
  lastUs: number
  /** 0 adds no entry; else the time of the entry, which joins the last pair when that has the same time. */
  entryUs: number
  /** Running total at the entry, after the shift. */
  entryTotal: number
  /** b and u, to be stored. */
  deadTotal: number
  endUs: number
}

export const createLogChange = (): LogChange => ({
  firstKept: 1,
  shift: 0,
  lastUs: 0,
  entryUs: 0,
  entryTotal: 0,
  deadTotal: 0,
  endUs: 0,
})

/** Totals start at 0 again before they pass this. */
export const LOG_TOTAL_MAX = 2 ** 52

const TIME = 0
const TOTAL = 1

/**
 * Sliding window over an exact log. Twin of `lua/include/sliding_window.lua`. Admits at most the limit in every
 * interval as long as the window; a `resolutionUs` above 1 bounds the log and refuses up to that much longer.
 *
 * Reads the log and leaves the decision in `step` and, when `step.write` is not `none`, what becomes of the log in
 * `change`: see `applyLogChange`. `step.state` and `step.present` are not used.
 *
 * @param log undefined when the key is absent
 * @param n units, >= 1
 * @param at for `refund` and `rollback`: `now` of the charge in us, 0 when unknown
 * @param now us since the Unix epoch
 */
export function slidingWindow(
  step: Step,
  change: LogChange,
  plan: SlidingWindowPlan,
  log: WindowLog | undefined,
  op: Op,
  n: number,
  at: number,
  now: number,
): void {
  const { limit, windowUs, debtLimit, resolutionUs } = plan
  const cutoff = now - windowUs
  let count = 0
  let deadTotal = 0
  let endUs = 0
  let lastUs = 0
  let total = 0
  let oldest = 1
  let passed = 0
  let base = 0
  let moved = false
  if (log !== undefined) {
    const { numbers, length } = log
    count = length / 2 - 1
    deadTotal = numbers[0] as number
    endUs = numbers[1] as number
    lastUs = numbers[length - 2] as number
    total = numbers[length - 1] as number
    base = deadTotal
    if (lastUs - now > BACK_US + resolutionUs) {
      // The clock stepped back: what is in use counts as taken now.
      moved = true
      oldest = total > base ? count : count + 1
      lastUs = now
    } else if ((numbers[2] as number) <= cutoff) {
      oldest = firstAbove(numbers, TIME, cutoff, 2, count)
      passed = numbers[2 * oldest - 1] as number
      if (passed > base) base = passed
    }
  }
  const used = total - base

  let status: Status = Status.allowed
  let granted = 0
  let taken = 0
  let given = 0
  let over = 0
  if (op === Op.consume || op === Op.peek) {
    if (used + n <= limit) {
      granted = n
      if (op === Op.consume) taken = n
    } else if (n > limit) {
      fail(step, Status.impossible)
      return
    } else {
      status = Status.denied
      over = used + n - limit
    }
  } else if (op === Op.grant) {
    granted = Math.min(n, Math.max(0, limit - used))
    taken = granted
    if (granted === 0) {
      status = Status.denied
      over = used + 1 - limit
    }
  } else if (op === Op.debit) {
    granted = Math.min(n, Math.max(0, debtLimit - used))
    taken = granted
  } else if (op === Op.refund || op === Op.rollback) {
    if (at === 0 || at > cutoff) given = Math.min(n, used)
    granted = given
  } else if (op !== Op.look) {
    fail(step, Status.badCheck)
    return
  }

  let waitUs = 0
  if (over > 0) {
    // The units in front must leave the window; the last of them leaves with the first pair that reaches it.
    let leavesUs = lastUs
    if (log !== undefined && !moved) {
      leavesUs = log.numbers[2 * firstAbove(log.numbers, TOTAL, base + over - 1, oldest, count - 1)] as number
    }
    waitUs = leavesUs + windowUs - now
  }
  let entryUs = lastUs
  if (taken > 0) entryUs = Math.max(lastUs, cdiv(now, resolutionUs) * resolutionUs)
  const next = used + taken - given

  step.status = status
  step.granted = granted
  step.remaining = next < limit ? limit - next : 0
  step.waitUs = waitUs
  step.resetUs = next > 0 ? entryUs + windowUs - now : 0
  step.write = Write.none
  step.ttlUs = 0
  if (op === Op.peek) return

  let renew = next > 0 && entryUs + windowUs > endUs
  const charged = taken + given > 0
  if (!charged && !(renew || (moved && used > 0))) return

  const pushed = taken > 0 && (count === 0 || entryUs > lastUs)
  let firstKept = 1
  let whole = moved || count === 0 || total + taken > LOG_TOTAL_MAX
  if (moved) {
    firstKept = oldest
  } else if (log !== undefined && (pushed || whole)) {
    // Pairs of which every unit is dead, by age or given back. They are cut off once they are more than half.
    let live = oldest
    if (base > passed) live = firstAbove(log.numbers, TOTAL, base, oldest, count)
    if (2 * (live - 1) > count) whole = true
    if (whole) firstKept = live
  }
  let shift = 0
  if (whole) {
    renew = true
    deadTotal = base
    if (firstKept > count || total + taken > LOG_TOTAL_MAX) shift = base
  }
  if (given > 0) deadTotal = base + given
  if (renew) endUs = entryUs + windowUs + GRANULE_US

  change.firstKept = firstKept
  change.shift = shift
  change.lastUs = lastUs
  change.entryUs = taken > 0 ? entryUs : 0
  change.entryTotal = total + taken - shift
  change.deadTotal = deadTotal - shift
  change.endUs = endUs
  step.write = renew ? Write.expire : Write.keep
  step.ttlUs = renew ? endUs - now : 0
}

/** The first pair from `low` to `high` whose time or total is above `bound`; `high + 1` when there is none. */
function firstAbove(numbers: Float64Array, field: number, bound: number, low: number, high: number): number {
  let first = low
  let last = high
  while (first <= last) {
    const middle = (first + last) >>> 1
    if ((numbers[2 * middle + field] as number) > bound) last = middle - 1
    else first = middle + 1
  }
  return first
}

/**
 * Carries out what the last decision left in `change`, in place.
 *
 * @param log the log that was decided on; undefined makes a new one
 * @returns the log
 */
export function applyLogChange(log: WindowLog | undefined, change: LogChange): WindowLog {
  const target = log ?? { numbers: new Float64Array(4), length: 2 }
  const dropped = 2 * (change.firstKept - 1)
  const kept = target.length - dropped
  if (dropped > 0) {
    // What a busy hour needed is given back here.
    const numbers = new Float64Array(2 * kept + 2)
    numbers.set(target.numbers.subarray(2 + dropped, target.length), 2)
    target.numbers = numbers
    target.length = kept
  }
  const { shift } = change
  if (shift > 0) {
    for (let i = 3; i < kept; i += 2) target.numbers[i] = (target.numbers[i] as number) - shift
  }
  if (kept > 2) target.numbers[kept - 2] = change.lastUs
  if (change.entryUs > 0) {
    if (kept === 2 || change.entryUs > change.lastUs) append(target, change.entryUs)
    target.numbers[target.length - 1] = change.entryTotal
  }
  target.numbers[0] = change.deadTotal
  target.numbers[1] = change.endUs
  return target
}

function append(log: WindowLog, timeUs: number): void {
  if (log.length === log.numbers.length) {
    const numbers = new Float64Array(2 * log.length)
    numbers.set(log.numbers)
    log.numbers = numbers
  }
  log.numbers[log.length] = timeUs
  log.length += 2
}

/** A copy to decide on tentatively. */
export function copyLog(log: WindowLog): WindowLog {
  return { numbers: log.numbers.slice(0, log.length), length: log.length }
}

/** The bytes that Redis holds for this log. */
export function encodeLog(log: WindowLog): Uint8Array {
  const bytes = new Uint8Array(8 * log.length)
  const view = new DataView(bytes.buffer)
  for (let i = 0; i < log.length; i++) view.setFloat64(8 * i, log.numbers[i] as number, true)
  return bytes
}
