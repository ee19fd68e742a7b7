import { type ConcurrencyPlan, capacity, LEASE_UNITS_MAX } from './plan.js'
import { fail, Op, Status, type Step, Write } from './step.js'

/** What one holder holds. All its units end together. In Redis: members `0:<id>`, `1:<id>`, … with the score `endUs`. */
export interface Lease {
  readonly id: string
  units: number
  /** us since the Unix epoch; the units are free from this instant on. */
  endUs: number
}

/** The state: leases that run, and some that have ended and were not taken out yet. */
export interface LeaseSet {
  readonly byId: Map<string, Lease>
  /** The same leases, soonest end first. */
  readonly byEnd: Lease[]
  /** Units of all of them. */
  units: number
}

/** What a decision does to the leases. Registers, like `Step`: one object serves all calls of an engine. */
export interface LeaseChange {
  leaseId: string
  /** What the holder holds from now on; 0 takes the lease out. */
  units: number
  endUs: number
  /** Leases that end at this instant or before are taken out; 0 takes out none. */
  endedUs: number
}

export const createLeaseChange = (): LeaseChange => ({ leaseId: '', units: 0, endUs: 0, endedUs: 0 })

/**
 * Concurrency: units held at once, each until it is released or its lease ends. Twin of `lua/include/concurrency.lua`.
 *
 * `consume` acquires n units under the lease id; the same id again changes the lease to n units and starts it anew.
 * `grant` acquires as many as are free, at most n and 64; `debit` acquires without asking the limit; `renew` starts a lease
 * that has not ended anew, with the units it has; `refund` and `rollback` release it. `waitUs` is a hint: a release comes
 * earlier, a renewal later; for `renew` it is 0, as waiting does not bring an ended lease back.
 *
 * Reads the leases and leaves the decision in `step` and, when `step.write` is not `none`, what becomes of the leases in
 * `change`: see `applyLeaseChange`. `step.state` and `step.present` are not used.
 *
 * @param leases undefined when the key is absent
 * @param n units, >= 1; `refund`, `rollback` and `renew` take the lease as it is
 * @param leaseId undefined for `peek`: asks for a new holder
 * @param now us since the Unix epoch
 */
export function concurrency(
  step: Step,
  change: LeaseChange,
  plan: ConcurrencyPlan,
  leases: LeaseSet | undefined,
  op: Op,
  n: number,
  leaseId: string | undefined,
  now: number,
): void {
  const { limit, leaseUs } = plan
  let used = 0
  let own = 0
  let endUs = 0
  let othersEndUs = 0
  if (leases !== undefined) {
    used = leases.units
    for (const lease of leases.byEnd) {
      if (lease.endUs > now) break
      used -= lease.units
    }
    const lease = leaseId === undefined || op === Op.look ? undefined : leases.byId.get(leaseId)
    if (lease !== undefined && lease.endUs > now) {
      own = lease.units
      endUs = lease.endUs
    }
    const last = leases.byEnd.findLast(other => other !== lease)
    if (last !== undefined && last.endUs > now) othersEndUs = last.endUs
  }
  const others = used - own

  let status: Status = Status.allowed
  let granted = 0
  let held = own
  let over = 0
  if (leaseId === '' || (leaseId === undefined && op !== Op.peek && op !== Op.look)) {
    fail(step, Status.badCheck)
    return
  }
  if (op === Op.consume || op === Op.peek) {
    if (n > capacity(plan)) {
      fail(step, Status.impossible)
      return
    }
    if (others + n <= limit) {
      granted = n
      if (op === Op.consume) held = n
    } else {
      status = Status.denied
      over = others + n - limit
    }
  } else if (op === Op.grant) {
    granted = Math.max(0, Math.min(n, limit - others, LEASE_UNITS_MAX))
    if (granted > 0) {
      held = granted
    } else {
      status = Status.denied
      over = others + 1 - limit
    }
  } else if (op === Op.debit) {
    granted = Math.min(n, LEASE_UNITS_MAX)
    held = granted
  } else if (op === Op.refund || op === Op.rollback) {
    granted = own
    held = 0
  } else if (op === Op.renew) {
    granted = own
    if (own === 0) status = Status.denied
  } else if (op !== Op.look) {
    fail(step, Status.badCheck)
    return
  }

  const holds = granted > 0 && op !== Op.peek && held > 0
  if (holds) endUs = now + leaseUs
  const next = others + held
  const lastEndUs = Math.max(held > 0 ? endUs : 0, othersEndUs)
  step.status = status
  step.granted = granted
  step.remaining = Math.max(0, limit - next)
  step.waitUs = over > 0 ? unitEndUs(leases, leaseId, over, now) - now : 0
  step.resetUs = next > 0 ? lastEndUs - now : 0
  step.write = Write.none
  step.ttlUs = 0
  if (holds) {
    step.write = Write.expire
    step.ttlUs = lastEndUs - now
  } else if (held < own) {
    step.write = Write.keep
  }
  if (step.write !== Write.none) {
    change.leaseId = leaseId as string
    change.units = held
    change.endUs = endUs
    change.endedUs = holds && op !== Op.renew ? now : 0
  }
}

/** When the given number of units that others hold will have ended. */
function unitEndUs(
  leases: LeaseSet | undefined,
  leaseId: string | undefined,
  units: number,
  now: number,
): number {
  let ended = 0
  for (const lease of leases?.byEnd ?? []) {
    if (lease.endUs > now && lease.id !== leaseId) ended += lease.units
    if (ended >= units) return lease.endUs
  }
  return now
}

/**
 * Carries out what the last decision left in `change`, in place.
 *
 * @param leases what was decided on; undefined makes a new set
 * @returns the leases
 */
export function applyLeaseChange(leases: LeaseSet | undefined, change: LeaseChange): LeaseSet {
  const target: LeaseSet = leases ?? { byId: new Map(), byEnd: [], units: 0 }
  const { byId, byEnd } = target
  let ended = 0
  for (const lease of byEnd) {
    if (lease.endUs > change.endedUs) break
    byId.delete(lease.id)
    target.units -= lease.units
    ended++
  }
  if (ended > 0) byEnd.splice(0, ended)

  const former = byId.get(change.leaseId)
  if (former !== undefined) {
    byId.delete(former.id)
    byEnd.splice(byEnd.indexOf(former, firstEndingAt(byEnd, former.endUs)), 1)
    target.units -= former.units
  }
  if (change.units > 0) {
    const lease = { id: change.leaseId, units: change.units, endUs: change.endUs }
    byId.set(lease.id, lease)
    byEnd.splice(firstEndingAt(byEnd, lease.endUs), 0, lease)
    target.units += lease.units
  }
  return target
}

/** The place of the first lease that ends at this instant or later. */
function firstEndingAt(byEnd: readonly Lease[], endUs: number): number {
  let first = 0
  let last = byEnd.length
  while (first < last) {
    const middle = (first + last) >>> 1
    if ((byEnd[middle] as Lease).endUs < endUs) first = middle + 1
    else last = middle
  }
  return first
}

/** A copy to decide on tentatively. */
export function copyLeases(leases: LeaseSet): LeaseSet {
  const byEnd = leases.byEnd.map(lease => ({ ...lease }))
  return { byId: new Map(byEnd.map(lease => [lease.id, lease])), byEnd, units: leases.units }
}
