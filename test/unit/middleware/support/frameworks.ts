import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { serve } from '@hono/node-server'
import { type CanActivate, Controller, Get, type INestApplication, Module, Req, Res } from '@nestjs/common'
import { type AbstractHttpAdapter, APP_GUARD, NestFactory } from '@nestjs/core'
import { ExpressAdapter } from '@nestjs/platform-express'
import { FastifyAdapter } from '@nestjs/platform-fastify'
import express, { type NextFunction, type Request, type Response } from 'express'
import fastify from 'fastify'
import { Hono } from 'hono'
import Koa from 'koa'
import 'reflect-metadata'
import type { Limiter } from '../../../../src/limiter/types.js'
import { rateLimit as limitExpress } from '../../../../src/middleware/express.js'
import { rateLimit as limitFastify } from '../../../../src/middleware/fastify.js'
import { rateLimit as limitFetch, rateLimitOf } from '../../../../src/middleware/fetch.js'
import { rateLimit as limitHono } from '../../../../src/middleware/hono.js'
import { rateLimit as limitHttp } from '../../../../src/middleware/http.js'
import { rateLimit as limitKoa } from '../../../../src/middleware/koa.js'
import { rateLimitGuard, SkipRateLimit } from '../../../../src/middleware/nestjs.js'
import type { ShadowCounts } from '../../../../src/middleware/request/shadow.js'
import type { DurationText } from '../../../../src/policy.js'

interface SetupCheck {
  readonly policy: string
  readonly key: () => string
  readonly shadow?: boolean
  readonly countWhen?: () => boolean
}

/** What a story says of a limit, in words that every framework has. */
export interface Setup {
  readonly limiter?: Limiter
  readonly policy?: string
  readonly windowMs?: number
  readonly limit?: number
  readonly headers?: 'x' | 'draft-6' | 'draft-7' | 'draft-11' | 'none'
  readonly backpressureHeader?: string
  readonly signalClient?: boolean
  readonly maxWait?: DurationText
  readonly skipFailedRequests?: boolean
  readonly skipSuccessfulRequests?: boolean
  readonly message?: string | object
  readonly statusCode?: number
  readonly allowList?: readonly string[]
  readonly denyList?: readonly string[]
  readonly trustProxy?: number
  /** Counts by this request header. */
  readonly keyHeader?: string
  /** Several checks, of nothing that a framework has a word for. */
  readonly checks?: readonly SetupCheck[]
  /** A function of the options throws. */
  readonly keyThrows?: boolean
  /** Leaves requests with this header alone. */
  readonly skipHeader?: string
}

export interface Running {
  readonly url: string
  readonly shadow: Readonly<Record<string, ShadowCounts>>
  /** Requests that reached a handler. */
  handled(): number
  /** Errors that the framework was told of. */
  failed(): number
  stop(): Promise<void>
}

type HeaderOf<A extends readonly unknown[]> = (...args: A) => string | undefined

/** The options of a setup, their functions for what this framework hands them. */
function optionsOf<A extends readonly unknown[]>(setup: Setup, headerOf: (name: string) => HeaderOf<A>) {
  const { keyHeader, keyThrows, skipHeader, ...same } = setup
  const skip = skipHeader === undefined ? undefined : headerOf(skipHeader)
  const key = keyHeader === undefined ? undefined : headerOf(keyHeader)
  return {
    ...same,
    ...(skip !== undefined && { skip: (...args: A) => skip(...args) !== undefined }),
    ...(key !== undefined && { key: (...args: A) => key(...args) ?? 'nobody' }),
    ...(keyThrows && {
      key: (): string => {
        throw new Error('the key function failed')
      },
    }),
  }
}

const ofMessage = (name: string) => (message: IncomingMessage) => message.headers[name] as string | undefined

/** `/fail` answers 401, `/throw` throws, everything else says hello and what was decided. */
interface Answer {
  readonly status: number
  readonly body: string
}

function answerTo(path: string, remaining: number | undefined): Answer {
  if (path.startsWith('/throw')) throw new Error('the handler failed')
  if (path.startsWith('/fail')) return { status: 401, body: 'no' }
  return { status: 200, body: `hello ${remaining}` }
}

class Handled {
  count = 0
  failed = 0
  answer(path: string, remaining: number | undefined): Answer {
    this.count++
    return answerTo(path, remaining)
  }
}

async function running(
  server: Server,
  handled: Handled,
  limit: { readonly limiter: Limiter; readonly shadow: Running['shadow'] },
  setup: Setup,
): Promise<Running> {
  if (!server.listening) await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    get shadow() {
      return limit.shadow
    },
    handled: () => handled.count,
    failed: () => handled.failed,
    async stop() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
      if (setup.limiter === undefined) await limit.limiter.close()
    },
  }
}

async function startExpress(setup: Setup): Promise<Running> {
  const handled = new Handled()
  const app = express()
  app.set('env', 'test')
  const limit = limitExpress(optionsOf(setup, ofMessage))
  app.use(limit)
  app.use((req, res) => {
    const { status, body } = handled.answer(req.path, req.rateLimit?.remaining)
    res.status(status).send(body)
  })
  app.use((error: unknown, _req: Request, _res: Response, next: NextFunction) => {
    handled.failed++
    next(error)
  })
  return running(createServer(app), handled, limit, setup)
}

async function startHttp(setup: Setup): Promise<Running> {
  const handled = new Handled()
  const limit = limitHttp(optionsOf(setup, ofMessage))
  const listener = limit((req, res) => {
    const { status, body } = handled.answer(req.url ?? '', req.rateLimit?.remaining)
    res.statusCode = status
    res.end(body)
  })
  return running(createServer(listener), handled, limit, setup)
}

