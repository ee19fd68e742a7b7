import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import rateLimitPlugin from '@fastify/rate-limit'
import express, { type RequestHandler } from 'express'
import { rateLimit as expressRateLimit } from 'express-rate-limit'
import fastify, { type FastifyReply, type FastifyRequest } from 'fastify'
import { Redis } from 'ioredis'
import { type RedisReply, RedisStore } from 'rate-limit-redis'
import { createLimiter } from '../../../src/index.ts'
import { rateLimit as limitExpress } from '../../../src/middleware/express.ts'
import { rateLimit as limitFastify, type RateLimitHook } from '../../../src/middleware/fastify.ts'

const ROUNDS = 20
const CALLS = 5_000
const LIMIT = 1_000_000_000

/** us of CPU time of one call, in the best round. */
export interface Overhead {
  readonly name: string
  readonly us: number
}

/** Undefined where it is done at once. */
type Call = () => Promise<unknown> | undefined

/** What tells by a callback that it is done: no promise where that is at once, as frameworks have none there. */
function callback(run: (done: () => void) => void): Promise<void> | undefined {
  let isDone = false
  let tell = () => {
    isDone = true
  }
  run(() => tell())
  if (isDone) return undefined
  return new Promise(resolve => {
    tell = resolve
  })
}

async function cpuUsOf(call: Call, inFlight: number): Promise<number> {
  const before = process.cpuUsage()
  const caller = async () => {
    for (let i = 0; i < CALLS / inFlight; i++) {
      const answer = call()
      if (answer !== undefined) await answer
    }
  }
  await Promise.all(Array.from({ length: inFlight }, caller))
  const { user, system } = process.cpuUsage(before)
  return (user + system) / CALLS
}

/** By turns; what else the machine does can only add, so each figure is that of its best round. */
async function compare(
  calls: Readonly<Record<string, Call>>,
  inFlight: number,
): Promise<readonly Overhead[]> {
  const best = new Map<string, number>()
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, call] of Object.entries(calls)) {
      best.set(name, Math.min(best.get(name) ?? Number.POSITIVE_INFINITY, await cpuUsOf(call, inFlight)))
    }
  }
  return Array.from(best, ([name, us]) => ({ name, us }))
}

/** Fixed windows under a limit that nobody reaches. */
const limited = (store: string) => ({
  limiter: createLimiter({
    store,
    // Longer than a busy machine stands still: decisions without the store would cost less.
    deadline: '10s',
    policies: { bench: { algorithm: 'fixed_window', limit: LIMIT, window: '1h' } },
  }),
  policy: 'bench' as const,
})

const THEIRS = { windowMs: 3_600_000, limit: LIMIT, validate: false }

/** Every adapter by client address and with its header fields, on the request and response of a real server. */
export async function measureOverhead(): Promise<readonly Overhead[]> {
  const { limiter, policy } = limited('memory')
  const inExpress = await onExpress(
    1,
    { 'limiter.check alone': () => limiter.check(policy, '127.0.0.1') },
    {
      'sluice/express': limitExpress(limited('memory')),
      "sluice/express, headers: 'draft-11'": limitExpress({ ...limited('memory'), headers: 'draft-11' }),
      'express-rate-limit': expressRateLimit(THEIRS),
      "express-rate-limit, standardHeaders: 'draft-8'": expressRateLimit({
        ...THEIRS,
        legacyHeaders: false,
        standardHeaders: 'draft-8',
      }),
    },
  )
  return [...inExpress, ...(await onFastify(1, limitFastify(limited('memory')), {}))]
}

/** The same through Redis, with as many requests at once, on one connection each. */
export async function measureRedisOverhead(url: string, inFlight: number): Promise<readonly Overhead[]> {
  const redis = new Redis(url)
  const sendCommand = (command: string, ...args: string[]) =>
    redis.call(command, ...args) as Promise<RedisReply>
  const ours = limited(url)
  await ours.limiter.ready()
  const bare = { 'limiter.check alone': () => ours.limiter.check(ours.policy, '127.0.0.1') }
  const inExpress = await onExpress(inFlight, bare, {
    'sluice/express': limitExpress(ours),
    'express-rate-limit with rate-limit-redis': expressRateLimit({
      ...THEIRS,
      store: new RedisStore({ sendCommand }),
    }),
  })
  const inFastify = await onFastify(inFlight, limitFastify(ours), { redis })
  await Promise.all([ours.limiter.close(), redis.quit()])
  return [...inExpress, ...inFastify]
}

/** A request like this one that nobody has counted: to count one twice is not what any of them is made for. */
const another = <R extends object>(request: R): R => Object.create(request)

async function onExpress(
  inFlight: number,
  bare: Readonly<Record<string, Call>>,
  middlewares: Readonly<Record<string, RequestHandler>>,
): Promise<readonly Overhead[]> {
  const app = express()
  let measured: readonly Overhead[] = []
  app.get('/', async (req, res) => {
    const calls = Object.entries(middlewares).map(([name, middleware]): [string, Call] => [
      name,
      () => {
        // draft-8 appends to what is there, of a response of its own each time.
        res.removeHeader('RateLimit')
        res.removeHeader('RateLimit-Policy')
        return callback(next => middleware(another(req), res, next))
      },
    ])
    measured = await compare({ ...bare, ...Object.fromEntries(calls) }, inFlight)
    res.end()
  })
  const server = createServer(app)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  server.close()
  return measured
}

/** @param store of the plugin */
async function onFastify(
  inFlight: number,
  ours: RateLimitHook,
  store: { readonly redis?: Redis },
): Promise<readonly Overhead[]> {
  const app = fastify()
  await app.register(rateLimitPlugin, { global: false, max: LIMIT, timeWindow: THEIRS.windowMs, ...store })
  const theirs = app.rateLimit() as unknown as (
    request: FastifyRequest,
    reply: FastifyReply,
  ) => Promise<unknown>
  let measured: readonly Overhead[] = []
  app.get('/', async (request, reply) => {
    await theirs.call(app, request, reply)
    // A request is counted once by the plugin, by a mark that it leaves.
    const mark = Object.getOwnPropertySymbols(request).find(symbol => String(symbol).includes('rateLimitRan'))
    if (mark === undefined) throw new Error('@fastify/rate-limit leaves no mark any more')
    measured = await compare(
      {
        'sluice/fastify': () => callback(done => ours(another(request), reply, done)),
        '@fastify/rate-limit': () =>
          theirs.call(app, Object.assign(another(request), { [mark]: false }), reply),
      },
      inFlight,
    )
    return 'done'
  })
  await fetch(await app.listen({ port: 0, host: '127.0.0.1' }))
  await app.close()
  return measured
}
