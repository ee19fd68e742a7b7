import { type Clock, cdiv } from '../core/time.js'
import type { Timers } from '../core/timers.js'
import { PolicyError, UnknownPolicyError } from '../errors.js'
import { didYouMean, list, show } from '../policy/refusal.js'
import { type CompiledPolicies, type CompiledPolicy, compilePolicies, type PoliciesInput } from '../policy.js'

/** The policies in force, and the time around an update in which the old ones may still be in use elsewhere. */
export class PolicyTable {
  readonly #clock: Clock
  readonly #timers: Timers
  /** As they were written: those of the configuration, and those that were defined beside them. */
  #configured: PoliciesInput
  #defined: PoliciesInput = {}
  #compiled: CompiledPolicies
  /** The one asked for last. */
  #last: CompiledPolicy | undefined
  #forgetPeers: (() => void) | undefined

  constructor(policies: PoliciesInput, compiled: CompiledPolicies, clock: Clock, timers: Timers) {
    this.#configured = policies
    this.#compiled = compiled
    this.#clock = clock
    this.#timers = timers
  }

  get all(): Iterable<CompiledPolicy> {
    return this.#compiled.byName.values()
  }

  find(name: string): CompiledPolicy | undefined {
    return this.#compiled.byName.get(name)
  }

  /** @throws UnknownPolicyError naming the nearest one */
  get(name: string): CompiledPolicy {
    // Most calls name the policy of the call before, as the very same string: comparing is a tenth of a look-up.
    const last = this.#last
    if (last !== undefined && last.name === name) return last
    this.#last = this.#compiled.byName.get(name) ?? this.#refuse(name)
    return this.#last
  }

  /** Apart from `get`, which is on the path of every check. */
  #refuse(name: unknown): never {
    const names = [...this.#compiled.byName.keys()]
    const hint = typeof name === 'string' ? didYouMean(name, names) : ''
    throw new UnknownPolicyError(
      String(name),
      `there is no policy ${show(name)}; policies are ${list(names)}${hint}`,
    )
  }

  /**
   * Replaces the policies at once. While other replicas still write under the old plans, the larger ceiling of both holds:
   * clipping to the smaller would forgive at every write what the larger had admitted. It goes away when every state of
   * before has drained.
   *
   * @throws PolicyError; the policies then stay as they were
   */
  update(policies: PoliciesInput): void {
    const previous = this.#compiled
    const all = joined(policies, this.#defined)
    this.#use(compilePolicies(all, { nowUs: this.#clock.nowUs(), previous, peers: previous }))
    this.#configured = policies
    this.#forgetPeers?.()
    this.#forgetPeers = this.#timers.after(drainMs(this.#compiled), () => {
      this.#forgetPeers = undefined
      const settled = joined(this.#configured, this.#defined)
      this.#use(compilePolicies(settled, { nowUs: this.#clock.nowUs(), previous: this.#compiled }))
    })
  }

  /** Adds policies, which stay whatever the configuration becomes. @throws PolicyError; the policies then stay as they were */
  define(policies: PoliciesInput): void {
    const previous = this.#compiled
    const defined = joined(this.#defined, policies)
    const all = joined(this.#configured, defined)
    // While an update settles, its ceilings hold.
    const peers = this.#forgetPeers === undefined ? {} : { peers: previous }
    this.#use(compilePolicies(all, { nowUs: this.#clock.nowUs(), previous, ...peers }))
    this.#defined = defined
  }

  #use(compiled: CompiledPolicies): void {
    this.#compiled = compiled
    this.#last = undefined
  }

  close(): void {
    this.#forgetPeers?.()
  }
}

/** Two sets of policies as one. @throws PolicyError naming those that are in both */
function joined(policies: PoliciesInput, more: PoliciesInput): PoliciesInput {
  if (Object.keys(more).length === 0) return policies
  const twice = Object.keys(more).filter(name => Object.hasOwn(policies, name))
  if (twice.length === 0) return { ...policies, ...more }
  throw new PolicyError(
    twice.map(name => ({
      path: `policies.${name}`,
      value: more[name],
      message: `there is a policy ${show(name)} already; give this one another name`,
    })),
  )
}

/** How long the slowest state that has a ceiling takes to drain from there. */
function drainMs({ byName }: CompiledPolicies): number {
  const plans = [...byName.values()].flatMap(policy => policy.limits.map(limit => limit.plan))
  const drainsUs = plans.map(plan => {
    if (plan.algorithm === 'gcra') return cdiv(plan.horizon, 8)
    return plan.algorithm === 'token_bucket' || plan.algorithm === 'leaky_bucket' ? plan.emptyAfterUs : 0
  })
  return cdiv(Math.max(...drainsUs), 1000)
}
