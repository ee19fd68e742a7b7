import { createStep, Op, Status } from '../core/step.js'
import { Draft } from './memory-draft.js'
import type { MemoryKeys } from './memory-keys.js'

/** Registers of their own: eviction asks while a request is being stored. */
const step = createStep()
const draft = new Draft()

/**
 * Until when a key refuses: the first instant, in us, at which a check of cost 1 under its limit's own plan passes if
 * nobody else calls. 0 when it passes now, or when the policy of the key is not in use any more.
 */
export function refusedUntilUs(keys: MemoryKeys, key: number, nowUs: number): number {
  const table = keys.tableOf(key)
  if (table.limit === undefined) return 0
  draft.loadKey(keys, table, key, nowUs)
  draft.decide(step, table.limit.plan, Op.peek, 1, 0, undefined, nowUs)
  return step.status === Status.denied || step.status === Status.blocked ? nowUs + step.waitUs : 0
}
