import type { PoliciesInput, Store } from 'sluice'
import { drawArrivals } from './arrivals.js'
import { startGateways } from './gateways.js'
import { sendAll } from './load.js'
import type { Scenario } from './scenarios.js'
import { judge, type Verdict } from './verdict.js'

/** Gateways behind nginx in every run. */
const GATEWAYS = 3

export interface RunOptions {
  readonly scenario: Scenario
  /** What the store is called in the table. */
  readonly storeName: string
  readonly store: Store
  readonly seed: number
  /** What one gateway, 0 to 2, is given where it differs from what it should be: to see the load test fail. */
  readonly deployed?: (gateway: number) => { readonly store?: Store; readonly policies?: PoliciesInput }
  /** Runs beside the load: for faults. */
  readonly meanwhile?: () => Promise<void>
}

/** Runs one scenario through nginx and three gateways, and judges it. */
export async function runScenario(options: RunOptions): Promise<Verdict[]> {
  const { scenario, storeName, store, seed, deployed = () => ({}), meanwhile = async () => {} } = options
  const { policies } = scenario
  // Counters of its own for every run.
  const prefix = `loadtest-${scenario.name.replaceAll(' ', '-')}-${seed}`
  const gateways = await startGateways(
    Array.from({ length: GATEWAYS }, (_, i) => ({ store, prefix, policies, ...deployed(i) })),
  )
  try {
    const arrivals = drawArrivals(scenario.traffic, scenario.durationMs, seed)
    const [answers] = await Promise.all([sendAll(gateways.url, arrivals), meanwhile()])
    // What was decided is on record only when every process has ended its last request.
    await gateways.stop()
    return judge({
      store: storeName,
      scenario: scenario.name,
      policies,
      answers,
      recordings: gateways.recordings(),
    })
  } finally {
    await gateways.stop()
  }
}
