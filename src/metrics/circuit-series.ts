import { Counter, Gauge, type Registry } from 'prom-client'
import type { BreakerState } from '../core/breaker.js'
import { OTHER_KEY, type SeriesKeys } from './series-keys.js'

type Labels = 'scope' | 'key'
const labelNames: Labels[] = ['scope', 'key']

interface Counts {
  readonly failedRequests: number
  readonly rejectedRequests: number
}

/** What is read of a breaker: `CircuitBreaker` of `sluice/breaker` is one. */
export interface WatchedBreaker {
  metrics(): {
    readonly scope: string
    readonly circuits: readonly (Counts & {
      readonly key: string
      readonly state: BreakerState
      readonly forced: 'open' | 'closed' | undefined
    })[]
    /** Of circuits that were forgotten to make room. */
    readonly forgotten: Counts
  }
}

const STATES: Readonly<Record<BreakerState, number>> = { closed: 0, open: 1, 'half-open': 2 }
const FORCED = { open: 1, closed: 2 } as const

/** The series of circuit breakers, under the names that MCP gateways are watched by; read when somebody asks. */
export function addCircuitSeries(
  registry: Registry,
  breakers: readonly WatchedBreaker[],
  keys: SeriesKeys,
): void {
  const registers = [registry]
  const labelsOf = (scope: string, key: string) => ({ scope, key: keys.labelOf(scope, key, scope) })
  const all = () => breakers.map(breaker => breaker.metrics())

  const counter = (name: string, help: string, countOf: (counts: Counts) => number) =>
    new Counter({
      name,
      help,
      labelNames,
      registers,
      collect() {
        this.reset()
        for (const { scope, circuits, forgotten } of all()) {
          for (const circuit of circuits) this.inc(labelsOf(scope, circuit.key), countOf(circuit))
          if (countOf(forgotten) > 0) this.inc({ scope, key: OTHER_KEY }, countOf(forgotten))
        }
      },
    })
  counter(
    'mcp_circuit_breaker_failures_total',
    'Calls that failed, as the breaker counts failures.',
    ({ failedRequests }) => failedRequests,
  )
  counter(
    'mcp_circuit_breaker_requests_rejected_total',
    'Calls refused while the circuit was open, or its probes were under way.',
    ({ rejectedRequests }) => rejectedRequests,
  )

  // Several circuits may share a label: it shows the one that is worst off.
  const gauge = (
    name: string,
    help: string,
    levelOf: (circuit: ReturnType<WatchedBreaker['metrics']>['circuits'][number]) => number,
    severity: readonly number[],
  ) =>
    new Gauge({
      name,
      help,
      labelNames,
      registers,
      collect() {
        this.reset()
        const worst = new Map<string, { labels: Record<Labels, string>; value: number }>()
        for (const { scope, circuits } of all()) {
          for (const circuit of circuits) {
            const labels = labelsOf(scope, circuit.key)
            const value = levelOf(circuit)
            const known = worst.get(JSON.stringify(labels))
            if (known !== undefined && severity.indexOf(known.value) >= severity.indexOf(value)) continue
            worst.set(JSON.stringify(labels), { labels, value })
          }
        }
        for (const { labels, value } of worst.values()) this.set(labels, value)
      },
    })
  gauge('mcp_circuit_breaker_state', '0: closed. 1: open. 2: half-open.', ({ state }) => STATES[state], [
    STATES.closed,
    STATES['half-open'],
    STATES.open,
  ])
  gauge(
    'mcp_circuit_breaker_forced',
    '0: it goes by its own counts. 1: an operator holds it open. 2: closed.',
    ({ forced }) => (forced === undefined ? 0 : FORCED[forced]),
    [0, FORCED.closed, FORCED.open],
  )
}
