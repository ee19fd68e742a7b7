import { expect, test } from 'vitest'
import { createLimiter } from '../../../src/index.js'
import { rateLimit } from '../../../src/middleware/express.js'

const limiter = createLimiter({ policies: { login: '5/m', api: '100/m' } })

test('policies are typed by their names, and functions by what the framework hands them', () => {
  const one = rateLimit({
    limiter,
    policy: 'login',
    key: req => String(req.headers.host),
    countWhen: res => res.statusCode >= 400,
  })
  const several = rateLimit({ limiter, checks: [{ policy: 'login' }, { policy: 'api', cost: 2 }] })
  // @ts-expect-error no policy of that name
  const unknown = () => rateLimit({ limiter, policy: 'logn' })
  // @ts-expect-error a number is no header format
  expect(() => rateLimit('1/s', { headers: 7 })).toThrow('headers: 7 is unknown')
  expect([one, several, unknown]).toEqual([expect.any(Function), expect.any(Function), expect.any(Function)])
})
