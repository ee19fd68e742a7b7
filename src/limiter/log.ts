import { EventLog, type LogSettings } from '../events/logger.js'
import type { Asked, Events } from '../events.js'

/**
 * Writes what a limiter tells into a logger: outages, warnings and failed calls by themselves, and every decision at `debug`, if
 * that level is enabled by then.
 */
export function logLimiter(events: Events, { logger, logSubjects = false }: LogSettings): void {
  if (logger === undefined) return
  const log = new EventLog(logger, logSubjects)
  const about = (asked: readonly Asked[]): object => ({
    policies: asked.map(({ policy }) => policy),
    ...(logSubjects && { subjects: asked.map(({ subject }) => subject) }),
  })
  log.followWarnings(events)
  log.follow(events, 'error', ({ call, asked, error }) => {
    return ['warn', { call, ...about(asked), error: log.error(error) }, 'a call failed']
  })
  log.follow(events, 'leaseLost', ({ policy, leaseId, error }) => {
    const lease = logSubjects ? { leaseId } : {}
    return ['warn', { policy, ...lease, code: error.code }, 'a lease ended before it was released']
  })
  log.follow(events, 'storeDown', ({ part, error }) => {
    return ['error', { part, error: log.error(error) }, 'the store is down; calls are decided without it']
  })
  log.follow(events, 'storeUp', ({ part, downMs, decided }) => {
    return ['info', { part, downMs, decided }, 'the store decides again']
  })
  if (!log.hasDebug) return
  log.follow(events, 'storeError', ({ part, error }) => {
    return ['debug', { part, error: log.error(error) }, 'a call went on without the store']
  })
  log.follow(events, 'waited', ({ asked, waitedMs, decision }) => {
    return ['debug', { ...about(asked), waitedMs, allowed: decision?.allowed }, 'a call waited']
  })
  log.follow(events, 'decision', ({ call, asked, decision, durationMs }) => {
    const { allowed, reason, policy, limit, remaining, retryAfterMs, source } = decision
    const said = { allowed, reason, policy, limit, remaining, retryAfterMs, source }
    return ['debug', { call, ...about(asked), ...said, durationMs }, allowed ? 'allowed' : 'refused']
  })
}
