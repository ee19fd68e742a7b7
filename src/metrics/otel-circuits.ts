import type { Attributes, Meter, ObservableResult } from '@opentelemetry/api'
import type { BreakerState } from '../core/breaker.js'

interface Counts {
  readonly failedRequests: number
  readonly rejectedRequests: number
  readonly stateTransitions: number
}

/** What is read of a breaker: `CircuitBreaker` of `sluice/breaker` is one. */
export interface NamedBreaker {
  readonly name: string
  metrics(): Counts & {
    readonly scope: string
    readonly circuits: readonly { readonly state: BreakerState }[]
  }
}

const STATES: readonly BreakerState[] = ['closed', 'open', 'half-open']

/**
 * Circuit breakers as instruments, read when they are collected: summed over their circuits, which are named by subjects.
 *
 * @returns what ends it
 */
export function observeCircuits(meter: Meter, breakers: readonly NamedBreaker[]): () => void {
  const ends: (() => void)[] = []
  const observe = (
    instrument: ReturnType<Meter['createObservableGauge']>,
    read: (breaker: NamedBreaker, tell: (value: number, more?: Attributes) => void) => void,
  ) => {
    const callback = (result: ObservableResult) => {
      for (const breaker of breakers) {
        const { scope } = breaker.metrics()
        const attributes = { 'sluice.breaker': breaker.name, 'sluice.scope': scope }
        read(breaker, (value, more) => result.observe(value, { ...attributes, ...more }))
      }
    }
    instrument.addCallback(callback)
    ends.push(() => instrument.removeCallback(callback))
  }
  const counter = (name: string, description: string, countOf: (counts: Counts) => number) =>
    observe(meter.createObservableCounter(name, { description }), (breaker, tell) =>
      tell(countOf(breaker.metrics())),
    )
  counter('sluice.breaker.failures', 'Calls that failed.', ({ failedRequests }) => failedRequests)
  counter('sluice.breaker.rejections', 'Calls refused.', ({ rejectedRequests }) => rejectedRequests)
  counter(
    'sluice.breaker.transitions',
    'Changes of state that this process made.',
    ({ stateTransitions }) => stateTransitions,
  )
  const description = 'Circuits that this process knows, by their state.'
  observe(meter.createObservableGauge('sluice.breaker.circuits', { description }), (breaker, tell) => {
    const { circuits } = breaker.metrics()
    for (const state of STATES) {
      tell(circuits.filter(circuit => circuit.state === state).length, { 'sluice.state': state })
    }
  })
  return () => {
    for (const end of ends) end()
  }
}