async function startFastify(setup: Setup): Promise<Running> {
  const handled = new Handled()
  const app = fastify()
  const limit = limitFastify(optionsOf(setup, name => request => ofMessage(name)(request.raw)))
  app.addHook('onRequest', limit)
  app.addHook('onError', async () => {
    handled.failed++
  })
  app.all('/*', (request, reply) => {
    const { status, body } = handled.answer(request.url, request.rateLimit?.remaining)
    reply.code(status).send(body)
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  return running(app.server, handled, limit, setup)
}

async function startKoa(setup: Setup): Promise<Running> {
  const handled = new Handled()
  const app = new Koa()
  app.on('error', () => handled.failed++)
  const limit = limitKoa(optionsOf(setup, name => ctx => ofMessage(name)(ctx.req)))
  app.use(limit)
  app.use(ctx => {
    const { status, body } = handled.answer(ctx.path, ctx.state.rateLimit?.remaining)
    ctx.status = status
    ctx.body = body
  })
  return running(createServer(app.callback()), handled, limit, setup)
}

async function startHono(setup: Setup): Promise<Running> {
  const handled = new Handled()
  const app = new Hono()
  const limit = limitHono(optionsOf(setup, name => c => c.req.header(name)))
  app.use(limit)
  app.onError((_error, c) => {
    handled.failed++
    return c.text('failed', 500)
  })
  app.all('*', c => {
    const { status, body } = handled.answer(c.req.path, c.get('rateLimit')?.remaining)
    return c.newResponse(body, status as 200 | 401)
  })
  const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }) as Server
  await once(server, 'listening')
  return running(server, handled, limit, setup)
}

/** Handlers of Request and Response behind the same server, which tells them the address. */
async function startFetch(setup: Setup): Promise<Running> {
  const handled = new Handled()
  const options = optionsOf<[globalThis.Request, string | undefined]>(
    setup,
    name => request => request.headers.get(name) ?? undefined,
  )
  const address =
    setup.trustProxy === undefined ? { address: (_: globalThis.Request, peer?: string) => peer } : {}
  const limit = limitFetch<[string | undefined]>({ ...options, ...address })
  const handle = limit(request => {
    const { status, body } = handled.answer(new URL(request.url).pathname, rateLimitOf(request)?.remaining)
    return new globalThis.Response(body, { status })
  })
  const server = serve({
    fetch: async (request: globalThis.Request, { incoming }: { incoming: IncomingMessage }) =>
      handle(request, incoming.socket.remoteAddress).catch(() => {
        handled.failed++
        return new globalThis.Response('failed', { status: 500 })
      }),
    port: 0,
    hostname: '127.0.0.1',
  } as Parameters<typeof serve>[0]) as Server
  await once(server, 'listening')
  return running(server, handled, limit, setup)
}

/** What both platforms of NestJS hand a handler. */
interface NestRequest {
  readonly url: string
  readonly rateLimit?: { readonly remaining: number }
}

interface NestResponse {
  status(code: number): { send(body: string): unknown }
}

const startNest =
  (platform: () => AbstractHttpAdapter) =>
  async (setup: Setup): Promise<Running> => {
    const handled = new Handled()
    const limit = rateLimitGuard(
      optionsOf(setup, name => context => {
        const request = context.switchToHttp().getRequest<IncomingMessage & { raw?: IncomingMessage }>()
        return ofMessage(name)(request.raw ?? request)
      }),
    )
    const app = await nestApp(limit, platform(), (request, response) => {
      const { status, body } = handled.answer(request.url, request.rateLimit?.remaining)
      response.status(status).send(body)
    })
    await app.listen(0, '127.0.0.1')
    const server: Server = app.getHttpServer()
    const ran = await running(server, handled, limit, setup)
    const stop = () => {
      server.closeAllConnections()
      return app.close()
    }
    return { ...ran, stop }
  }

/** Written without the syntax of decorators, which cannot be stripped. */
async function nestApp(
  guard: CanActivate,
  platform: AbstractHttpAdapter,
  handle: (request: NestRequest, response: NestResponse) => void,
): Promise<INestApplication> {
  // The first that matches has the request.
  class Everything {
    skipped(_request: NestRequest, response: NestResponse) {
      response.status(200).send('skipped')
    }
    all(request: NestRequest, response: NestResponse) {
      handle(request, response)
    }
  }
  const route = (method: 'all' | 'skipped', path: string) => {
    const own = Object.getOwnPropertyDescriptor(Everything.prototype, method) as PropertyDescriptor
    Req()(Everything.prototype, method, 0)
    Res()(Everything.prototype, method, 1)
    Get(path)(Everything.prototype, method, own)
    return own
  }
  Controller()(Everything)
  SkipRateLimit()(Everything.prototype, 'skipped', route('skipped', '/skipped'))
  route('all', platform instanceof ExpressAdapter ? '/{*path}' : '/*')
  class App {}
  Module({ controllers: [Everything], providers: [{ provide: APP_GUARD, useValue: guard }] })(App)
  return NestFactory.create(App, platform, { logger: false })
}

/** Every framework on a real server. */
export const FRAMEWORKS: Readonly<Record<string, (setup: Setup) => Promise<Running>>> = {
  express: startExpress,
  fastify: startFastify,
  hono: startHono,
  koa: startKoa,
  'nestjs on Express': startNest(() => new ExpressAdapter()),
  'nestjs on Fastify': startNest(() => new FastifyAdapter()),
  'node:http': startHttp,
  fetch: startFetch,
}
