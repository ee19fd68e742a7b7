import { describe, expect, it } from 'vitest'
import type { BucketPlan } from '../../../src/core/plan.js'
import { PolicyTable } from '../../../src/limiter/policy-table.js'
import { compilePolicies, type PoliciesInput } from '../../../src/policy.js'
import { FakeClock } from '../../../src/testing/index.js'

const bucket = (limit: number): PoliciesInput => ({
  tokens: { algorithm: 'token_bucket', limit, window: '10s' },
})

const setUp = (policies: PoliciesInput) => {
  const clock = new FakeClock()
  const table = new PolicyTable(policies, compilePolicies(policies, { nowUs: clock.nowUs() }), clock, clock)
  const plan = () => table.get('tokens').limits[0]?.plan as BucketPlan
  return { clock, table, plan }
}

describe('updating policies', () => {
  it('keeps the larger ceiling of old and new until every state of before has drained', async () => {
    const { clock, table, plan } = setUp(bucket(100))
    table.update(bucket(10))
    // Twice the limit: a debt as large as the burst.
    expect(plan()).toMatchObject({ burst: 10, debtLimit: 200 })
    await clock.advance(`${Math.floor(plan().emptyAfterUs / 1000)}ms`)
    expect(plan().debtLimit).toBe(200)
    await clock.advance('1ms')
    expect(plan()).toMatchObject({ burst: 10, debtLimit: 20 })
  })

  it('does not forget an older ceiling at the next update', () => {
    const { table, plan } = setUp(bucket(100))
    table.update(bucket(10))
    table.update(bucket(20))
    expect(plan()).toMatchObject({ burst: 20, debtLimit: 200 })
  })

  it('keeps the slots of limits that stay, so that engines keep their counters', () => {
    const { table } = setUp({ first: '1/m', tokens: '2/m' })
    const before = table.get('tokens').limits[0]?.slot
    table.update({ tokens: '3/m', other: '4/m' })
    expect(table.get('tokens').limits[0]?.slot).toBe(before)
    expect(table.get('other').limits[0]?.slot).toBe(2)
    expect(() => table.get('first')).toThrow("there is no policy 'first'")
  })

  it('leaves everything as it was when the new policies are broken', () => {
    const { table, plan } = setUp(bucket(100))
    expect(() => table.update(bucket(0))).toThrow('policies.tokens.limit')
    expect(plan().burst).toBe(100)
  })
})
