import type { RequestListener } from 'node:http'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import express from 'express'
import fastify from 'fastify'
import { Hono } from 'hono'
import Koa from 'koa'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { createGatewayLimits } from '../../../src/inbound/index.js'
import { rateLimit as limitExpress } from '../../../src/middleware/express.js'
import { rateLimit as limitFastify } from '../../../src/middleware/fastify.js'
import { rateLimit as limitFetch } from '../../../src/middleware/fetch.js'
import { rateLimit as limitHono } from '../../../src/middleware/hono.js'
import { rateLimit as limitHttp } from '../../../src/middleware/http.js'
import { rateLimit as limitKoa } from '../../../src/middleware/koa.js'
import { limitMcp, type McpLimitOptions } from '../../../src/middleware/mcp.js'
import { createTestLimiter } from '../../../src/testing/create-test-limiter.js'
import { hello, listen, statuses } from './support/serving.js'

const silent = () => vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
let emitted: ReturnType<typeof silent>
beforeEach(() => {
  emitted = silent()
})
afterEach(() => emitted.mockRestore())

const CODE = { type: 'SluiceWarning', code: 'WARN_SLUICE_COUNTED_TWICE' }
const POLICIES = { api: '100/m', other: '100/m' } as const

/** The policies that warnings name. */
const warnedOf = () =>
  emitted.mock.calls.map(([message, options]) => {
    expect(options).toEqual(CODE)
    return /^(\S+): policy '(\w+)' counted one request twice/.exec(String(message))?.slice(1).join(' ')
  })

describe('the same limit twice on the way of a request is told once', () => {
  test('in Express by app.use and on the route', async () => {
    const { limiter } = createTestLimiter({ policies: POLICIES })
    const limit = limitExpress({ limiter, policy: 'api' })
    const app = express().use(limit, limitExpress({ limiter, policy: 'other' }))
    app.get('/', limit, (_req, res) => res.send('hello'))
    const url = await listen(app)
    await statuses(url, 3)
    expect(warnedOf()).toEqual(['sluice/express api'])
    expect((await limiter.peek('api', '127.0.0.1')).remaining).toBe(94)
  })

  test('in Fastify where a plugin is registered twice, and makes a limit each time', async () => {
    const { limiter } = createTestLimiter({ policies: POLICIES })
    const app = fastify()
    for (let i = 0; i < 2; i++) app.addHook('onRequest', limitFastify({ limiter, policy: 'api' }))
    app.get('/', async () => 'hello')
    for (let i = 0; i < 3; i++) await app.inject('/')
    expect(warnedOf()).toEqual(['sluice/fastify api'])
    await app.close()
  })

  test('in Koa, Hono, node:http and fetch', async () => {
    const koa = new Koa()
    const ofKoa = limitKoa('100/m')
    koa
      .use(ofKoa)
      .use(ofKoa)
      .use(ctx => {
        ctx.body = 'hello'
      })
    const hono = new Hono()
    const ofHono = limitHono('100/m', { address: () => '192.0.2.1' })
    hono.use(ofHono).get('/', ofHono, c => c.text('hello'))
    const ofHttp = limitHttp('100/m')
    const ofFetch = limitFetch('100/m', { address: () => '192.0.2.1' })
    await statuses(await listen(koa.callback()), 2)
    await statuses(await listen(ofHttp(ofHttp(hello))), 2)
    const handle = ofFetch(ofFetch(async () => new Response('hello')))
    for (let i = 0; i < 2; i++) {
      await hono.request('/')
      await handle(new Request('http://localhost/'))
    }
    const sorted = ['fetch', 'hono', 'http', 'koa'].map(name => `sluice/${name} default`)
    expect(warnedOf().sort()).toEqual(sorted)
  })

  test('also where each request takes all that there is, and is refused by its second half', async () => {
    const limit = limitHttp('1/m')
    expect(await statuses(await listen(limit(limit(hello))), 1)).toEqual([429])
    expect(warnedOf()).toEqual(['sluice/http default'])
  })

  test('and not where it is accepted', async () => {
    const limit = limitHttp('100/m', { validate: false })
    await statuses(await listen(limit(limit(hello))), 1)
    expect(emitted).not.toHaveBeenCalled()
  })
})

