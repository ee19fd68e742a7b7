import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js'
import { Server } from '@modelcontextprotocol/sdk/server/index.js'
import { McpServer, ResourceTemplate } from '@modelcontextprotocol/sdk/server/mcp.js'
import { CallToolRequestSchema } from '@modelcontextprotocol/sdk/types.js'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { createBreaker } from '../../../src/breaker/index.js'
import { limitMcp, type McpLimitOptions } from '../../../src/middleware/mcp.js'
import { createTestLimiter } from '../../../src/testing/index.js'

const ends: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
})

/** A server with its tools, and who uses it. */
async function setUp(options: Omit<McpLimitOptions, 'limiter'>, limitFirst = false) {
  const { limiter, clock } = createTestLimiter({ policies: { unused: '1/s' } })
  const called: string[] = []
  const server = new McpServer({ name: 'test', version: '1.0.0' })
  const limit = () => limitMcp(server, { limiter, ...options })
  if (limitFirst) limit()
  for (const tool of ['search', 'db_read', 'db_write', 'other']) {
    server.registerTool(tool, { inputSchema: { text: z.string().optional() } }, async () => {
      called.push(tool)
      return { content: [{ type: 'text', text: `${tool} answers` }] }
    })
  }
  server.registerPrompt('greet', {}, async () => {
    called.push('greet')
    return { messages: [{ role: 'user', content: { type: 'text', text: 'hello' } }] }
  })
  server.registerResource(
    'file',
    new ResourceTemplate('file:///{name}', { list: undefined }),
    {},
    async uri => ({
      contents: [{ uri: uri.href, text: 'content' }],
    }),
  )
  if (!limitFirst) limit()

  const connect = async (target = server) => {
    const client = new Client({ name: 'client', version: '1.0.0' })
    const [ours, theirs] = InMemoryTransport.createLinkedPair()
    await target.connect(theirs)
    await client.connect(ours)
    ends.push(() => client.close())
    return client
  }
  const client = await connect()
  const call = (name: string) => client.callTool({ name, arguments: {} })
  return { limiter, clock, client, call, called, connect, server }
}

const refused = (data: object = {}) =>
  expect.objectContaining({ code: -32_029, data: expect.objectContaining({ reason: 'limit', ...data }) })

