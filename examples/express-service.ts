/**
 * A service on Express: what everybody may ask, what a user may ask by what they pay for, and sign-ins that fail. Two
 * replicas on one Redis count together.
 *
 *   node --import ./scripts/run-source.ts examples/express-service.ts 3000 redis://localhost:6379
 */
import express from 'express'
import { createLimiter } from 'sluice'
import { rateLimit } from 'sluice/express'

const [port = '3000', store = 'redis://localhost:6379'] = process.argv.slice(2)

const limiter = createLimiter({
  store,
  policies: {
    perAddress: '100/m',
    perUser: '20/m',
    signIns: { limit: 3, window: '15m', algorithm: 'sliding_window', onStoreFailure: 'closed' },
  },
})

/** Who asks, and what they pay for: of a real service, from its session. */
const USERS: Readonly<Record<string, { readonly limit: number }>> = { ada: { limit: 5 }, bob: { limit: 20 } }

const app = express()
app.use(express.json())

// What is told is the one that is closest to its limit. The load balancer before this service is its only proxy.
app.use(
  '/api',
  rateLimit({
    limiter,
    trustProxy: 1,
    headers: ['x', 'draft-11'],
    checks: [
      { policy: 'perAddress' },
      {
        policy: 'perUser',
        skip: req => req.get('x-user') === undefined,
        key: req => req.get('x-user') ?? '',
        limit: req => USERS[req.get('x-user') ?? '']?.limit ?? 1,
      },
    ],
  }),
)
app.get('/api/hello', (req, res) => {
  res.json({ hello: req.get('x-user') ?? 'world', remaining: req.rateLimit?.remaining })
})

// Only what fails is counted, by whom somebody claims to be.
const signIns = rateLimit({
  limiter,
  policy: 'signIns',
  key: req => String(req.body.user),
  countWhen: res => res.statusCode >= 400,
})
app.post('/sign-in', signIns, (req, res) => {
  res.status(req.body.password === 'correct' ? 204 : 401).end()
})

const server = app.listen(Number(port), '127.0.0.1', () => {
  console.log(`listening on ${JSON.stringify(server.address())}`)
})
process.once('SIGTERM', () => {
  server.close(() => void limiter.close())
  server.closeIdleConnections()
})
