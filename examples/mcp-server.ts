/**
 * An MCP server over HTTP: limits for its tools, a circuit breaker around the upstream that one of them asks, and
 * `/metrics` for both. Each client has a server of its own; they share the limits, and with other replicas the Redis.
 *
 *   node --import ./scripts/run-source.ts examples/mcp-server.ts 3000 redis://localhost:6379 http://127.0.0.1:9000
 */
import { randomUUID } from 'node:crypto'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import express from 'express'
import { createLimiter } from 'sluice'
import { createBreaker } from 'sluice/breaker'
import { rateLimit } from 'sluice/express'
import { limitMcp } from 'sluice/mcp'
import { createPrometheusMetrics } from 'sluice/prometheus'

const [port = '3000', store = 'redis://localhost:6379', upstream = 'http://127.0.0.1:9000'] =
  process.argv.slice(2)

const limiter = createLimiter({ store, policies: { sessions: '20/m' } })
const breaker = createBreaker({
  store,
  name: 'weather',
  scope: 'PerServer',
  failureThreshold: 3,
  timeout: '30s',
})
const metrics = createPrometheusMetrics({
  limiters: { mcp: limiter },
  breakers: [breaker],
  scopes: { 'mcp.tools.weather': 'tool', 'mcp.tools.*': 'tool', 'mcp.methods.*': 'method' },
  // Tools and methods are named, and those who ask for them are not.
  key: subject => (typeof subject === 'string' ? undefined : subject.name),
})

function createServer(): McpServer {
  const server = new McpServer({ name: 'example', version: '1.0.0' })
  limitMcp(server, {
    limiter,
    tools: { weather: '3/m', '*': '30/m' },
    methods: { '*': '600/m' },
    subject: ({ sessionId }) => sessionId,
  })
  server.registerTool('weather', { description: 'The weather' }, async () => {
    const weather = await breaker.run({ server: upstream }, () => fetch(upstream))
    return { content: [{ type: 'text', text: await weather.text() }] }
  })
  server.registerTool('echo', { description: 'Says hello' }, async () => ({
    content: [{ type: 'text', text: 'hello' }],
  }))
  return server
}

const sessions = new Map<string, StreamableHTTPServerTransport>()

async function openSession(): Promise<StreamableHTTPServerTransport> {
  const transport = new StreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    onsessioninitialized: id => void sessions.set(id, transport),
    onsessionclosed: id => void sessions.delete(id),
  })
  await createServer().connect(transport)
  return transport
}

const app = express()
app.get('/metrics', metrics.handler())
// A new session is a new subject, so that who opens them is limited too, by address.
const opening = rateLimit({
  limiter,
  policy: 'sessions',
  skip: req => req.get('mcp-session-id') !== undefined,
})
app.all('/mcp', opening, express.json(), async (req, res) => {
  const session = req.get('mcp-session-id')
  const transport = session === undefined ? await openSession() : sessions.get(session)
  if (transport === undefined) res.status(404).end()
  else await transport.handleRequest(req, res, req.body)
})

const server = app.listen(Number(port), '127.0.0.1', () => {
  console.log(`listening on ${JSON.stringify(server.address())}`)
})
process.once('SIGTERM', async () => {
  server.close()
  for (const transport of sessions.values()) await transport.close()
  server.closeAllConnections()
  await Promise.all([limiter.close(), breaker.close()])
})