describe('limitMcp', () => {
  test.each([true, false])(
    'A8: refuses a call above the limit of its tool with an error that says when (before the tools: %s)',
    async limitFirst => {
      const { call, called, clock } = await setUp({ tools: { search: '2/m', '*': '100/m' } }, limitFirst)
      expect(await call('search')).toMatchObject({ content: [{ text: 'search answers' }] })
      await call('search')
      await expect(call('search')).rejects.toEqual(
        refused({
          retryAfterMs: 30_000,
          scope: 'tool',
          key: 'search',
          limit: 2,
          windowMs: 60_000,
          remaining: 0,
          resetAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
        }),
      )
      expect(called).toEqual(['search', 'search'])
      await call('other')
      await clock.advance('30s')
      await call('search')
    },
  )

  test('A1: the most specific pattern counts, each tool by itself', async () => {
    const { call } = await setUp({ tools: { 'db_*': '1/m', db_write: '2/m', '*': '3/m' } })
    await call('db_read')
    await expect(call('db_read')).rejects.toEqual(refused({ key: 'db_read' }))
    for (let i = 0; i < 2; i++) await call('db_write')
    await expect(call('db_write')).rejects.toEqual(refused({ key: 'db_write' }))
    for (let i = 0; i < 3; i++) await call('search')
    await expect(call('search')).rejects.toEqual(refused({ key: 'search' }))
    await call('other')
  })

  test('A1: prompts, resources and methods have limits of their own', async () => {
    const { client } = await setUp({
      prompts: { greet: '1/m' },
      resources: { 'file:///*': '1/m' },
      methods: { 'tools/list': '1/m' },
    })
    await client.getPrompt({ name: 'greet' })
    await expect(client.getPrompt({ name: 'greet' })).rejects.toEqual(
      refused({ scope: 'prompt', key: 'greet' }),
    )
    await client.readResource({ uri: 'file:///a' })
    await expect(client.readResource({ uri: 'file:///a' })).rejects.toEqual(
      refused({ scope: 'resource', key: 'file:///a' }),
    )
    await client.readResource({ uri: 'file:///b' })
    await client.listTools()
    await expect(client.listTools()).rejects.toEqual(refused({ scope: 'method', key: 'tools/list' }))
  })

  test('one request is one decision: what a tool refuses is not charged to the method', async () => {
    const { call, limiter } = await setUp({ tools: { search: '1/m' }, methods: { '*': '5/m' } })
    await call('search')
    for (let i = 0; i < 9; i++) await expect(call('search')).rejects.toEqual(refused({ scope: 'tool' }))
    const told = await limiter.explain({ subject: 'anonymous', name: 'tools/call' })
    expect(told.map(({ text }) => text)).toContain("policy 'mcp.methods.*' has 4 of 5 left")
  })

  test('a limit of all methods does not keep anybody from connecting', async () => {
    const { client, connect, server } = await setUp({ methods: { '*': '1/h' } })
    await client.listTools()
    await expect(client.listTools()).rejects.toEqual(refused())
    await client.ping()
    await server.close()
    await connect()
  })

  test('A8: as the result of a tool, where a model is to read it', async () => {
    const { call, client } = await setUp({
      tools: { search: '1/m' },
      prompts: { '*': '1/m' },
      refusal: 'tool-result',
    })
    await call('search')
    expect(await call('search')).toMatchObject({
      isError: true,
      content: [{ type: 'text', text: 'Rate limit exceeded. Try again in 60 seconds.' }],
      _meta: { 'sluice/refusal': { code: -32_029, retryAfterMs: 60_000, scope: 'tool', key: 'search' } },
    })
    await client.getPrompt({ name: 'greet' })
    await expect(client.getPrompt({ name: 'greet' })).rejects.toEqual(refused())
  })

  test('A8: without a signal to the client, it is refused and told nothing more', async () => {
    const { call } = await setUp({ tools: { search: '1/m' }, signalClient: false })
    await call('search')
    const error = await call('search').catch(caught => caught)
    expect(error).toMatchObject({ code: -32_029, data: undefined })
    expect(error.message).not.toMatch(/\d second/)
  })

  test('subjects are limited apart, and those whom nothing tells apart together', async () => {
    const { connect, limiter } = await setUp({ tools: { search: '1/m' } })
    const serverOf = async (who: string | undefined) => {
      const server = new McpServer({ name: 'session', version: '1.0.0' })
      server.registerTool('search', {}, async () => ({ content: [] }))
      limitMcp(server, { limiter, tools: { search: '1/m' }, subject: () => who })
      return connect(server)
    }
    for (const who of ['ada', 'bob', undefined]) await (await serverOf(who)).callTool({ name: 'search' })
    for (const who of ['ada', 'bob', undefined]) {
      await expect((await serverOf(who)).callTool({ name: 'search' })).rejects.toEqual(refused())
    }
  })

  test('A1: a subject that throws counts as anonymous, and crashes nothing', async () => {
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    const { call } = await setUp({
      tools: { search: '1/m' },
      subject: () => {
        throw new Error('no such header')
      },
    })
    await call('search')
    await expect(call('search')).rejects.toEqual(refused())
    const numbered = await setUp({ tools: { search: '1/m' }, subject: () => 42 as never })
    await numbered.call('search')
    const warnings = warned.mock.calls.flat().join()
    expect(warnings).toMatch(/'subject' failed, and the request counts as 'anonymous': Error at \S+:\d+/)
    expect(warnings).toContain("counts as 'anonymous': 'subject' answered a number, not a text")
    expect(warnings).not.toMatch(/no such header|42/)
    warned.mockRestore()
  })

  test('A7: waits instead of refusing, and frees the place of a client that gives up', async () => {
    const { call, client, clock, limiter } = await setUp({ tools: { search: '1/m' }, maxWait: '2m' })
    await call('search')
    const gone = new AbortController()
    const first = client
      .callTool({ name: 'search' }, undefined, { signal: gone.signal })
      .catch(() => 'gave up')
    const second = call('search')
    await vi.waitFor(() => expect(limiter.metrics().waiting).toBe(2))
    gone.abort()
    expect(await first).toBe('gave up')
    await vi.waitFor(() => expect(limiter.metrics().waiting).toBe(1))
    await clock.advance('1m')
    expect(await second).toMatchObject({ content: [{ text: 'search answers' }] })
  })

  test('A8: by a header of choice for a bridge to HTTP, of refusals and of results that were held back', async () => {
    const { call, clock, limiter } = await setUp({
      tools: { search: '1/m' },
      maxWait: '1m',
      backpressureHeader: 'X-Wait-Seconds',
    })
    expect(await call('search')).not.toHaveProperty('_meta')
    const held = call('search')
    await vi.waitFor(() => expect(limiter.metrics().waiting).toBe(1))
    await expect(call('search')).rejects.toEqual(refused({ headers: { 'X-Wait-Seconds': '120' } }))
    await clock.advance('1m')
    expect(await held).toMatchObject({
      content: [{ text: 'search answers' }],
      _meta: { 'sluice/backpressure': { headers: { 'X-Wait-Seconds': '60' } } },
    })
  })

  test('counts failures alone where it is told so, whatever runs at once', async () => {
    const { limiter } = createTestLimiter({ policies: { unused: '1/s' } })
    const server = new McpServer({ name: 'test', version: '1.0.0' })
    limitMcp(server, {
      limiter,
      tools: { login: '2/m' },
      methods: { 'prompts/get': '1/m' },
      countWhen: ({ error, result }) => error !== undefined || result?.isError === true,
    })
    server.registerTool('login', { inputSchema: { ok: z.boolean() } }, async ({ ok }) => {
      if (!ok) throw new Error('wrong password')
      return { content: [] }
    })
    server.registerPrompt('greet', {}, async () => ({ messages: [] }))
    const client = new Client({ name: 'client', version: '1.0.0' })
    const [ours, theirs] = InMemoryTransport.createLinkedPair()
    await Promise.all([server.connect(theirs), client.connect(ours)])
    ends.push(() => client.close())
    const login = (ok: boolean) => client.callTool({ name: 'login', arguments: { ok } })
    for (let i = 0; i < 5; i++) expect(await login(true)).toEqual({ content: [] })
    const failures = await Promise.allSettled(Array.from({ length: 6 }, () => login(false)))
    const outcomes = failures.map(outcome => (outcome.status === 'rejected' ? 'refused' : 'failed'))
    expect(outcomes.filter(outcome => outcome === 'failed')).toHaveLength(2)
    await expect(login(true)).rejects.toEqual(refused())
    // No such prompt: what a handler throws counts, too.
    await expect(client.getPrompt({ name: 'none' })).rejects.not.toMatchObject({ code: -32_029 })
    await expect(client.getPrompt({ name: 'none' })).rejects.toMatchObject({ code: -32_029 })
  })

  test('gives back what does not count also of a request that the server cannot read', async () => {
    const asked: unknown[] = []
    const countWhen: McpLimitOptions['countWhen'] = ({ error }) => asked.push(error) < 0
    const { client, limiter } = await setUp({ tools: { '*': '3/m' }, countWhen })
    const unreadable = client.request({ method: 'tools/call', params: { name: 7 } }, z.any())
    await expect(unreadable).rejects.toThrow()
    expect(asked).toHaveLength(1)
    const subject = { subject: 'anonymous', name: 'unnamed' }
    expect((await limiter.peek('mcp.tools.*' as 'unused', subject)).remaining).toBe(3)
  })

  test('limits that only watch stand beside those in force, decide for themselves and refuse nobody', async () => {
    const { call, limiter, server } = await setUp({ tools: { '*': '4/m' } })
    const told: string[] = []
    const watching = limitMcp(server, {
      limiter,
      name: 'stricter',
      tools: { '*': '1/m' },
      shadow: true,
      onShadow: ({ policy, allowed, source }, { params }) =>
        told.push(`${source} ${policy} ${params?.name} ${allowed}`),
    })
    for (let i = 0; i < 4; i++) await call('search')
    await expect(call('search')).rejects.toEqual(refused({ limit: 4 }))
    expect(watching.shadow).toEqual({ allowed: 1, refused: 4, failed: 0 })
    expect(told.slice(0, 2)).toEqual([
      'shadow stricter.tools.* search true',
      'shadow stricter.tools.* search false',
    ])
  })

  test('a bare rate is that of each tool, by a limiter of its own', async () => {
    const server = new McpServer({ name: 'test', version: '1.0.0' })
    const limited = limitMcp(server, '1/m')
    server.registerTool('search', {}, async () => ({ content: [] }))
    const client = new Client({ name: 'client', version: '1.0.0' })
    const [ours, theirs] = InMemoryTransport.createLinkedPair()
    await Promise.all([server.connect(theirs), client.connect(ours)])
    await client.callTool({ name: 'search' })
    await expect(client.callTool({ name: 'search' })).rejects.toEqual(refused({ key: 'search' }))
    await client.close()
    await limited.close()
  })

  test('A4: a limit may be a strategy by its name', async () => {
    const tools = { search: { strategy: 'TokenBucket', capacity: 2, refill_rate: '1/m' } } as const
    const { call, clock } = await setUp({ tools })
    await call('search')
    await call('search')
    await expect(call('search')).rejects.toEqual(refused({ retryAfterMs: 60_000, limit: 1 }))
    await clock.advance('1m')
    await call('search')
  })

  test('a cost of its own, and requests that are not limited', async () => {
    const { call } = await setUp({
      tools: { '*': '10/m' },
      cost: ({ params }) => (params?.name === 'search' ? 8 : 11),
      skip: (_, { params }) => params?.name === 'other',
    })
    await call('search')
    await expect(call('search')).rejects.toEqual(refused({ remaining: 2 }))
    await expect(call('db_read')).rejects.toMatchObject({
      code: -32_029,
      data: { reason: 'cost-impossible', retryAfterMs: null },
    })
    for (let i = 0; i < 20; i++) await call('other')
  })

  test('nobody passes where the limits themselves fail, and nobody is told why', async () => {
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    const { call, called, limiter } = await setUp({ tools: { search: '1/m' } })
    await limiter.close()
    const error = await call('search').catch(caught => caught)
    expect(error).toMatchObject({ code: -32_053 })
    expect(error.message).not.toContain('closed')
    expect(called).toEqual([])
    expect(warned).toHaveBeenCalled()
    warned.mockRestore()
  })

  test('names of clients are no patterns and no keys of anybody else', async () => {
    const { call } = await setUp({ tools: { '*': '1/m' } })
    for (const name of ['a{b}', 'a:b', 'a%3Ab', '\u0000', 'x'.repeat(1_000_000), '*', '']) {
      expect(await call(name)).toMatchObject({ isError: true })
      await expect(call(name)).rejects.toEqual(refused())
    }
  })

  test('a tool may be called what every object has', async () => {
    const { limiter } = createTestLimiter({ policies: { unused: '1/s' } })
    const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty']
    const server = new Server({ name: 'test', version: '1.0.0' }, { capabilities: { tools: {} } })
    server.setRequestHandler(CallToolRequestSchema, async () => ({ content: [] }))
    limitMcp(server, { limiter, tools: Object.fromEntries(names.map(name => [name, '1/m'])) })
    const client = new Client({ name: 'client', version: '1.0.0' })
    const [ours, theirs] = InMemoryTransport.createLinkedPair()
    await Promise.all([server.connect(theirs), client.connect(ours)])
    ends.push(() => client.close())
    for (const name of names) {
      await client.callTool({ name })
      await expect(client.callTool({ name })).rejects.toEqual(refused({ key: name }))
    }
  })

  test.each([
    ['jsonrpc-error', true],
    ['jsonrpc-error', false],
    ['tool-result', true],
    ['tool-result', false],
  ] as const)(
    'a refusal is no failure to the breaker of who calls: by %s, with a signal: %s',
    async (refusal, signalClient) => {
      const { call } = await setUp({ tools: { '*': '1/m' }, refusal, signalClient })
      const breaker = createBreaker({ failureThreshold: 1 })
      ends.push(() => breaker.close())
      for (let i = 0; i < 3; i++) await breaker.run('server', () => call('search')).catch(() => {})
      expect(await breaker.state('server')).toMatchObject({ state: 'closed' })
      expect(breaker.metrics()).toMatchObject({
        successfulRequests: 1,
        failedRequests: 0,
        ignoredRequests: 2,
      })
    },
  )

  test('what is wrong is told by name', async () => {
    const server = new McpServer({ name: 'test', version: '1.0.0' })
    expect(() => limitMcp(server, {})).toThrow('there is nothing to limit; give at least one of tools')
    expect(() => limitMcp(server, { tool: { a: '1/m' } } as never)).toThrow("did you mean 'tools'")
    const refused = (tools: object) => expect(() => limitMcp(server, { tools } as never))
    refused({ a: '1/fortnight', 'db_*': 10 }).toThrow(
      /tools\.a: '1\/fortnight'[\s\S]*tools\['db_\*'\]: 10 is a number without a window/,
    )
    refused({ a: { algorithm: 'concurrency', limit: 1 } }).toThrow("tools.a: is of 'concurrency'")
    refused({}).toThrow('tools: has no limit')
    expect(() => limitMcp(server, null as never)).toThrow('null says nothing of limits')
    expect(() => limitMcp({ close: async () => {} }, { tools: { a: '1/m' } })).toThrow(
      'no server of @modelcontextprotocol/sdk',
    )
    const { limiter } = createTestLimiter({ policies: { unused: '1/s' } })
    limitMcp(server, { limiter, tools: { a: '1/m' } })
    expect(() => limitMcp(server, { limiter, tools: { a: '2/m' } })).toThrow("under the name 'mcp'")
  })
})
