/**
 * `sluice/breaker`: circuit breakers for what a service calls, in one process or shared by a fleet (`docs/breaker.md`).
 */
import { CircuitBreaker } from './breaker.js'
import type { BreakerOptions } from './breaker-options.js'

export type { BreakerState } from '../core/breaker.js'
export { BreakerOpenError } from '../errors.js'
export type { Scope, ScopedCall, ScopeFunction, ScopeLabel, ScopeName } from '../scope.js'
export type { BreakerCallOptions, CircuitBreaker } from './breaker.js'
export type { BreakerEventName, BreakerEvents, CircuitName } from './breaker-events.js'
export type { BreakerMetrics, CircuitMetrics } from './breaker-metrics.js'
export type { BreakerOptions, BreakerThresholds } from './breaker-options.js'
export type { BreakerSubject, CircuitView, Isolation, OrderOptions } from './breaker-orders.js'
export type { CircuitCounts } from './circuit.js'
export type { CallOutcome, SettledCall, StatusCode, TriggerErrors, TriggerRules } from './circuit-outcome.js'
export type { CircuitSource } from './circuits.js'
export type { CustomBreakerStore, StoredCircuit } from './custom-circuit-store.js'
export type { BreakerRefusal, Permit } from './permit.js'

/**
 * Makes a circuit breaker.
 *
 * ```ts
 * const breaker = createBreaker({ name: 'upstream', scope: 'PerServer', failureThreshold: 5, timeout: '30s' })
 * const answer = await breaker.run({ server: 'https://api.example.com' }, () => fetch('https://api.example.com/v1'))
 * ```
 *
 * It answers at once: the connection to a server is opened in the background, and `ready()` waits for it.
 *
 * @throws PolicyError listing everything that is wrong with the options
 * @throws FileLockedError, SnapshotError when the file of a `file:` store cannot be had
 */
export const createBreaker = (options: BreakerOptions = {}): CircuitBreaker => new CircuitBreaker(options)
