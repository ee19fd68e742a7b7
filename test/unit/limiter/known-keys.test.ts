import { afterEach, beforeEach, expect, it } from 'vitest'
import { SubjectError, UnknownPolicyError } from '../../../src/errors.js'
import { createLimiter } from '../../../src/index.js'

/**
 * A check of a key that is there takes a shorter way, on which nobody looks at the form of the subject. These are the
 * subjects that it must not mistake.
 */
const limiter = () =>
  createLimiter({
    policies: {
      anyone: { limit: 3, window: '1h', algorithm: 'fixed_window' },
      perUser: { limit: 3, window: '1h', by: ['user'] },
      perTenantUser: { limit: 3, window: '1h', by: ['tenant', 'user'] },
    },
  })

let made: ReturnType<typeof limiter>
beforeEach(() => {
  made = limiter()
})
afterEach(() => made.close())

it('counts a record apart from the text that reads like its identity', () => {
  const { remaining } = made.checkSync('anyone', { user: 'ada' })
  expect(remaining).toBe(2)
  expect(made.checkSync('anyone', '\0user=ada').remaining).toBe(2)
  expect(made.checkSync('anyone', '\0user=ada').remaining).toBe(1)
  expect(made.checkSync('anyone', { user: 'ada' }).remaining).toBe(1)
})

it('counts a long text as one subject, though its key has only a hash of it', () => {
  const long = 'x'.repeat(300)
  const seen = [long, long, `${long}x`].map(subject => made.checkSync('anyone', subject).remaining)
  expect(seen).toEqual([2, 1, 2])
})

it('counts a text and the record of one part that means the same together', () => {
  expect(made.checkSync('perUser', 'ada').remaining).toBe(2)
  expect(made.checkSync('perUser', { user: 'ada' }).remaining).toBe(1)
  expect(made.checkSync('perUser', 'ada').remaining).toBe(0)
})

it.each(['', 'ad\ud800', '\udc00da'])('refuses %j whatever keys there are', subject => {
  made.checkSync('anyone', 'ada')
  for (let times = 0; times < 2; times++) {
    expect(() => made.checkSync('anyone', subject)).toThrow(SubjectError)
  }
})

it('refuses a text where the policy counts by several parts', () => {
  made.checkSync('perTenantUser', { tenant: 'acme', user: 'ada' })
  expect(() => made.checkSync('perTenantUser' as 'anyone', '\0acme:ada')).toThrow(SubjectError)
})

it('tells what was charged, for a refund', async () => {
  made.checkSync('anyone', 'ada')
  const { receipt } = made.checkSync('anyone', 'ada', { cost: 2 })
  expect(receipt?.charges).toMatchObject([{ policy: 'anyone', subject: 'ada', units: 2 }])
  expect(made.checkSync('anyone', 'ada')).toMatchObject({ allowed: false, reason: 'limit', remaining: 0 })
  expect(await made.refund(receipt as NonNullable<typeof receipt>)).toMatchObject({ remaining: 2 })
})

it('forgets a policy that an update took away', () => {
  made.checkSync('anyone', 'ada')
  made.update({ perUser: '5/h', perTenantUser: '5/h', anyone: '7/h' })
  expect(made.checkSync('anyone', 'ada').limit).toBe(7)
  ;(made as { update(policies: object): void }).update({ perUser: '5/h' })
  expect(() => made.checkSync('anyone', 'ada')).toThrow(UnknownPolicyError)
})
