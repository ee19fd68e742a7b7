import type { Emitter } from '../events/emitter.js'
import { EventLog, type LogSettings } from '../events/logger.js'
import type { BreakerEvents, CircuitName } from './breaker-events.js'

/** Writes what a breaker tells into a logger: circuits that open and close, outages, warnings; single calls at `debug`. */
export function logBreaker(
  events: Emitter<BreakerEvents>,
  { logger, logSubjects = false }: LogSettings,
): void {
  if (logger === undefined) return
  const log = new EventLog(logger, logSubjects)
  const about = ({ breaker, scope, key }: CircuitName): object =>
    logSubjects ? { breaker, scope, key } : { breaker, scope }
  log.followWarnings(events)
  log.follow(events, 'transition', circuit => {
    const { from, to, isForced, retryAfterMs, attempt, source } = circuit
    const level = to === 'open' ? 'warn' : 'info'
    return [
      level,
      { ...about(circuit), from, to, isForced, retryAfterMs, attempt, source },
      'a circuit changed its state',
    ]
  })
  log.follow(events, 'update', ({ breaker, thresholds }) => {
    return ['info', { breaker, thresholds }, 'thresholds changed']
  })
  log.follow(events, 'storeDown', ({ breaker, part, error }) => {
    return [
      'error',
      { breaker, part, error: log.error(error) },
      'the store is down; this process goes on alone',
    ]
  })
  log.follow(events, 'storeUp', ({ breaker, part, downMs }) => {
    return ['info', { breaker, part, downMs }, 'the store decides again']
  })
  if (!log.hasDebug) return
  log.follow(events, 'failure', circuit => {
    return ['debug', { ...about(circuit), error: log.error(circuit.error) }, 'a call failed']
  })
  log.follow(events, 'rejected', circuit => {
    const { state, retryAfterMs } = circuit
    return ['debug', { ...about(circuit), state, retryAfterMs }, 'a call was refused']
  })
}
