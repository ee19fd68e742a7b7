import { expect, test } from 'vitest'
import { atomicityWarning } from '../../../src/limiter/atomicity.js'
import { compilePolicies, type PoliciesInput } from '../../../src/policy.js'

const warningOf = (policies: PoliciesInput) => atomicityWarning(compilePolicies(policies).byName.values())

test('policies that group subjects alike are decided together: nothing to say', () => {
  expect(warningOf({ perUser: '5/s', daily: ['100/h', '1000/d'] })).toBeUndefined()
  expect(
    warningOf({
      api: { limit: 5, window: '1s', by: ['tenant', 'user'], group: 'tenant' },
      tenant: { limit: 9, window: '1s', by: 'tenant' },
    }),
  ).toBeUndefined()
})

test('those that do not are listed by what they group by', () => {
  const warning = warningOf({
    perUser: '5/s',
    perHour: '5/h',
    api: { limit: 5, window: '1s', by: ['tenant', 'user'], group: 'tenant' },
    pair: { limit: 5, window: '1s', by: ['tenant', 'user'] },
  })
  expect(warning).toMatch(
    /perUser.*perHour.* \(by the whole subject\); .*api.* \(by tenant\); .*pair.* \(by tenant and user\)\. /,
  )
  expect(warning).toMatch(/never above a limit.*Give policies that are checked together the same 'group'/)
})
