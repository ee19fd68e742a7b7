import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { createGatewayLimits } from '../../../src/inbound/index.js'
import { createLimiter } from '../../../src/limiter.js'
import { rateLimit } from '../../../src/middleware/http.js'
import { limitMcp } from '../../../src/middleware/mcp.js'
import { pinoLines } from '../../support/log-lines.js'

const USER = 'ada@example.com'
/** A user as such, and as keys have it. */
const SECRET = /ada|example\.com|sl1:/

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

/** What everybody reads: the warnings of the process, and a log at its most talkative. */
function everythingToldOf() {
  const { logger, lines } = pinoLines()
  const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
  ends.push(() => warned.mockRestore())
  return { logger, told: () => [...lines, ...warned.mock.calls.map(call => JSON.stringify(call))] }
}

/** Functions of a user that tell, in their errors, whom they were asked about. */
const talkative = (): never => {
  throw new Error(`no account for ${USER}`)
}

/** A limiter on a store that names keys in its errors and holds what nobody of us wrote. */
function limiterOf(logger: ReturnType<typeof pinoLines>['logger'], get: (key: string) => string | undefined) {
  const store = { get, set: () => {}, delete: () => {} }
  const limiter = createLimiter({ store, policies: { login: '5/m', next: '5/m' }, logger })
  limiter.on('decision', talkative)
  ends.push(() => limiter.close())
  return limiter
}

const STORES = [
  ['holds values of somebody else', () => 'nobody wrote this'],
  [
    'fails',
    (key: string) => {
      throw new Error(`cannot read ${key}`)
    },
  ],
  ['is well', () => undefined],
] as const

describe.each(STORES)('no user and no key is told to everybody where the store %s', (_how, get) => {
  test('by a middleware whose functions fail', async () => {
    const { logger, told } = everythingToldOf()
    const limiter = limiterOf(logger, get)
    const key = () => USER
    const limit = rateLimit({
      limiter,
      checks: [
        { policy: 'login', key, countWhen: talkative },
        { policy: 'next', key, shadow: true, countWhen: talkative },
      ],
      onShadow: talkative,
    })
    const failing = rateLimit({ limiter, policy: 'login', key: talkative })
    for (const listener of [limit((_req, res) => res.end('hello')), limit(talkative), failing(talkative)]) {
      const server = createServer(listener)
      await once(server.listen(0, '127.0.0.1'), 'listening')
      for (let i = 0; i < 3; i++) {
        const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
        expect(await response.text()).not.toMatch(SECRET)
      }
      await new Promise(resolve => server.close(resolve))
    }
    expect(told().length).toBeGreaterThan(5)
    for (const line of told()) expect(line).not.toMatch(SECRET)
  })

  test('by an MCP server whose functions fail', async () => {
    const { logger, told } = everythingToldOf()
    const limiter = limiterOf(logger, get)
    const server = new McpServer({ name: 'test', version: '1.0.0' })
    limitMcp(server, { limiter, tools: { login: '5/m' }, subject: () => USER, countWhen: talkative })
    limitMcp(server, { limiter, name: 'other', tools: { '*': '5/m' }, subject: talkative })
    limitMcp(server, {
      limiter,
      name: 'next',
      tools: { '*': '5/m' },
      subject: () => USER,
      shadow: true,
      onShadow: talkative,
    })
    const gateway = createGatewayLimits({
      limiter,
      by_user: '5/m',
      by_tool: { login: '5/m' },
      shadow: ['by_tool'],
      onShadow: talkative,
      custom: [{ name: 'c', scope: talkative, limit: '5/m' }],
    })
    limitMcp(server, { gateway, identify: () => ({ user: USER }) })
    server.registerTool('login', {}, async () => ({ content: [] }))
    const client = new Client({ name: 'client', version: '1.0.0' })
    const [ours, theirs] = InMemoryTransport.createLinkedPair()
    await Promise.all([server.connect(theirs), client.connect(ours)])
    ends.push(() => client.close())
    for (let i = 0; i < 3; i++) {
      const answer = await client.callTool({ name: 'login' }).catch(error => error)
      expect(JSON.stringify([answer, answer.message])).not.toMatch(SECRET)
    }
    expect(told().length).toBeGreaterThan(5)
    for (const line of told()) expect(line).not.toMatch(SECRET)
  })
})
