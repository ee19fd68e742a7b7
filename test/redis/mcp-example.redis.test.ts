import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type RedisServer, startRedis } from '../support/redis-server.js'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

let redis: RedisServer
let upstream: Server
let isWell = true
let asked = 0
const replicas: ChildProcess[] = []

beforeEach(async () => {
  redis = await startRedis()
  asked = 0
  isWell = true
  upstream = createServer((_, response) => {
    asked++
    response.writeHead(isWell ? 200 : 503).end('sunny')
  }).listen(0, '127.0.0.1')
  await once(upstream, 'listening')
})

afterEach(async () => {
  for (const replica of replicas.splice(0)) {
    replica.kill('SIGTERM')
    if (replica.exitCode === null) await once(replica, 'exit')
  }
  upstream.close()
  upstream.closeAllConnections()
  await redis.stop()
})

/** A replica of the example. @returns where it listens */
async function startReplica(): Promise<string> {
  const { port } = upstream.address() as AddressInfo
  const args = ['examples/mcp-server.ts', '0', redis.url, `http://127.0.0.1:${port}`]
  const replica = spawn(process.execPath, ['--import', './scripts/run-source.ts', ...args], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  replicas.push(replica)
  for await (const line of createInterface({ input: replica.stdout })) {
    const found = /"port":(\d+)/.exec(line)
    if (found !== null) return `http://127.0.0.1:${found[1]}`
  }
  throw new Error('the example ended before it listened')
}

async function connect(at: string): Promise<Client> {
  const client = new Client({ name: 'client', version: '1.0.0' })
  await client.connect(new StreamableHTTPClientTransport(new URL(`${at}/mcp`)))
  return client
}

test("examples/mcp-server.ts: the SDK's own client passes, is refused with retry data, and /metrics shows both", async () => {
  const at = await startReplica()
  const client = await connect(at)
  for (let i = 0; i < 3; i++) {
    expect(await client.callTool({ name: 'weather' })).toMatchObject({ content: [{ text: 'sunny' }] })
  }
  await expect(client.callTool({ name: 'weather' })).rejects.toMatchObject({
    code: -32_029,
    data: { reason: 'limit', scope: 'tool', key: 'weather', limit: 3, retryAfterMs: expect.any(Number) },
  })
  expect(await client.callTool({ name: 'echo' })).toMatchObject({ content: [{ text: 'hello' }] })
  // Another client has limits of its own.
  const other = await connect(at)
  await other.callTool({ name: 'weather' })
  expect(asked).toBe(4)

  const metrics = await (await fetch(`${at}/metrics`)).text()
  expect(metrics).toContain('mcp_rate_limit_requests_allowed_total{scope="tool",key="weather"} 4')
  expect(metrics).toContain('mcp_rate_limit_requests_rejected_total{scope="tool",key="weather"} 1')
  expect(metrics).toMatch(/mcp_circuit_breaker_state\{scope="server",key="__other__"\} 0/)
  await client.close()
  await other.close()
})

test('examples/mcp-server.ts: an upstream that fails is left alone, and the tool says so', async () => {
  isWell = false
  const at = await startReplica()
  for (let i = 0; i < 4; i++) {
    const client = await connect(at)
    await client.callTool({ name: 'weather' })
    await client.close()
  }
  const client = await connect(at)
  const before = asked
  expect(await client.callTool({ name: 'weather' })).toMatchObject({ isError: true })
  expect(asked).toBe(before)
  const metrics = await (await fetch(`${at}/metrics`)).text()
  expect(metrics).toMatch(/mcp_circuit_breaker_state\{scope="server",key="__other__"\} 1/)
  await client.close()
})

test('examples/mcp-server.ts: no address opens sessions without end, and those that are open go on', async () => {
  const at = await startReplica()
  const client = await connect(at)
  const opened: number[] = []
  const hello = {
    protocolVersion: '2025-06-18',
    capabilities: {},
    clientInfo: { name: 'client', version: '1' },
  }
  const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }
  while (opened.at(-1) !== 429 && opened.length < 30) {
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params: hello })
    const response = await fetch(`${at}/mcp`, { method: 'POST', body, headers })
    await response.text()
    opened.push(response.status)
  }
  expect(opened.length).toBeLessThan(30)
  expect(await client.callTool({ name: 'echo' })).toMatchObject({ content: [{ text: 'hello' }] })
  await client.close()
})
