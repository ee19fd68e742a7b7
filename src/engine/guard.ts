import type { Clock } from '../core/time.js'
import type { Timers } from '../core/timers.js'
import type { Events } from '../events.js'
import { DenyCache } from './deny-cache.js'
import { type Engine, isSyncEngine } from './engine.js'
import { type GuardSettings, guardConfig } from './guard-options.js'
import { GuardedEngine } from './guarded-engine.js'

export interface GuardSurroundings {
  readonly timers: Timers
  readonly events: Events
  /** The clock that was injected, into the engine as well. */
  readonly clock: Clock | undefined
  /** Keys held at once by counters in this process. */
  readonly maxKeys: number | undefined
}

/**
 * Puts the guard and the deny cache before an engine. One in this process needs neither.
 *
 * The deny cache stands outside: what the store has refused stays refused when the store goes down.
 */
export function guard(engine: Engine, settings: GuardSettings, surroundings: GuardSurroundings): Engine {
  if (isSyncEngine(engine)) return engine
  const { denyCache, ...config } = guardConfig(settings)
  const guarded = new GuardedEngine(engine, { ...config, ...surroundings })
  // Waits pass by the clock of the store. One that is injected may go its own way, so nothing is remembered under it.
  const isExact = surroundings.clock === undefined && !engine.countsRefusals
  if (denyCache === undefined || !isExact) return guarded
  return new DenyCache(guarded, { ...denyCache, timers: surroundings.timers })
}
