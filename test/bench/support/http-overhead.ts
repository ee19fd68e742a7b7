import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import express, { type Request, type Response } from 'express'
import fastify, { type FastifyReply, type FastifyRequest } from 'fastify'
import { createLimiter } from '../../../src/index.ts'
import { rateLimit as limitExpress } from '../../../src/middleware/express.ts'
import { rateLimit as limitFastify } from '../../../src/middleware/fastify.ts'

const ROUNDS = 30
const CALLS = 5_000

/** What one call takes, us of CPU time. */
export interface Overhead {
  readonly name: string
  readonly bareUs: number
  readonly adapterUs: number
}

const POLICIES = { bench: { algorithm: 'fixed_window', limit: 1_000_000_000, window: '1h' } } as const
const KEY = '127.0.0.1'

async function cpuUsOf(call: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage()
  for (let i = 0; i < CALLS; i++) await call()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / CALLS
}

/** By turns; what else the machine does can only add, so the figures are those of the best rounds. */
async function compare(name: string, adapter: () => Promise<unknown>): Promise<Overhead> {
  const limiter = createLimiter({ policies: POLICIES })
  let [bareUs, adapterUs] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]
  for (let round = 0; round < ROUNDS; round++) {
    bareUs = Math.min(bareUs, await cpuUsOf(() => limiter.check('bench', KEY)))
    adapterUs = Math.min(adapterUs, await cpuUsOf(adapter))
  }
  return { name, bareUs, adapterUs }
}

/** The adapters of Express and Fastify, each by client address and with its header fields, on what a real server was asked. */
export async function measureOverhead(): Promise<readonly Overhead[]> {
  return [
    await inExpress('sluice/express', 'x'),
    await inExpress('sluice/express, draft-11', 'draft-11'),
    await inFastify(),
  ]
}

async function inExpress(name: string, headers: 'x' | 'draft-11'): Promise<Overhead> {
  const middleware = limitExpress({
    limiter: createLimiter({ policies: POLICIES }),
    policy: 'bench',
    headers,
  })
  const app = express()
  let measured: Overhead | undefined
  app.get('/', async (req: Request, res: Response) => {
    measured = await compare(name, () => new Promise(next => middleware(req, res, next)))
    res.end()
  })
  const server = createServer(app)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  server.close()
  return measured as Overhead
}

async function inFastify(): Promise<Overhead> {
  const hook = limitFastify({ limiter: createLimiter({ policies: POLICIES }), policy: 'bench' })
  const app = fastify()
  let measured: Overhead | undefined
  app.get('/', async (request: FastifyRequest, reply: FastifyReply) => {
    measured = await compare('sluice/fastify', () => hook(request, reply))
    return 'done'
  })
  await fetch(await app.listen({ port: 0, host: '127.0.0.1' }))
  await app.close()
  return measured as Overhead
}
