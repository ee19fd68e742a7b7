import { expect, test } from 'vitest'
import { createTestLimiter } from '../../../src/testing/index.js'

const setUp = () =>
  createTestLimiter({ policies: { perUser: { algorithm: 'fixed_window', limit: 5, window: '1m' } } })

test('policies that are defined later count beside the others, which keep their counters', async () => {
  const { limiter } = setUp()
  await limiter.check('perUser', 'ada', { cost: 2 })
  const more = limiter.define({ search: '2/m' })
  expect((await more.check('search', 'ada')).remaining).toBe(1)
  expect((await more.check('perUser', 'ada')).remaining).toBe(2)
})

test('they outlive an update of the configuration, and so do their counters', async () => {
  const { limiter, clock } = setUp()
  const more = limiter.define({ search: '2/m' })
  await more.check('search', 'ada')
  limiter.update({ perUser: '10/m' })
  expect((await more.check('search', 'ada')).remaining).toBe(0)
  await clock.advance('2h')
  expect((await more.check('search', 'ada')).remaining).toBe(1)
})

test('a name that there is already is refused, and nothing is defined', async () => {
  const { limiter } = setUp()
  expect(() => limiter.define({ search: '2/m', perUser: '1/m' })).toThrow(
    "policies.perUser: there is a policy 'perUser' already; give this one another name",
  )
  await expect(limiter.check('search' as 'perUser', 'ada')).rejects.toThrow("there is no policy 'search'")
  limiter.define({ search: '2/m' })
  expect(() => limiter.update({ perUser: '1/m', search: '1/m' } as never)).toThrow(
    "there is a policy 'search' already",
  )
})

test('what is wrong with them is told, and nothing is defined', () => {
  const { limiter } = setUp()
  expect(() => limiter.define({ search: '2/fortnight' as '2/m' })).toThrow('policies.search')
  expect(() => limiter.define({ search: '2/m' })).not.toThrow()
})
