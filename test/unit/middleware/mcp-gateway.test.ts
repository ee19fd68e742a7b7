import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { createGatewayLimits, type GatewayConfig } from '../../../src/inbound/index.js'
import { headersOf, limitMcp, type McpExtra, type McpLimitOptions } from '../../../src/middleware/mcp.js'
import { FakeClock } from '../../../src/testing/index.js'

const ends: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
})

type Identity = { user?: string; tenant?: string; server?: string }

/** A server under the limits of a gateway. Who calls is what `who` says at the time. */
async function setUp(config: GatewayConfig, options: Omit<McpLimitOptions, 'gateway'> = {}) {
  const clock = new FakeClock()
  const gateway = createGatewayLimits({ clock, ...config })
  const who: Identity = {}
  const server = new McpServer({ name: 'test', version: '1.0.0' })
  limitMcp(server, { gateway, identify: () => who, ...options })
  for (const tool of ['search', 'Search', 'other']) {
    server.registerTool(tool, {}, async () => ({ content: [{ type: 'text', text: tool }] }))
  }
  server.registerPrompt('search', {}, async () => ({ messages: [] }))
  const client = new Client({ name: 'client', version: '1.0.0' })
  const [ours, theirs] = InMemoryTransport.createLinkedPair()
  await Promise.all([server.connect(theirs), client.connect(ours)])
  ends.push(() => client.close())
  const call = (name: string, as: Identity) => {
    Object.assign(who, { user: undefined, tenant: undefined, server: undefined }, as)
    return client.callTool({ name })
  }
  return { gateway, clock, client, call, who }
}

const refused = (data: object) => ({ code: -32_029, data: expect.objectContaining(data) })

describe('limits of a gateway before an MCP server', () => {
  test('A1: user, tenant and tool are one decision, and the client is told no name but its own words', async () => {
    const { call, gateway } = await setUp({ by_user: '3/m', by_tenant: '4/m', by_tool: { search: '2/m' } })
    const ada = { user: 'ada@example.com', tenant: 'acme-secret' }
    await call('search', ada)
    await call('Search', ada)
    await expect(call('search', ada)).rejects.toMatchObject(
      refused({ scope: 'tool', key: 'search', limit: 2 }),
    )
    await call('other', ada)
    const byUser = await call('other', ada).catch(error => error)
    expect(byUser).toMatchObject(refused({ scope: 'user', limit: 3, retryAfterMs: 20_000 }))
    await call('other', { ...ada, user: 'bob' })
    const byTenant = await call('other', { ...ada, user: 'eve' }).catch(error => error)
    expect(byTenant).toMatchObject(refused({ scope: 'tenant', limit: 4 }))
    for (const { message, data } of [byUser, byTenant]) {
      expect(JSON.stringify({ message, data })).not.toMatch(/ada|acme|eve/)
    }
    expect(gateway.limiter.metrics().policies['by_tool.search']).toMatchObject({ allowed: 2, rejected: 1 })
  })

  test('A1: a prompt counts as the tool of its name; what nothing limits goes on, and so does who connects', async () => {
    const { call, client } = await setUp({ by_tool: { search: '1/m' } })
    await call('search', {})
    await expect(client.getPrompt({ name: 'search' })).rejects.toMatchObject(refused({ scope: 'tool' }))
    await client.listTools()
    await call('other', {})
    const strict = await setUp({ by_method: '1/h' })
    await strict.client.ping()
    await strict.client.ping()
    await strict.call('other', {})
    await expect(strict.call('other', {})).rejects.toMatchObject(
      refused({ scope: 'method', key: 'tools/call' }),
    )
  })

  test('A7: waits as long as is said, by the gateway or by maxWait', async () => {
    for (const [config, options] of [
      [{ backpressure: { wait_for_capacity: true, max_wait: '1m' } }, {}],
      [{}, { maxWait: '1m' }],
    ] as const) {
      const { call, gateway, clock } = await setUp({ by_user: '1/m', ...config }, options)
      await call('search', { user: 'ada' })
      const waiting = call('search', { user: 'ada' })
      await vi.waitFor(() => expect(gateway.limiter.metrics().waiting).toBe(1))
      await clock.advance('1m')
      expect(await waiting).toMatchObject({ content: [{ text: 'search' }] })
    }
  })

  test('A8: a refusal as the result of a tool, with a header of choice', async () => {
    const { call } = await setUp(
      { by_user: '1/m' },
      { refusal: 'tool-result', backpressureHeader: 'Retry-After' },
    )
    await call('search', { user: 'ada' })
    expect(await call('search', { user: 'ada' })).toMatchObject({
      isError: true,
      _meta: { 'sluice/refusal': { code: -32_029, scope: 'user', headers: { 'Retry-After': '60' } } },
    })
  })

  test('nobody passes where who calls cannot be told', async () => {
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    const { call } = await setUp({ by_user_per_server: '5/m' })
    await expect(call('search', { user: 'ada' })).rejects.toMatchObject({ code: -32_053 })
    await call('search', { user: 'ada', server: 'files' })
    const throwing = await setUp({ by_user: '5/m' }, { identify: () => Promise.reject(new Error('no')) })
    await expect(throwing.call('search', {})).rejects.toMatchObject({ code: -32_053 })
    warned.mockRestore()
  })

  test('what says the same twice is refused', () => {
    const server = new McpServer({ name: 'test', version: '1.0.0' })
    const gateway = createGatewayLimits({ by_user: '1/m' })
    expect(() => limitMcp(server, { gateway, tools: { '*': '1/m' } })).toThrow(
      /tools: stands beside 'gateway'/,
    )
    expect(() => limitMcp(server, { tools: { '*': '1/m' }, identify: () => ({}) })).toThrow(
      /identify: has no effect without 'gateway'/,
    )
    expect(() => limitMcp(server, { gateway: {} as never })).toThrow(/is not the limits of a gateway/)
    expect(() =>
      limitMcp(server, { gateway, signalClient: false, backpressureHeader: 'Retry-After' }),
    ).toThrow(/leave one out/)
  })
})

test('headersOf reads the header fields that a call came in, whatever their case', () => {
  const extra: McpExtra = {
    requestInfo: {
      headers: { 'X-Tenant-Id': 'acme', 'x-forwarded-for': ['192.0.2.1', '10.0.0.1'], age: undefined },
    },
  }
  expect(headersOf(extra)).toEqual({ 'x-tenant-id': 'acme', 'x-forwarded-for': '192.0.2.1, 10.0.0.1' })
  expect(headersOf({})).toEqual({})
})
