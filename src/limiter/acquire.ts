import { randomUUID } from 'node:crypto'
import { Op } from '../core/step.js'
import type { Timers } from '../core/timers.js'
import { CheckError, PolicyError } from '../errors.js'
import type { Events } from '../events.js'
import { type Acquisition, Lease, RefusedLease } from '../lease.js'
import { leaseProblem } from '../policy/ranges.js'
import { show } from '../policy/refusal.js'
import { type CompiledPolicy, parseDuration } from '../policy.js'
import type { Subject } from '../subject.js'
import type { Dispatcher } from './dispatcher.js'
import { type PlannedCheck, planAcquire } from './request.js'
import type { AcquireOptions } from './types.js'

/** Acquires leases: the requests of `acquire`, `renew` and `release`. */
export class Acquirer {
  readonly #dispatcher: Dispatcher
  readonly #events: Events
  readonly #timers: Timers

  constructor(dispatcher: Dispatcher, events: Events, timers: Timers) {
    this.#dispatcher = dispatcher
    this.#events = events
    this.#timers = timers
  }

  /** @param find looks the policy up, or throws that there is none */
  async acquire(
    find: () => CompiledPolicy,
    policy: string,
    subject: Subject,
    options?: AcquireOptions,
  ): Promise<Acquisition> {
    const { ttl, autoRenew = true, signal } = options ?? {}
    const id = randomUUID()
    let held: readonly PlannedCheck[] = []
    const plan = () => {
      if (typeof autoRenew !== 'boolean') {
        throw new CheckError(`policy '${policy}': autoRenew: ${show(autoRenew)} is not true or false`)
      }
      const leaseUs = ttl === undefined ? {} : { leaseUs: readTtl(ttl, `policy '${policy}': ttl`) }
      const checks = planAcquire(find(), subject, { ...options, ...leaseUs, leaseId: id })
      held = checks.filter(({ leaseId }) => leaseId !== undefined)
      return checks
    }
    const asked = [{ policy, subject }]
    const renew = () => this.#dispatcher.decide({ call: 'renew', asked, plan: () => withOp(held, Op.renew) })
    const release = () =>
      this.#dispatcher.decide({ call: 'release', asked, plan: () => withOp(held, Op.refund) })

    const sentAtMs = this.#timers.monotonicMs()
    const decision = await this.#dispatcher.decide({ call: 'acquire', asked, plan }, options).catch(error => {
      // It may have been granted all the same, and nobody would give it back before its end.
      if (held.length > 0 && signal?.aborted) release().catch(() => {})
      throw error
    })
    if (!decision.allowed) return new RefusedLease(decision)
    const fallbackId = decision.receipt?.charges[0]?.fallbackId
    if (fallbackId !== undefined) held = held.map(check => ({ ...check, fallbackId }))
    // Let through without a count while the store is down: there is nothing to renew and nothing to give back.
    const isUncounted = decision.receipt === undefined
    return new Lease({
      id,
      policy,
      decision,
      leaseMs: shortestLeaseMs(held),
      sentAtMs,
      autoRenew,
      timers: this.#timers,
      store: {
        renew: async () => isUncounted || (await renew()).allowed,
        release: async () => {
          if (!isUncounted) await release()
        },
        lost: error => this.#events.emit('leaseLost', { policy, leaseId: id, error }),
      },
    })
  }
}

/** us; within the range that a policy's own lease has. */
function readTtl(ttl: unknown, path: string): number {
  const leaseUs = parseDuration(ttl, path)
  const problem = leaseProblem(leaseUs)
  if (problem === undefined) return leaseUs
  throw new PolicyError([{ path, value: ttl, message: `${show(ttl)} ${problem}` }])
}

const withOp = (checks: readonly PlannedCheck[], op: Op): readonly PlannedCheck[] =>
  checks.map(check => ({ ...check, op }))

/** A policy may have several concurrency limits: the holder has to stop when the first of its leases ends. */
const shortestLeaseMs = (held: readonly PlannedCheck[]): number =>
  Math.min(...held.map(({ plan }) => (plan.algorithm === 'concurrency' ? plan.leaseUs / 1000 : Infinity)))
