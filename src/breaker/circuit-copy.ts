import { type CircuitState, Forced, freshCircuit, Phase } from '../core/circuit-state.js'
import type { Circuit } from './circuit.js'

/** How long an order that stood when the store was lost goes on without it. */
const FORCED_WITHOUT_STORE_US = 3_600_000_000

/**
 * A circuit as it was when its store was asked last, for going on without the store.
 *
 * @param nowUs the store's clock, as far as it can be told without it
 * @param nowMs the monotonic clock
 */
export function copyOfCircuit(
  { phase, forced, generation, attempt, retryMs }: Circuit,
  nowUs: number,
  nowMs: number,
): CircuitState {
  const retryUs = nowUs + Math.max(0, Math.ceil((retryMs - nowMs) * 1000))
  const isForced = forced !== Forced.no
  return {
    ...freshCircuit(),
    endUs: Number.MAX_SAFE_INTEGER,
    // Probes of the fleet cannot be counted from here: the next one is this process's own.
    phase: phase === Phase.closed || isForced ? Phase.closed : Phase.open,
    untilUs: phase === Phase.closed || isForced ? 0 : retryUs,
    ...{ generation, attempt, forced },
    forcedUntilUs: !isForced ? 0 : forced === Forced.open ? retryUs : nowUs + FORCED_WITHOUT_STORE_US,
  }
}
