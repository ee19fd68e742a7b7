/** `sluice/prometheus`: limiters and circuit breakers as series for Prometheus, by prom-client (`docs/metrics.md`). */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Registry } from 'prom-client'
import { z } from 'zod'
import { OptionError } from '../errors.js'
import { warnProcess } from '../events.js'
import type { Limiter } from '../limiter/types.js'
import { addCircuitSeries, type WatchedBreaker } from './circuit-series.js'
import { observeLimiter } from './instruments.js'
import { LimitSeries } from './limit-series.js'
import { hasMethods, namedLimiters } from './option-schemas.js'
import { prometheusInstruments } from './prometheus-instruments.js'
import { SERIES_KEYS_MAX, type SeriesKeyOf, SeriesKeys, subjectText } from './series-keys.js'

export type { WatchedBreaker } from './circuit-series.js'
export type { SeriesKeyOf } from './series-keys.js'

/** A limiter, as it is watched: whatever its policies are. */
export type WatchedLimiter = Pick<Limiter, 'on' | 'metrics'>

export interface PrometheusOptions {
  /** By the name that the label `limiter` of the series `sluice_*` has. */
  readonly limiters?: Readonly<Record<string, WatchedLimiter>>
  readonly breakers?: readonly WatchedBreaker[]
  /** Where the series are registered. Default: a registry of their own. */
  readonly registry?: Registry
  /** The label `scope` of a policy, such as `{ perUser: 'user' }`. Default: the name of the policy. */
  readonly scopes?: Readonly<Record<string, string>>
  /**
   * The label `key` of a subject. `false`: no subject is named, for series are kept for long and seen by many. Default: the
   * text of the subject.
   */
  readonly key?: SeriesKeyOf | false
  /** Labels `key`, at most: what comes later has `key="__other__"`. Default: 1,000. */
  readonly maxKeys?: number
}

/** What `createPrometheusMetrics` makes. */
export interface PrometheusMetrics {
  readonly registry: Registry
  /** All series, as Prometheus reads them. */
  text(): Promise<string>
  /** Answers `GET path` with the text, and everything else with 404 or 405. */
  handler(options?: { readonly path?: string }): (request: IncomingMessage, response: ServerResponse) => void
  /** Hands the text over again and again, to push it; what fails is a warning of the process. @returns what ends it */
  every(intervalMs: number, send: (text: string) => unknown): () => void
  /** Listens no more. The series stay as they are. */
  close(): void
}

const OPTIONS = z.strictObject({
  limiters: namedLimiters.optional(),
  breakers: z.array(hasMethods('metrics')).optional(),
  registry: hasMethods('registerMetric', 'metrics').optional(),
  scopes: z.record(z.string(), z.string()).optional(),
  key: z.union([z.literal(false), z.custom<SeriesKeyOf>(value => typeof value === 'function')]).optional(),
  maxKeys: z.int().min(0).optional(),
})

const METHODS: readonly (string | undefined)[] = ['GET', 'HEAD']

/**
 * Watches limiters and breakers from now on.
 *
 * @throws OptionError naming each option that cannot be accepted
 */
export function createPrometheusMetrics(options: PrometheusOptions): PrometheusMetrics {
  const read = OPTIONS.safeParse(options)
  if (!read.success)
    throw new OptionError(`options of createPrometheusMetrics:\n${z.prettifyError(read.error)}`)
  const { limiters = {}, breakers = [], registry = new Registry(), scopes = {} } = options
  const { key = subjectText, maxKeys = SERIES_KEYS_MAX } = options
  const nameOf = key === false ? () => undefined : key
  const scopeOf = (policy: string) => (Object.hasOwn(scopes, policy) ? (scopes[policy] as string) : policy)

  const ends: (() => void)[] = []
  if (options.limiters !== undefined) {
    const series = new LimitSeries(registry, new SeriesKeys(maxKeys, nameOf), scopeOf)
    const waiting = Object.entries(limiters).map(
      ([name, limiter]) => [name, () => limiter.metrics().waiting] as const,
    )
    const measureOf = prometheusInstruments(registry, new Map(waiting))
    for (const [name, limiter] of Object.entries(limiters)) {
      ends.push(limiter.on('decision', event => series.count(event)))
      ends.push(observeLimiter(limiter, measureOf(name)))
    }
  }
  if (options.breakers !== undefined) addCircuitSeries(registry, breakers, new SeriesKeys(maxKeys, nameOf))

  const text = () => registry.metrics()
  return {
    registry,
    text,
    handler:
      ({ path = '/metrics' } = {}) =>
      (request, response) => {
        const asked = request.url?.split('?')[0]
        if (asked !== path) return void response.writeHead(404).end()
        if (!METHODS.includes(request.method))
          return void response.writeHead(405, { Allow: 'GET, HEAD' }).end()
        text().then(
          body => response.writeHead(200, { 'Content-Type': registry.contentType }).end(body),
          error => {
            warnProcess('the text of metrics could not be made', error)
            response.writeHead(500).end()
          },
        )
      },
    every(intervalMs, send) {
      const timer = setInterval(
        () =>
          text()
            .then(send)
            .catch(error => warnProcess('the text of metrics could not be handed over', error)),
        intervalMs,
      ).unref()
      return () => clearInterval(timer)
    },
    close() {
      for (const end of ends.splice(0)) end()
    },
  }
}
