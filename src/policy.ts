import { systemClock } from './core/time.js'
import { PolicyError } from './errors.js'
import { limitKeyName } from './key-part.js'
import { CompiledLimit } from './policy/compiled-limit.js'
import type { PolicyLimit } from './policy/limit.js'
import type { PoliciesInput } from './policy/options.js'
import { readPolicies } from './policy/read-policies.js'
import type { SubjectRule } from './subject.js'

export { compilePlan } from './policy/compile-plan.js'
export type { LimitConfig } from './policy/config.js'
export type { Limit, LimitOverride, PolicyLimit } from './policy/limit.js'
export type * from './policy/options.js'
export { parseRate } from './policy/rate.js'
export type { PolicyName, SubjectOf } from './policy/types.js'
export { parseDuration } from './policy/units.js'

/** A policy, compiled. */
export interface CompiledPolicy extends SubjectRule {
  /** In the order they were written; at least one. */
  readonly limits: readonly PolicyLimit[]
  /** The one there is, where a check of it is a single step: not of `concurrency`, whose units are held. */
  readonly only: PolicyLimit | undefined
}

export interface CompiledPolicies {
  readonly byName: ReadonlyMap<string, CompiledPolicy>
  /** Slots by key name and algorithm, those of policies that are gone included: a slot is never given to another limit. */
  readonly slots: ReadonlyMap<string, number>
}

export interface CompilePoliciesOptions {
  /** us since the Unix epoch, for `quota`. Default: the clock of this process. */
  readonly nowUs?: number | undefined
  /** The policies before a live update: limits on the same keys keep their slots, so that engines keep their counters. */
  readonly previous?: CompiledPolicies | undefined
  /** Policies that other processes still use on the same keys: see `peer` of `compilePlan`. */
  readonly peers?: CompiledPolicies | undefined
}

/**
 * Reads and compiles policies.
 *
 * @throws PolicyError listing everything that is wrong with them
 */
export function compilePolicies(
  policies: PoliciesInput,
  options: CompilePoliciesOptions = {},
): CompiledPolicies {
  const { configs, problems } = readPolicies(policies)
  if (problems.length > 0) throw new PolicyError(problems)

  const nowUs = options.nowUs ?? systemClock.nowUs()
  const slots = new Map(options.previous?.slots)
  const byName = new Map<string, CompiledPolicy>()
  for (const [name, config] of configs) {
    const peers = options.peers?.byName.get(name)?.limits
    const limits = config.limits.map((limit, index) => {
      const keyName = limitKeyName(name, index)
      const slotKey = `${keyName}:${limit.algorithm}`
      const slot = slots.get(slotKey) ?? slots.size
      slots.set(slotKey, slot)
      return new CompiledLimit({
        policy: name,
        keyName,
        slot,
        config: limit,
        outage: config.outage,
        nowUs,
        peer: peers?.[index]?.plan,
      })
    })
    const [only] = limits.length === 1 && limits[0]?.plan.algorithm !== 'concurrency' ? limits : []
    byName.set(name, {
      name,
      limits,
      only,
      by: config.by,
      group: config.group,
    })
  }
  return { byName, slots }
}
