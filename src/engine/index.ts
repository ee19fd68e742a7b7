/**
 * `sluice/engine`: what a store of your own implements. Give it to `createLimiter({ store })`; it decides requests by
 * plans, in integers, and knows nothing of policies as people write them.
 */
export type { Algorithm, Plan } from '../core/plan.js'
export { Op, Status, type Step } from '../core/step.js'
export type { Limit } from '../policy.js'
export type {
  Caller,
  Check,
  CheckOutcome,
  DecideOptions,
  Deferred,
  Engine,
  FallbackMark,
  Outcome,
  Source,
  SyncEngine,
} from './engine.js'
export type { EngineOptions } from './engine-options.js'
export { openEngine } from './open-engine.js'
