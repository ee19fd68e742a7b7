/**
 * The package's ways in: the name of the built file in `dist/esm` and `dist/cjs` and the source it is built from.
 * `package.json` names the same files under `exports` and `bin`; `test/package` proves that they agree.
 */
export const entries = {
  index: 'src/index.ts',
  testing: 'src/testing/index.ts',
  engine: 'src/engine/index.ts',
  compat: 'src/compat/index.ts',
  breaker: 'src/breaker/index.ts',
  express: 'src/middleware/express.ts',
  fastify: 'src/middleware/fastify.ts',
  hono: 'src/middleware/hono.ts',
  koa: 'src/middleware/koa.ts',
  nestjs: 'src/middleware/nestjs.ts',
  http: 'src/middleware/http.ts',
  fetch: 'src/middleware/fetch.ts',
  'express-rate-limit': 'src/middleware/express-rate-limit.ts',
  'fastify-rate-limit': 'src/middleware/fastify-rate-limit.ts',
  'rate-limiter-flexible': 'src/compat/flexible/index.ts',
  mcp: 'src/middleware/mcp.ts',
  gateway: 'src/inbound/index.ts',
  prometheus: 'src/metrics/prometheus.ts',
  opentelemetry: 'src/metrics/opentelemetry.ts',
  cli: 'src/cli/main.ts',
} as const

/** What an importer writes, and the source behind it: for checking examples against this checkout. */
export const publicModules: Readonly<Record<string, string>> = {
  sluice: entries.index,
  'sluice/testing': entries.testing,
  'sluice/engine': entries.engine,
  'sluice/compat': entries.compat,
  'sluice/breaker': entries.breaker,
  'sluice/express': entries.express,
  'sluice/fastify': entries.fastify,
  'sluice/hono': entries.hono,
  'sluice/koa': entries.koa,
  'sluice/nestjs': entries.nestjs,
  'sluice/http': entries.http,
  'sluice/fetch': entries.fetch,
  'sluice/express-rate-limit': entries['express-rate-limit'],
  'sluice/fastify-rate-limit': entries['fastify-rate-limit'],
  'sluice/rate-limiter-flexible': entries['rate-limiter-flexible'],
  'sluice/mcp': entries.mcp,
  'sluice/gateway': entries.gateway,
  'sluice/prometheus': entries.prometheus,
  'sluice/opentelemetry': entries.opentelemetry,
}

/** The oldest Node of `engines`: newer syntax is compiled for it. */
export const OLDEST_TARGET = 'node22.12'
