import { expect, it } from 'vitest'
import { createTestLimiter } from '../../../src/testing/index.js'

const DAY_MS = 86_400_000

it('the wait of a spread quota is exact where it ends in a month that the first plan did not know', async () => {
  const { limiter, clock } = createTestLimiter({
    policies: { exports: { algorithm: 'quota', limit: 30, period: 'month', spread: true } },
  })
  // January and February are known now. February has 28 days, March has 31.
  clock.set('2026-02-01T00:00:00Z')
  await limiter.debit('exports', 'ada', { cost: 30 })
  const refused = await limiter.check('exports', 'ada', { cost: 2 })
  expect(refused).toMatchObject({ allowed: false, retryAfterMs: 28 * DAY_MS + Math.ceil((31 * DAY_MS) / 30) })

  await clock.advance(`${refused.retryAfterMs - 1}ms`)
  expect(await limiter.check('exports', 'ada', { cost: 2 })).toMatchObject({
    allowed: false,
    retryAfterMs: 1,
  })
  await clock.advance('1ms')
  expect(await limiter.check('exports', 'ada', { cost: 2 })).toMatchObject({ allowed: true })
})
