/**
 * A service on Fastify: a limit for every route, one of its own for a dear one, and a stricter one that only watches until
 * its numbers are known.
 *
 *   node --import ./scripts/run-source.ts examples/fastify-service.ts 3000 redis://localhost:6379
 */
import fastify from 'fastify'
import { createLimiter } from 'sluice'
import { rateLimit } from 'sluice/fastify'

const [port = '3000', store = 'redis://localhost:6379'] = process.argv.slice(2)

const limiter = createLimiter({
  store,
  policies: {
    all: '100/m',
    stricter: '3/m',
    reports: { limit: 10, window: '1h', algorithm: 'token_bucket' },
  },
})

const app = fastify()

const all = rateLimit({ limiter, checks: [{ policy: 'all' }, { policy: 'stricter', shadow: true }] })
app.addHook('onRequest', all)
app.get('/', request => ({ hello: 'world', remaining: request.rateLimit?.remaining }))
app.get('/shadow', () => all.shadow)

// A report costs by how many days it covers.
const reports = rateLimit({
  limiter,
  policy: 'reports',
  cost: request => Number((request.query as { days?: string }).days ?? 1),
})
app.get('/report', { preHandler: reports }, () => ({ report: 'done' }))

console.log(`listening on ${await app.listen({ port: Number(port), host: '127.0.0.1' })}`)
process.once('SIGTERM', async () => {
  await app.close()
  await limiter.close()
})
