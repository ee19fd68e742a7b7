import type { ConcurrencyPlan, Plan } from '../core/plan.js'
import { PolicyError, type Problem } from '../errors.js'
import { buildPlan } from './compile-plan.js'
import type { BucketConfig, GcraConfig, LimitConfig, OutageConfig } from './config.js'
import type { LimitOverride, PolicyLimit } from './limit.js'
import { rangeProblems } from './ranges.js'
import { Refusal, show } from './refusal.js'
import { shareConfig } from './share.js'
import { readCount } from './values.js'

/** Overrides kept per limit: enough for a price list, bounded where every user has a number of their own. */
const OVERRIDES_MAX = 1000

interface LimitSource {
  readonly policy: string
  readonly keyName: string
  readonly slot: number
  /** Within its ranges. */
  readonly config: LimitConfig
  readonly outage: OutageConfig
  readonly nowUs: number
  readonly peer: Plan | undefined
}

export class CompiledLimit implements PolicyLimit {
  readonly policy: string
  readonly keyName: string
  readonly slot: number
  readonly config: LimitConfig
  readonly outage: OutageConfig
  readonly limit: number
  plan: Plan
  windowMs: number
  readonly #source: LimitSource
  #overrides: Map<number | string, CompiledLimit> | undefined

  constructor(source: LimitSource) {
    const { policy, keyName, slot, config, outage, nowUs, peer } = source
    this.policy = policy
    this.keyName = keyName
    this.slot = slot
    this.config = config
    this.outage = outage
    this.limit = config.limit
    this.plan = buildPlan(config, { nowUs, peer })
    this.windowMs = windowMs(config, this.plan)
    this.#source = source
  }

  planAt(nowUs: number): Plan {
    const { plan } = this
    if (plan.algorithm !== 'quota' || (nowUs >= plan.period0Us && nowUs < plan.period1Us)) return plan
    this.plan = buildPlan(this.config, { nowUs, peer: undefined })
    this.windowMs = windowMs(this.config, this.plan)
    return this.plan
  }

  withLimit(override: LimitOverride): PolicyLimit {
    const { limit, burst } = override
    const cacheKey = burst === undefined ? limit : `${limit}/${burst}`
    const known = this.#overrides?.get(cacheKey)
    if (known !== undefined) return known

    this.#overrides ??= new Map()
    const peer = this.plan
    const nowUs = peer.algorithm === 'quota' ? peer.period0Us : this.#source.nowUs
    // Both plans may meet on one key: the ceiling of this limit then holds for the other as well.
    const compiled = new CompiledLimit({ ...this.#source, config: this.#overridden(override), nowUs, peer })
    if (this.#overrides.size >= OVERRIDES_MAX) {
      const oldest = this.#overrides.keys().next()
      if (!oldest.done) this.#overrides.delete(oldest.value)
    }
    this.#overrides.set(cacheKey, compiled)
    return compiled
  }

  shareOf(replicas: number): PolicyLimit {
    const { plan, config } = this
    const nowUs = plan.algorithm === 'quota' ? plan.period0Us : this.#source.nowUs
    return new CompiledLimit({
      ...this.#source,
      config: shareConfig(config, plan, replicas),
      nowUs,
      peer: plan,
    })
  }

  #overridden({ limit, burst }: LimitOverride): LimitConfig {
    const problems: Problem[] = []
    const refuse = (option: string, value: unknown, message: string) =>
      problems.push({ path: `override of policy '${this.policy}': ${option}`, value, message })
    for (const [option, value] of Object.entries({ limit, ...(burst === undefined ? {} : { burst }) })) {
      const count = readCount(value)
      if (count instanceof Refusal) refuse(option, value, count.message)
    }
    if (burst !== undefined && !hasBurst(this.config)) {
      refuse('burst', burst, `${show(burst)} has no effect on '${this.config.algorithm}', which has no burst`)
    }
    const config = withUnits(this.config, limit, burst)
    if (problems.length === 0) {
      const given: Readonly<Record<string, number | undefined>> = { limit, burst }
      for (const { option, message } of rangeProblems(config))
        refuse(option, given[option], `${given[option] ?? `the policy's ${option}`} ${message}`)
    }
    if (problems.length > 0) throw new PolicyError(problems)
    return config
  }
}

/** The config with other numbers of units; what it says of bursts is meant for its own limit. */
function withUnits(config: LimitConfig, limit: number, burst: number | undefined): LimitConfig {
  if (hasBurst(config)) return { ...config, limit, burst }
  if (config.algorithm !== 'quota' || config.spreadBurst === undefined) return { ...config, limit }
  return { ...config, limit, spreadBurst: Math.min(config.spreadBurst, limit) }
}

const hasBurst = (config: LimitConfig): config is GcraConfig | BucketConfig =>
  config.algorithm === 'gcra' || config.algorithm === 'token_bucket' || config.algorithm === 'leaky_bucket'

function windowMs(config: LimitConfig, plan: Plan): number {
  if ('windowUs' in config) return config.windowUs / 1000
  if (plan.algorithm === 'quota') return (plan.period1Us - plan.period0Us) / 1000
  return (plan as ConcurrencyPlan).leaseUs / 1000
}
