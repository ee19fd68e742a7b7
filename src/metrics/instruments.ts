import { isSluiceError } from '../errors.js'
import { isRequest, type LimiterEvents } from '../events.js'
import type { Limiter } from '../limiter/types.js'

/** Seconds, for everything that takes time: from what a check in memory takes to the deadline of a slow store. */
const DURATION_BUCKETS_S = [
  1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1,
]
const WAIT_BUCKETS_S = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300]
const COUNT_BUCKETS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024]

/** The series of a limiter beside those by subject: the names, what they tell, and the labels they have. */
export const INSTRUMENTS = {
  requests: {
    name: 'sluice_requests_total',
    help: 'Requests decided.',
    labels: ['policy', 'result', 'reason', 'source'],
  },
  decisionSeconds: {
    name: 'sluice_decision_duration_seconds',
    help: 'Time from a call to its decision.',
    labels: ['call', 'source'],
    buckets: DURATION_BUCKETS_S,
  },
  waitSeconds: {
    name: 'sluice_wait_duration_seconds',
    help: 'Time that calls of wait() have waited, of those that had to.',
    labels: ['result'],
    buckets: WAIT_BUCKETS_S,
  },
  waiting: { name: 'sluice_waiting_calls', help: 'Calls of wait() that wait now.', labels: [] },
  batchRequests: {
    name: 'sluice_batch_requests',
    help: 'Requests in one message to a server.',
    labels: ['part'],
    buckets: COUNT_BUCKETS,
  },
  batchQueued: {
    name: 'sluice_batch_queued_requests',
    help: 'Requests that stayed behind when a batch left.',
    labels: ['part'],
    buckets: COUNT_BUCKETS,
  },
  batchSeconds: {
    name: 'sluice_batch_round_trip_seconds',
    help: 'Time from sending a batch to its answer.',
    labels: ['part', 'result'],
    buckets: DURATION_BUCKETS_S,
  },
  storeErrors: {
    name: 'sluice_store_errors_total',
    help: 'Calls that went on without the store, by the code of the error.',
    labels: ['part', 'code'],
  },
  storeUp: {
    name: 'sluice_store_up',
    help: '1: the store decides. 0: calls go on without it.',
    labels: ['part'],
  },
  callErrors: {
    name: 'sluice_call_errors_total',
    help: 'Calls that failed, by the code of the error.',
    labels: ['call', 'code'],
  },
  leasesLost: {
    name: 'sluice_leases_lost_total',
    help: 'Leases that ended before their release.',
    labels: ['policy'],
  },
} as const

export type InstrumentName = keyof typeof INSTRUMENTS

/** What is measured as it happens; `waiting` is read when somebody asks. */
export type MeasuredName = Exclude<InstrumentName, 'waiting'>

/** A measurement: of which instrument, how much, under which labels. */
export type Measure = (
  instrument: MeasuredName,
  value: number,
  labels: Readonly<Record<string, string>>,
) => void

const codeOf = (error: unknown): string => (isSluiceError(error) ? error.code : 'OTHER')
const resultOf = (allowed: boolean): string => (allowed ? 'allowed' : 'rejected')
const partOf = (part: string | undefined): string => part ?? 'all'
const seconds = (ms: number): number => ms / 1000

/** Listens to a limiter, and measures. @returns what ends it */
export function observeLimiter(limiter: Pick<Limiter, 'on'>, measure: Measure): () => void {
  const listeners: { readonly [E in keyof LimiterEvents]?: (event: LimiterEvents[E]) => void } = {
    decision({ call, asked, decision, durationMs }) {
      const { allowed, reason, source } = decision
      const policies = isRequest(call) ? new Set(asked.map(item => item.policy)) : []
      for (const policy of policies)
        measure('requests', 1, { policy, result: resultOf(allowed), reason, source })
      measure('decisionSeconds', seconds(durationMs), { call, source })
    },
    waited({ waitedMs, decision }) {
      const result = decision === undefined ? 'given up' : resultOf(decision.allowed)
      measure('waitSeconds', seconds(waitedMs), { result })
    },
    batch({ part, requests, queued, tripMs, error }) {
      const labels = { part: partOf(part) }
      measure('batchRequests', requests, labels)
      measure('batchQueued', queued, labels)
      measure('batchSeconds', seconds(tripMs), { ...labels, result: error === undefined ? 'ok' : 'failed' })
    },
    storeError: ({ part, error }) => measure('storeErrors', 1, { part: partOf(part), code: codeOf(error) }),
    storeDown: ({ part }) => measure('storeUp', 0, { part: partOf(part) }),
    storeUp: ({ part }) => measure('storeUp', 1, { part: partOf(part) }),
    error: ({ call, error }) => measure('callErrors', 1, { call, code: codeOf(error) }),
    leaseLost: ({ policy }) => measure('leasesLost', 1, { policy }),
  }
  const ends = Object.entries(listeners).map(([event, listener]) =>
    limiter.on(event as keyof LimiterEvents, listener as () => void),
  )
  return () => {
    for (const end of ends) end()
  }
}