test('different limits on the way of a request are told of by nobody', async () => {
  const { limiter } = createTestLimiter({ policies: POLICIES })
  const limits = [
    limitHttp({ limiter, policy: 'api' }),
    limitHttp({ limiter, policy: 'other' }),
    limitHttp({ limiter, policy: 'api', key: () => 'ada' }),
    limitHttp('100/m'),
    limitHttp('100/m'),
  ]
  const served = limits.reduce<RequestListener>((handler, limit) => limit(handler), hello)
  await statuses(await listen(served), 3)
  expect(emitted).not.toHaveBeenCalled()
})

describe('limits that are given to an MCP server again', () => {
  const toldOf = () =>
    emitted.mock.calls.filter(([, options]) => Reflect.get(Object(options), 'code') === CODE.code)

  test('count twice and are told of once, whatever number of servers is made', () => {
    const { limiter } = createTestLimiter({ policies: POLICIES })
    const gateway = createGatewayLimits({ by_user: '5/m' })
    for (let i = 0; i < 3; i++) {
      const server = new McpServer({ name: 'test', version: '1.0.0' })
      for (let j = 0; j < 2; j++) {
        limitMcp(server, { limiter, tools: { '*': '10/m' } })
        limitMcp(server, { gateway })
      }
    }
    expect(toldOf()).toHaveLength(2)
    expect(String(emitted.mock.calls[0]?.[0])).toMatch(/given twice to one server.*'name' of its own/)
  })

  test('under another name, or by a limiter of their own, are told of by nobody', () => {
    const { limiter } = createTestLimiter({ policies: POLICIES })
    const server = new McpServer({ name: 'test', version: '1.0.0' })
    limitMcp(server, { limiter, tools: { '*': '10/m' } })
    limitMcp(server, { limiter, tools: { '*': '10/m' }, name: 'next', shadow: true })
    limitMcp(server, '10/m')
    expect(toldOf()).toEqual([])
  })

  /** What a limit that only watches has seen of three calls, of which the limit in force lets one pass. */
  async function seenBy(register: 'first' | 'last', limits: readonly McpLimitOptions[]) {
    const { limiter } = createTestLimiter({ policies: POLICIES })
    const server = new McpServer({ name: 'test', version: '1.0.0' })
    const inputSchema = { text: z.string() }
    const tool = () => server.registerTool('search', { inputSchema }, async () => ({ content: [] }))
    if (register === 'first') tool()
    const limited = limits.map(options => limitMcp(server, { ...options, limiter }))
    if (register === 'last') tool()
    const client = new Client({ name: 'client', version: '1.0.0' })
    const [ours, theirs] = InMemoryTransport.createLinkedPair()
    await Promise.all([server.connect(theirs), client.connect(ours)])
    const call = () => client.callTool({ name: 'search', arguments: { text: '' } })
    await Promise.allSettled([call(), call(), call()])
    await client.close()
    return limited.map(({ shadow }) => shadow).find(({ allowed, refused }) => allowed + refused > 0)
  }

  const inForce: McpLimitOptions = { tools: { '*': '1/m' } }
  const watching: McpLimitOptions = { tools: { '*': '2/m' }, name: 'next', shadow: true }

  test.each(['first', 'last'] as const)(
    'watch what the others refuse, where tools are registered %s',
    async register => {
      const all = { allowed: 2, refused: 1, failed: 0 }
      expect(await seenBy(register, [inForce, watching])).toEqual(all)
      expect(await seenBy(register, [watching, inForce])).toEqual(all)
    },
  )
})
