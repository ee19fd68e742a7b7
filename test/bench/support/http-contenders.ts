import { createServer, type Server } from 'node:http'
import rateLimitPlugin from '@fastify/rate-limit'
import express, { type RequestHandler } from 'express'
import { rateLimit as expressRateLimit } from 'express-rate-limit'
import fastify, { type FastifyInstance } from 'fastify'
import { Redis } from 'ioredis'
import { type RedisReply, RedisStore } from 'rate-limit-redis'
import { createLimiter } from '../../../src/index.ts'
import { rateLimit as limitExpress } from '../../../src/middleware/express.ts'
import { rateLimit as limitFastify } from '../../../src/middleware/fastify.ts'

/** A server with one route, behind a limit or bare. */
export type StartContender = (limit: number, redisUrl: string) => Promise<Server> | Server

/** Requests name their user, so that limits have as many keys as there are users. */
export const USER_HEADER = 'x-user'
const WINDOW_MS = 3_600_000
const BODY = { hello: 'world' }

function serveExpress(middleware?: RequestHandler): Server {
  const app = express()
  app.get('/', ...(middleware === undefined ? [] : [middleware]), (_req, res) => {
    res.json(BODY)
  })
  return createServer(app)
}

async function serveFastify(prepare?: (app: FastifyInstance) => unknown): Promise<Server> {
  const app = fastify()
  await prepare?.(app)
  app.get('/', () => BODY)
  await app.ready()
  return app.server
}

const userOf = ({ headers }: { readonly headers: Readonly<Record<string, unknown>> }): string =>
  String(headers[USER_HEADER])

/** Both count fixed windows of the same length, so that all contenders do the same work. */
const sluice = (limit: number, store: string) => ({
  limiter: createLimiter({
    store,
    // Longer than a busy machine stands still: decisions without the store would cost less.
    deadline: '10s',
    policies: { bench: { algorithm: 'fixed_window', limit, window: `${WINDOW_MS}ms` } },
  }),
  policy: 'bench' as const,
  key: userOf,
})

const express8 = { windowMs: WINDOW_MS, keyGenerator: userOf, validate: false }

/** By framework: every contender by its name. */
export const CONTENDERS: Readonly<Record<string, Readonly<Record<string, StartContender>>>> = {
  express: {
    'no limit': () => serveExpress(),
    'sluice, memory': limit => serveExpress(limitExpress(sluice(limit, 'memory'))),
    'express-rate-limit, memory': limit => serveExpress(expressRateLimit({ ...express8, limit })),
    'sluice, Redis': (limit, url) => serveExpress(limitExpress(sluice(limit, url))),
    'express-rate-limit, Redis': (limit, url) => {
      const redis = new Redis(url)
      const sendCommand = (command: string, ...args: string[]) =>
        redis.call(command, ...args) as Promise<RedisReply>
      return serveExpress(expressRateLimit({ ...express8, limit, store: new RedisStore({ sendCommand }) }))
    },
  },
  fastify: {
    'no limit': () => serveFastify(),
    'sluice, memory': limit =>
      serveFastify(app => app.addHook('onRequest', limitFastify(sluice(limit, 'memory')))),
    '@fastify/rate-limit, memory': limit =>
      serveFastify(app =>
        app.register(rateLimitPlugin, { max: limit, timeWindow: WINDOW_MS, keyGenerator: userOf }),
      ),
    'sluice, Redis': (limit, url) =>
      serveFastify(app => app.addHook('onRequest', limitFastify(sluice(limit, url)))),
    '@fastify/rate-limit, Redis': (limit, url) =>
      serveFastify(app =>
        app.register(rateLimitPlugin, {
          max: limit,
          timeWindow: WINDOW_MS,
          keyGenerator: userOf,
          redis: new Redis(url),
        }),
      ),
  },
}
