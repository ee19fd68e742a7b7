import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js'
import { Server } from '@modelcontextprotocol/sdk/server/index.js'
import { CallToolRequestSchema } from '@modelcontextprotocol/sdk/types.js'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { limitMcp } from '../../../src/middleware/mcp.js'

test('A8: a refused call that was to become a task is answered by an error, as its client waits for no result of a tool', async () => {
  const capabilities = { tools: {}, tasks: { requests: { tools: { call: {} } } } }
  const server = new Server({ name: 'test', version: '1.0.0' }, { capabilities })
  await using _ = limitMcp(server, { tools: { search: '1/m' }, refusal: 'tool-result' })
  const times = { createdAt: '2026-01-01T00:00:00Z', lastUpdatedAt: '2026-01-01T00:00:00Z' }
  server.setRequestHandler(CallToolRequestSchema, ({ params }) =>
    params.task === undefined
      ? { content: [] }
      : { task: { taskId: '1', status: 'working', ttl: 1000, ...times } },
  )
  const client = new Client({ name: 'client', version: '1.0.0' })
  const [ours, theirs] = InMemoryTransport.createLinkedPair()
  await Promise.all([server.connect(theirs), client.connect(ours)])
  const call = (more: object) =>
    client.request({ method: 'tools/call', params: { name: 'search', ...more } }, z.looseObject({}))
  expect(await call({ task: { ttl: 1000 } })).toMatchObject({ task: { taskId: '1' } })
  await expect(call({ task: { ttl: 1000 } })).rejects.toMatchObject({
    code: -32_029,
    data: { reason: 'limit' },
  })
  expect(await call({})).toMatchObject({ isError: true, _meta: { 'sluice/refusal': { reason: 'limit' } } })
  await client.close()
})
