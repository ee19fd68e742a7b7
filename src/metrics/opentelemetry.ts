/** `sluice/opentelemetry`: limiters and breakers as instruments and spans of OpenTelemetry, by its API alone (`docs/metrics.md`). */
import {
  type Meter,
  metrics,
  type ObservableResult,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import { z } from 'zod'
import { systemClock } from '../core/time.js'
import { OptionError } from '../errors.js'
import type { Limiter } from '../limiter/types.js'
import { INSTRUMENTS, type InstrumentName, type Measure, observeLimiter } from './instruments.js'
import { hasMethods, namedLimiters } from './option-schemas.js'
import { type NamedBreaker, observeCircuits } from './otel-circuits.js'
import type { SeriesKeyOf } from './series-keys.js'

export type { SeriesKeyOf } from './series-keys.js'

export interface OpenTelemetryOptions {
  /** By the name that the attribute `sluice.limiter` has. */
  readonly limiters?: Readonly<Record<string, Pick<Limiter, 'on' | 'metrics'>>>
  /** Circuit breakers, as instruments; their `name` is the attribute `sluice.breaker`. */
  readonly breakers?: readonly NamedBreaker[]
  /** Default: that of the global provider. */
  readonly meter?: Meter
  /** A span for each decision, in the context of its caller. `false`: none. Default: that of the global provider. */
  readonly tracer?: Tracer | false
  /** The attribute `sluice.subject` of a span. Default: none, for spans are kept for long and seen by many. */
  readonly subject?: SeriesKeyOf
}

const SCOPE = 'sluice'

const OPTIONS = z.strictObject({
  limiters: namedLimiters.optional(),
  breakers: z.array(hasMethods('metrics')).optional(),
  meter: hasMethods('createCounter', 'createHistogram').optional(),
  tracer: z.union([z.literal(false), hasMethods('startSpan')]).optional(),
  subject: z.custom<SeriesKeyOf>(value => typeof value === 'function', 'must be a function').optional(),
})

/**
 * Watches limiters and breakers from now on.
 *
 * @returns what ends it
 * @throws OptionError naming each option that cannot be accepted
 */
export function instrumentLimiters(options: OpenTelemetryOptions): () => void {
  const read = OPTIONS.safeParse(options)
  if (!read.success) throw new OptionError(`options of instrumentLimiters:\n${z.prettifyError(read.error)}`)
  const { limiters = {}, breakers = [] } = options
  const { meter = metrics.getMeter(SCOPE), tracer = trace.getTracer(SCOPE), subject } = options
  const ends: (() => void)[] = []
  if (options.limiters !== undefined) {
    ends.push(observeWaiting(meter, limiters))
    const measureOf = otelInstruments(meter)
    for (const [name, limiter] of Object.entries(limiters)) {
      ends.push(observeLimiter(limiter, measureOf(name)))
      if (tracer !== false) ends.push(spanDecisions(tracer, name, limiter, subject))
    }
  }
  if (options.breakers !== undefined) ends.push(observeCircuits(meter, breakers))
  return () => {
    for (const end of ends) end()
  }
}

/** `sluice_batch_round_trip_seconds` is `sluice.batch.round_trip` in seconds there. */
function otelNameOf(instrument: InstrumentName): string {
  return INSTRUMENTS[instrument].name
    .replace(/_total$|_seconds$/, '')
    .replace(/^sluice_(batch|store|call|wait|decision|leases|waiting)_/, 'sluice.$1.')
    .replace(/^sluice_/, 'sluice.')
}

const described = (name: InstrumentName) => ({ description: INSTRUMENTS[name].help })

/** How many calls wait, when that is collected. @returns what ends it */
function observeWaiting(
  meter: Meter,
  limiters: Readonly<Record<string, Pick<Limiter, 'metrics'>>>,
): () => void {
  const gauge = meter.createObservableGauge(otelNameOf('waiting'), described('waiting'))
  const callback = (result: ObservableResult) => {
    for (const [name, limiter] of Object.entries(limiters)) {
      result.observe(limiter.metrics().waiting, { 'sluice.limiter': name })
    }
  }
  gauge.addCallback(callback)
  return () => gauge.removeCallback(callback)
}

function otelInstruments(meter: Meter): (limiter: string) => Measure {
  const counter = (name: InstrumentName) => {
    const instrument = meter.createCounter(otelNameOf(name), described(name))
    return (value: number, labels: Record<string, string>) => instrument.add(value, labels)
  }
  const histogram = (name: InstrumentName, unit: string, buckets: readonly number[]) => {
    const advice = { explicitBucketBoundaries: [...buckets] }
    const instrument = meter.createHistogram(otelNameOf(name), { ...described(name), unit, advice })
    return (value: number, labels: Record<string, string>) => instrument.record(value, labels)
  }
  const up = meter.createGauge(otelNameOf('storeUp'), described('storeUp'))
  const record = {
    requests: counter('requests'),
    decisionSeconds: histogram('decisionSeconds', 's', INSTRUMENTS.decisionSeconds.buckets),
    waitSeconds: histogram('waitSeconds', 's', INSTRUMENTS.waitSeconds.buckets),
    batchRequests: histogram('batchRequests', '{request}', INSTRUMENTS.batchRequests.buckets),
    batchQueued: histogram('batchQueued', '{request}', INSTRUMENTS.batchQueued.buckets),
    batchSeconds: histogram('batchSeconds', 's', INSTRUMENTS.batchSeconds.buckets),
    storeErrors: counter('storeErrors'),
    storeUp: (value: number, labels: Record<string, string>) => up.record(value, labels),
    callErrors: counter('callErrors'),
    leasesLost: counter('leasesLost'),
  }
  return limiter => (instrument, value, labels) =>
    record[instrument](value, attributesOf({ ...labels, limiter }))
}

const attributesOf = (labels: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(labels).map(([name, value]) => [`sluice.${name}`, value]))

/** Events come in the context of the caller, when it is over: the span begins as long ago as it took. */
function spanDecisions(
  tracer: Tracer,
  limiterName: string,
  limiter: Pick<Limiter, 'on'>,
  subject: SeriesKeyOf | undefined,
): () => void {
  const offDecision = limiter.on('decision', ({ call, asked, decision, durationMs }) => {
    const endTime = systemClock.nowUs() / 1000
    const span = tracer.startSpan(`sluice ${call}`, {
      startTime: endTime - durationMs,
      attributes: {
        'sluice.limiter': limiterName,
        'sluice.policies': asked.map(({ policy }) => policy),
        'sluice.allowed': decision.allowed,
        'sluice.reason': decision.reason,
        'sluice.source': decision.source,
        'sluice.remaining': decision.remaining,
        'sluice.retry_after_ms': decision.retryAfterMs,
      },
    })
    const subjects = subject && asked.map(item => subject(item.subject, item.policy) ?? '')
    if (subjects !== undefined) span.setAttribute('sluice.subjects', subjects)
    span.end(endTime)
  })
  const offError = limiter.on('error', ({ call, asked, error }) => {
    const span = tracer.startSpan(`sluice ${call}`, {
      attributes: { 'sluice.limiter': limiterName, 'sluice.policies': asked.map(({ policy }) => policy) },
    })
    const { name } = error instanceof Error ? error : { name: 'unknown' }
    // Not its message, which names the subject.
    span.setStatus({ code: SpanStatusCode.ERROR, message: name })
    span.end()
  })
  return () => {
    offDecision()
    offError()
  }
}
