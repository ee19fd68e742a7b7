import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import { INSTRUMENTS, type InstrumentName, type Measure } from './instruments.js'

/** Which limiter measured it. */
const LIMITER = 'limiter'

/** The instruments as series of prom-client. @returns where measurements of the limiter of that name go */
export function prometheusInstruments(
  registry: Registry,
  waitingOf: ReadonlyMap<string, () => number>,
): (limiter: string) => Measure {
  const registers = [registry]
  const common = (name: InstrumentName) => {
    const { help, labels } = INSTRUMENTS[name]
    return { name: INSTRUMENTS[name].name, help, labelNames: [LIMITER, ...labels], registers }
  }
  const counter = (name: InstrumentName) => {
    const series = new Counter(common(name))
    return (labels: Record<string, string>, value: number) => series.inc(labels, value)
  }
  const gauge = (name: InstrumentName) => {
    const series = new Gauge(common(name))
    return (labels: Record<string, string>, value: number) => series.set(labels, value)
  }
  const histogram = (name: InstrumentName, buckets: readonly number[]) => {
    const series = new Histogram({ ...common(name), buckets: [...buckets] })
    return (labels: Record<string, string>, value: number) => series.observe(labels, value)
  }
  new Gauge({
    ...common('waiting'),
    collect() {
      for (const [limiter, waiting] of waitingOf) this.set({ [LIMITER]: limiter }, waiting())
    },
  })
  const record = {
    requests: counter('requests'),
    decisionSeconds: histogram('decisionSeconds', INSTRUMENTS.decisionSeconds.buckets),
    waitSeconds: histogram('waitSeconds', INSTRUMENTS.waitSeconds.buckets),
    batchRequests: histogram('batchRequests', INSTRUMENTS.batchRequests.buckets),
    batchQueued: histogram('batchQueued', INSTRUMENTS.batchQueued.buckets),
    batchSeconds: histogram('batchSeconds', INSTRUMENTS.batchSeconds.buckets),
    storeErrors: counter('storeErrors'),
    storeUp: gauge('storeUp'),
    callErrors: counter('callErrors'),
    leasesLost: counter('leasesLost'),
  }
  return limiter => (instrument, value, labels) =>
    record[instrument]({ ...labels, [LIMITER]: limiter }, value)
}
