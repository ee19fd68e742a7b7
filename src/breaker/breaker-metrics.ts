import type { BreakerState } from '../core/breaker.js'
import type { ScopeLabel } from '../scope.js'
import { forcedOf, stateOf } from './breaker-events.js'
import { addCounts, type CircuitCounts, noCounts } from './circuit.js'
import type { CircuitTable } from './circuit-table.js'

/** One circuit, as this process has seen it. */
export interface CircuitMetrics extends Readonly<CircuitCounts> {
  readonly key: string
  readonly state: BreakerState
  /** Which way an operator holds it; undefined: neither. */
  readonly forced: 'open' | 'closed' | undefined
}

/** The sums of all circuits, and each that is known. */
export interface BreakerMetrics extends Readonly<CircuitCounts> {
  readonly scope: ScopeLabel
  readonly circuits: readonly CircuitMetrics[]
  /** Of circuits that were forgotten to make room: in the sums, and in none of `circuits`. */
  readonly forgotten: Readonly<CircuitCounts>
}

export function metricsOf(scope: ScopeLabel, table: CircuitTable): BreakerMetrics {
  const sums = noCounts()
  addCounts(sums, table.forgotten)
  const circuits = Array.from(table.all, ({ name, phase, forced, counts }): CircuitMetrics => {
    addCounts(sums, counts)
    return { key: name, state: stateOf(phase), forced: forcedOf(forced), ...counts }
  })
  return { ...sums, scope, circuits, forgotten: { ...table.forgotten } }
}
