/** Asks for the same tool again and again under the limits of a gateway, by a wall clock that is wrong, and tells how often it passed. */
import { systemClock } from '../../../src/core/time.js'
import { createGatewayLimits } from '../../../src/inbound/index.js'

const [store = '', shiftMs = '0', requests = '0'] = process.argv.slice(2)
const { nowUs } = systemClock
Object.assign(systemClock, { nowUs: () => nowUs() + 1000 * Number(shiftMs) })

const limits = createGatewayLimits({
  store,
  prefix: 'mcp:rate_limit:',
  deadline: '30s',
  denyCache: false,
  by_tool: {
    exact: { strategy: 'SlidingWindow', max_requests: 700, window: '1h' },
    window: { strategy: 'FixedWindow', max_requests: 700, window: '1h' },
    token: { strategy: 'TokenBucket', capacity: 700, refill_rate: '1/h' },
    leaky: { strategy: 'LeakyBucket', capacity: 700, leak_rate: '1/h' },
  },
})
await limits.limiter.ready()
process.send?.('ready')
process.once('message', async () => {
  const tools = ['exact', 'window', 'token', 'leaky']
  const admitted = Object.fromEntries(tools.map(tool => [tool, 0]))
  const ask = async (tool: string) => {
    if ((await limits.check({ tool })).allowed) admitted[tool] = (admitted[tool] as number) + 1
  }
  for (let i = 0; i < Number(requests); i += 50) {
    await Promise.all(tools.flatMap(tool => Array.from({ length: 50 }, () => ask(tool))))
  }
  await limits.close()
  process.send?.(admitted, () => process.exit(0))
})
