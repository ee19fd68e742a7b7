import { createStep, Op, Status } from '../core/step.js'
import { Draft } from './memory-draft.js'
import type { MemoryKeys } from './memory-keys.js'

/** Until when a key refuses; an instant not after now: it refuses nobody now. us since the Unix epoch. */
export type RefusedUntilUs = (key: number, nowUs: number) => number

/**
 * Tells the first instant at which a check of cost 1 passes on a key, under its limit's own plan and if nobody else
 * calls. A key whose policy is not in use any more refuses nobody.
 */
export function refusalsOf(keys: MemoryKeys): RefusedUntilUs {
  // Registers of its own: eviction asks while a request is being stored.
  const step = createStep()
  const draft = new Draft()
  return (key, nowUs) => {
    const table = keys.tableOf(key)
    if (table.limit === undefined) return 0
    draft.loadKey(keys, table, key, nowUs)
    draft.decide(step, table.limit.plan, Op.peek, 1, 0, undefined, nowUs)
    return step.status === Status.denied || step.status === Status.blocked ? nowUs + step.waitUs : 0
  }
}
