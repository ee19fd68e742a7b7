/**
 * `npm run bench:hook`: what a gateway waits for at each call, from the request to its decision with header fields, in
 * memory and in CPU time of this process, garbage collection included.
 *
 * The contenders take turns within every round; what else the machine does can only add, so each figure is that of its best
 * round. Requests are of 1,000 users, 10 tenants and 20 tools, and come out of JSON, each a batch at a time and outside the
 * time that is measured: strings of their own, as a server gets them. Fails above the limits.
 *
 *   SLUICE_BENCH_ROUNDS=40   rounds (default 20)
 */
import { createGatewayLimits, type GatewayConfig } from '../../src/inbound/index.ts'
import { createLimiter } from '../../src/index.ts'
import { McpLimit } from '../../src/middleware/mcp/mcp-limit.ts'
import { sequence } from './support/closed-loop.ts'

const ROUNDS = Number(process.env.SLUICE_BENCH_ROUNDS ?? 20)
const WARM_UP_ROUNDS = 3
const ROUND_CALLS = 20_000
const BATCH_CALLS = 500
const USERS = 1_000
const TENANTS = 10
const TOOLS = 20
/** Not reached. */
const RATE = '1000000/h'

interface Request {
  readonly user: string
  readonly tenant: string
  readonly tool: string
}

/** Decides each request, one after the other. */
type Run = (requests: readonly Request[]) => Promise<void>

function gateway(config: GatewayConfig): Run {
  const limits = createGatewayLimits(config)
  return async requests => {
    for (const request of requests) {
      const verdict = await limits.check(request)
      const fields = limits.headersOf(verdict)
      if (!verdict.allowed || fields['X-RateLimit-Limit'] === undefined)
        throw new Error('refused, or not told')
    }
  }
}

function mcp(options: ConstructorParameters<typeof McpLimit>[0]): Run {
  const limit = new McpLimit(options)
  return async requests => {
    for (const { user, tool } of requests) {
      const request = { method: 'tools/call', params: { name: tool } }
      const { refusal } = await limit.decide(request, { authInfo: { clientId: user } })
      if (refusal !== undefined) throw refusal
    }
  }
}

function checkAll(): Run {
  const limiter = createLimiter({ policies: { user: RATE, tenant: RATE, tool: RATE } })
  return async requests => {
    for (const { user, tenant, tool } of requests) {
      const { allowed } = await limiter.checkAll([
        { policy: 'user', subject: user },
        { policy: 'tenant', subject: tenant },
        { policy: 'tool', subject: tool },
      ])
      if (!allowed) throw new Error('refused')
    }
  }
}

const three: GatewayConfig = { by_user: RATE, by_tenant: RATE, by_tool: { 'tool-*': RATE } }

const CONTENDERS: Readonly<Record<string, { readonly run: Run; readonly limitUs?: number }>> = {
  'limiter.checkAll of three': { run: checkAll() },
  'one dimension': { run: gateway({ by_user: RATE }), limitUs: 1.5 },
  'one dimension, fixed_window': {
    run: gateway({ by_user: RATE, algorithm: 'fixed_window' }),
    limitUs: 1.5,
  },
  'three dimensions': { run: gateway(three), limitUs: 2.5 },
  'three dimensions, fixed_window': { run: gateway({ ...three, algorithm: 'fixed_window' }), limitUs: 2.5 },
  'limitMcp, by tool': { run: mcp({ tools: { 'tool-*': RATE } }), limitUs: 1.5 },
  'limitMcp, by tool and by method': {
    run: mcp({ tools: { 'tool-*': RATE }, methods: { 'tools/call': RATE } }),
    limitUs: 2.5,
  },
}

const draw = sequence(7)
const drawRequest = (): Request => {
  const number = draw() >>> 8
  return {
    user: `user-${number % USERS}@example.com`,
    tenant: `tenant-${number % TENANTS}`,
    tool: `tool-${number % TOOLS}`,
  }
}

/** CPU us per call of one round. */
async function cpuUs(run: Run): Promise<number> {
  let spentUs = 0
  for (let calls = 0; calls < ROUND_CALLS; calls += BATCH_CALLS) {
    const json = JSON.stringify(Array.from({ length: BATCH_CALLS }, drawRequest))
    const requests = JSON.parse(json) as readonly Request[]
    const before = process.cpuUsage()
    await run(requests)
    const { user, system } = process.cpuUsage(before)
    spentUs += user + system
  }
  return spentUs / ROUND_CALLS
}

const best = new Map<string, number>()
for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round++) {
  for (const [name, { run }] of Object.entries(CONTENDERS)) {
    const us = await cpuUs(run)
    if (round >= 0) best.set(name, Math.min(best.get(name) ?? us, us))
  }
}

console.log(`Node ${process.version}, the best of ${ROUNDS} rounds of ${ROUND_CALLS} calls\n`)
console.log('| one call | CPU us | limit |\n|---|---|---|')
for (const [name, us] of best) {
  const limitUs = CONTENDERS[name]?.limitUs
  if (limitUs !== undefined && us > limitUs) process.exitCode = 1
  console.log(`| ${name} | ${us.toFixed(2)} | ${limitUs === undefined ? '' : `≤ ${limitUs}`} |`)
}
