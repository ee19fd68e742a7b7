/**
 * `npm run loadtest:gateways`: nginx before three gateway processes that share one Redis, then a Redis Cluster of six
 * nodes. Prints a verdict for each scenario and algorithm, and ends with 1 when one of them is wrong.
 *
 *   --short            seconds instead of minutes, three algorithms: what the tests run
 *   --store redis      one store only: redis or cluster
 *   --seed 2           another schedule of arrivals (default 1)
 *   --json             verdicts as JSON
 */
import { parseArgs } from 'node:util'
import type { Store } from 'sluice'
import { startRedisCluster } from '../../test/support/redis-cluster.js'
import { startRedis } from '../../test/support/redis-server.js'
import { runScenario } from './run.js'
import { FULL, SHORT } from './scenarios.js'
import { renderTable } from './table.js'
import type { Verdict } from './verdict.js'

/** How to start each store, and how to stop it. */
const STORES: Readonly<Record<string, () => Promise<{ store: Store; stop(): Promise<void> }>>> = {
  redis: async () => {
    const server = await startRedis()
    return { store: server.url, stop: () => server.stop() }
  },
  cluster: async () => {
    const cluster = await startRedisCluster({ masters: 3, replicas: 1 })
    const seeds = cluster.seeds.map(({ host, port }) => `${host}:${port}`)
    return { store: `redis+cluster://${seeds.join(',')}`, stop: () => cluster.stop() }
  },
}

const { values } = parseArgs({
  options: {
    short: { type: 'boolean', default: false },
    store: { type: 'string', multiple: true, default: Object.keys(STORES) },
    seed: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
  },
})
const seed = Number(values.seed)
if (!Number.isSafeInteger(seed)) throw new Error(`--seed ${values.seed}: write a whole number`)

const starts = values.store.map(name => {
  const start = STORES[name]
  if (start === undefined) throw new Error(`--store ${name}: stores are ${Object.keys(STORES).join(', ')}`)
  return { name, start }
})

const verdicts: Verdict[] = []
try {
  for (const { name, start } of starts) {
    const { store, stop } = await start()
    try {
      for (const scenario of values.short ? SHORT : FULL) {
        console.error(`${name}, ${scenario.name}: ${scenario.durationMs / 1000} s ...`)
        verdicts.push(...(await runScenario({ scenario, storeName: name, store, seed })))
      }
    } finally {
      await stop()
    }
  }
  process.exitCode = verdicts.every(({ problems }) => problems.length === 0) ? 0 : 1
} finally {
  // What was found before something else failed is told all the same.
  console.log(values.json ? JSON.stringify(verdicts, undefined, 2) : renderTable(verdicts))
}
