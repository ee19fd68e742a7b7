import { capacity, type Plan } from '../core/plan.js'
import { fdiv } from '../core/time.js'
import type { LimitConfig } from './config.js'
import { rangeProblems } from './ranges.js'

/**
 * The config of one replica's share: as many units per window, as many at once, as much debt, divided and rounded down.
 *
 * A burst is divided as it stands in the plan, so that one of which a strict plan holds back a part is not divided twice;
 * what is held back is for leases on the store, of which a share has none. A lease keeps its time.
 */
export function shareConfig(config: LimitConfig, plan: Plan, replicas: number): LimitConfig {
  const share = (units: number): number => Math.max(1, fdiv(units, replicas))
  const limit = share(config.limit)
  if (config.algorithm === 'concurrency') return { ...config, limit }

  const debt = config.debt === undefined ? {} : { debt: fdiv(config.debt, replicas) }
  switch (config.algorithm) {
    case 'gcra':
    case 'token_bucket':
    case 'leaky_bucket': {
      const divided = { ...config, ...debt, limit, burst: share(capacity(plan)), strict: undefined }
      // Rounded down, a tiny limit fills a long burst more slowly than the arithmetic reaches.
      return rangeProblems(divided).length === 0 ? divided : { ...divided, burst: limit, debt: undefined }
    }
    case 'quota': {
      const { spreadBurst } = config
      return spreadBurst === undefined
        ? { ...config, ...debt, limit }
        : { ...config, ...debt, limit, spreadBurst: share(spreadBurst) }
    }
    default:
      return { ...config, ...debt, limit }
  }
}
