import { AsyncLocalStorage } from 'node:async_hooks'
import {
  type Context,
  type ContextManager,
  context,
  ROOT_CONTEXT,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
import { afterEach, describe, expect, test } from 'vitest'
import { createBreaker } from '../../../src/breaker/index.js'
import { instrumentLimiters, type OpenTelemetryOptions } from '../../../src/metrics/opentelemetry.js'
import { createTestLimiter } from '../../../src/testing/index.js'

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
})

function watched(options: Pick<OpenTelemetryOptions, 'subject'> = {}) {
  const { limiter, clock } = createTestLimiter({
    policies: { perUser: { algorithm: 'fixed_window', limit: 2, window: '1m' } },
  })
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  const meters = new MeterProvider({ readers: [new PeriodicExportingMetricReader({ exporter })] })
  const spans = new InMemorySpanExporter()
  const tracers = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter: spans })] })
  const end = instrumentLimiters({
    limiters: { api: limiter },
    meter: meters.getMeter('test'),
    tracer: tracers.getTracer('test'),
    ...options,
  })
  ends.push(
    end,
    () => meters.shutdown(),
    () => tracers.shutdown(),
  )
  /** Data points by the name of their instrument. */
  const points = async () => {
    await meters.forceFlush()
    const all =
      exporter
        .getMetrics()
        .at(-1)
        ?.scopeMetrics.flatMap(({ metrics }) => metrics) ?? []
    return Object.fromEntries(
      all.map(({ descriptor, dataPoints }) => [descriptor.name, { ...descriptor, dataPoints }]),
    )
  }
  return { limiter, clock, points, spans, tracers }
}

/** As the SDK for Node brings one. */
class AsyncContexts implements ContextManager {
  readonly #storage = new AsyncLocalStorage<Context>()
  active = () => this.#storage.getStore() ?? ROOT_CONTEXT
  with: ContextManager['with'] = (ctx, fn, self, ...args) =>
    this.#storage.run(ctx, () => fn.apply(self as never, args))
  bind = <T>(_: Context, target: T) => target
  enable = () => this
  disable = () => this
}

describe('instruments', () => {
  test('count requests, and measure how long decisions and waits take, in seconds', async () => {
    const { limiter, clock, points } = watched()
    await limiter.check('perUser', 'ada', { cost: 2 })
    const waiting = limiter.wait('perUser', 'ada', { maxWait: '5m' })
    expect((await points())['sluice.waiting.calls']?.dataPoints).toMatchObject([{ value: 1 }])
    await clock.advance('1m')
    await waiting
    const told = await points()
    expect(told['sluice.requests']?.dataPoints).toMatchObject([
      {
        value: 2,
        attributes: {
          'sluice.limiter': 'api',
          'sluice.policy': 'perUser',
          'sluice.result': 'allowed',
          'sluice.reason': 'ok',
          'sluice.source': 'memory',
        },
      },
    ])
    expect(told['sluice.decision.duration']).toMatchObject({ unit: 's' })
    expect(told['sluice.wait.duration']?.dataPoints).toMatchObject([{ value: { sum: 60, count: 1 } }])
  })
})

describe('spans', () => {
  test('tell each decision in the trace of its caller, and no subject', async () => {
    const { limiter, spans, tracers } = watched()
    context.setGlobalContextManager(new AsyncContexts())
    ends.push(() => context.disable())
    const caller = tracers.getTracer('service').startSpan('GET /')
    await context.with(trace.setSpan(context.active(), caller), async () => {
      for (let i = 0; i < 3; i++) await limiter.check('perUser', 'hunter2')
      await limiter.check('perUser', 'hunter2', { cost: 9 }).catch(() => {})
    })
    caller.end()
    const told = spans.getFinishedSpans().filter(({ name }) => name === 'sluice check')
    expect(told.map(({ attributes }) => attributes['sluice.allowed'])).toEqual([true, true, false, undefined])
    expect(told.map(({ status }) => status.code)).toEqual([
      ...[SpanStatusCode.UNSET, SpanStatusCode.UNSET, SpanStatusCode.UNSET],
      SpanStatusCode.ERROR,
    ])
    for (const { parentSpanContext } of told) {
      expect(parentSpanContext?.spanId).toBe(caller.spanContext().spanId)
    }
    const written = JSON.stringify(told.map(({ name, attributes, status }) => ({ name, attributes, status })))
    expect(written).not.toContain('hunter2')
  })

  test('name subjects where asked to', async () => {
    const { limiter, spans } = watched({ subject: subject => `<${String(subject)}>` })
    await limiter.check('perUser', 'ada')
    expect(spans.getFinishedSpans()[0]?.attributes['sluice.subjects']).toEqual(['<ada>'])
  })
})

test('what is no limiter is refused by name', () => {
  expect(() => instrumentLimiters({ limiters: { api: 5 as never } })).toThrow(/limiters\.api/)
})

test('B9: breakers are summed over their circuits, none of which is named, until it is ended', async () => {
  const breaker = createBreaker({ name: 'upstream', scope: 'PerServer', failureThreshold: 1 })
  ends.push(() => breaker.close())
  const exporter = new InMemoryMetricExporter(AggregationTemporality.DELTA)
  const meters = new MeterProvider({ readers: [new PeriodicExportingMetricReader({ exporter })] })
  ends.push(() => meters.shutdown())
  const end = instrumentLimiters({ breakers: [breaker], meter: meters.getMeter('test') })
  const failing = () => Promise.reject(new Error('down'))
  for (const server of ['secret-a', 'secret-a', 'secret-b'])
    await breaker.run({ server }, failing).catch(() => {})
  await breaker.run({ server: 'secret-c' }, () => 'fine')
  await meters.forceFlush()
  const told = exporter
    .getMetrics()
    .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics))
  const common = { 'sluice.breaker': 'upstream', 'sluice.scope': 'server' }
  const values = told.map(({ descriptor, dataPoints }) => [
    descriptor.name,
    dataPoints.map(point => point.value),
  ])
  expect(Object.fromEntries(values)).toEqual({
    'sluice.breaker.failures': [2],
    'sluice.breaker.rejections': [1],
    'sluice.breaker.transitions': [2],
    'sluice.breaker.circuits': [1, 2, 0],
  })
  expect(told[0]?.dataPoints[0]?.attributes).toEqual(common)
  expect(JSON.stringify(told)).not.toContain('secret')
  end()
  exporter.reset()
  await meters.forceFlush()
  expect(
    exporter
      .getMetrics()
      .flatMap(({ scopeMetrics }) =>
        scopeMetrics.flatMap(({ metrics }) =>
          metrics.flatMap(({ dataPoints }) => dataPoints as readonly unknown[]),
        ),
      ),
  ).toEqual([])
})
