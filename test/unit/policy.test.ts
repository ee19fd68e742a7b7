import { describe, expect, expectTypeOf, it } from 'vitest'
import type { QuotaPlan } from '../../src/core/plan.js'
import {
  compilePlan,
  compilePolicies,
  type PoliciesInput,
  type PolicyName,
  type SubjectOf,
} from '../../src/policy.js'
import type { Subject } from '../../src/subject.js'

const NOW_US = Date.parse('2026-03-10T12:00Z') * 1000
const MINUTE_US = 60_000_000

const only = (policies: PoliciesInput) => {
  const compiled = compilePolicies(policies, { nowUs: NOW_US })
  const [policy] = compiled.byName.values()
  if (policy === undefined) throw new Error('a compiled configuration has a policy')
  return policy
}

const firstLimit = (policies: PoliciesInput) => {
  const [limit] = only(policies).limits
  if (limit === undefined) throw new Error('a compiled policy has a limit')
  return limit
}

describe('a policy as written becomes a policy compiled', () => {
  it("'100/m' is gcra with a burst of its limit, and the defaults", () => {
    expect(only({ perUser: '100/m' })).toMatchObject({
      name: 'perUser',
      by: undefined,
      group: undefined,
      limits: [
        {
          policy: 'perUser',
          keyName: 'perUser',
          slot: 0,
          limit: 100,
          windowMs: 60_000,
          plan: compilePlan({ algorithm: 'gcra', limit: 100, windowUs: MINUTE_US }),
        },
      ],
    })
  })

  it('an object says what differs', () => {
    const login = { limit: 5, window: '15m', by: 'email', algorithm: 'fixed_window' } as const
    expect(only({ login })).toMatchObject({
      by: ['email'],
      limits: [{ limit: 5, windowMs: 900_000, plan: { algorithm: 'fixed_window' } }],
    })
  })

  it('a list is several limits of one policy', () => {
    const policy = only({ api: ['10/s', { limit: 3, algorithm: 'concurrency' }] })
    expect(policy.limits.map(({ keyName, plan }) => [keyName, plan.algorithm])).toEqual([
      ['api', 'gcra'],
      ['api~1', 'concurrency'],
    ])
  })

  it('a policy of several limits names its parts, and its group in their order', () => {
    const policy = only({
      api: { limits: ['10/s', '1000/h'], by: ['region', 'tenant', 'user'], group: ['tenant', 'region'] },
    })
    expect(policy).toMatchObject({ by: ['region', 'tenant', 'user'], group: ['region', 'tenant'] })
  })

  it('options that are undefined are left out', () => {
    const limit = { limit: 5, window: '1m', burst: undefined, by: undefined }
    expect(only({ a: limit as never })).toMatchObject({ by: undefined, limits: [{ plan: { burst: 5 } }] })
  })

  it('a policy may be named like a property that every object has', () => {
    const policies = JSON.parse('{ "__proto__": "1/s", "constructor": "2/s" }') as PoliciesInput
    expect([...compilePolicies(policies).byName.keys()]).toEqual(['__proto__', 'constructor'])
  })

  it('windows for people are the period of a quota and the lease of a concurrency limit', () => {
    expect(firstLimit({ q: { algorithm: 'quota', limit: 9, period: 'month' } }).windowMs).toBe(
      31 * 86_400_000,
    )
    expect(firstLimit({ c: { algorithm: 'concurrency', limit: 9, lease: '2m' } }).windowMs).toBe(120_000)
    expect(firstLimit({ f: '1/0.5ms' }).windowMs).toBe(0.5)
  })
})

describe('key names', () => {
  it('stay the same for the first limit when a policy gains a second', () => {
    expect(firstLimit({ api: '10/s' }).keyName).toBe(firstLimit({ api: ['10/s', '1000/h'] }).keyName)
  })

  it('are encoded, so that no policy name reads like another limit', () => {
    expect(firstLimit({ 'a:b~1': '10/s' }).keyName).toBe('a%3Ab%7E1')
  })
})

describe('slots', () => {
  it('number the limits from 0 without gaps', () => {
    const { byName } = compilePolicies({ a: ['1/s', '2/m'], b: '3/h' })
    expect([...byName.values()].flatMap(({ limits }) => limits.map(({ slot }) => slot))).toEqual([0, 1, 2])
  })

  it('stay with their key through a live update, and are never given to another', () => {
    const before = compilePolicies({ a: '1/s', b: '2/s' })
    const after = compilePolicies(
      { c: '1/s', b: '5/m', a: { limit: 1, window: '1s', algorithm: 'fixed_window' } },
      { previous: before },
    )
    const slotOf = (name: string) => after.byName.get(name)?.limits[0]?.slot
    expect(slotOf('b')).toBe(1)
    expect(slotOf('c')).toBe(2)
    // Another algorithm has another key, hence another table.
    expect(slotOf('a')).toBe(3)
    expect(compilePolicies({ a: '9/s' }, { previous: after }).byName.get('a')?.limits[0]?.slot).toBe(0)
  })
})

describe('a live update', () => {
  it('keeps the ceiling of the plans that other processes still use', () => {
    const old = compilePolicies({ a: { limit: 10, window: '1s', burst: 100 } })
    const fresh = compilePolicies({ a: '10/s' }, { previous: old, peers: old })
    expect(fresh.byName.get('a')?.limits[0]?.plan).toMatchObject({ burst: 10, horizon: 200 * 800_000 })
  })
})

describe('a quota', () => {
  it('computes its calendar anew once its first period is over, so that it always knows the next one', () => {
    const limit = firstLimit({
      q: { algorithm: 'quota', limit: 9, period: 'day', timeZone: 'Europe/Berlin' },
    })
    const first = limit.plan as QuotaPlan
    expect(limit.planAt(first.period1Us - 1)).toBe(first)
    const second = limit.planAt(first.period1Us) as QuotaPlan
    expect(second).toMatchObject({ period0Us: first.period1Us, period1Us: first.period2Us })
    expect(limit.plan).toBe(second)
  })

  it('goes back with a clock that was far ahead', () => {
    const limit = firstLimit({ q: { algorithm: 'quota', limit: 9, period: 'day' } })
    const first = limit.plan as QuotaPlan
    expect(limit.planAt(first.period0Us - 1)).toMatchObject({ period1Us: first.period0Us })
  })

  it('is spread with one unit free at the start unless told otherwise', () => {
    const quota = { algorithm: 'quota', limit: 9, period: 'day' } as const
    expect(firstLimit({ q: quota }).plan).toMatchObject({ spread: 0, spreadBurst: 0, debtLimit: 18 })
    expect(firstLimit({ q: { ...quota, spread: true } }).plan).toMatchObject({ spread: 1, spreadBurst: 1 })
    expect(firstLimit({ q: { ...quota, spread: true, spreadBurst: 4 } }).plan).toMatchObject({
      spreadBurst: 4,
    })
  })

  it('any other plan holds at all times', () => {
    const limit = firstLimit({ a: '1/s' })
    expect(limit.planAt(0)).toBe(limit.plan)
  })
})

describe('another limit for one call', () => {
  it('is on the same key, with the burst of its own limit', () => {
    const limit = firstLimit({ a: { limit: 10, window: '1m', burst: 50 } })
    const other = limit.withLimit({ limit: 20 })
    expect(other).toMatchObject({
      policy: 'a',
      keyName: 'a',
      slot: 0,
      limit: 20,
      windowMs: 60_000,
      plan: { burst: 20 },
    })
    expect(limit.withLimit({ limit: 20, burst: 5 })).toMatchObject({ limit: 20, plan: { burst: 5 } })
    expect(limit).toMatchObject({ limit: 10, plan: { burst: 50 } })
  })

  it('is compiled once', () => {
    const limit = firstLimit({ a: '10/m' })
    expect(limit.withLimit({ limit: 20 })).toBe(limit.withLimit({ limit: 20 }))
    expect(limit.withLimit({ limit: 20, burst: 5 })).not.toBe(limit.withLimit({ limit: 20 }))
  })

  it('is forgotten after a thousand others, so that memory stays bounded', () => {
    const limit = firstLimit({ a: '10/m' })
    const first = limit.withLimit({ limit: 1 })
    for (let units = 2; units <= 1000; units++) limit.withLimit({ limit: units })
    expect(limit.withLimit({ limit: 1 })).toBe(first)
    limit.withLimit({ limit: 1001 })
    expect(limit.withLimit({ limit: 1 })).not.toBe(first)
  })

  it('works for windows, quotas and concurrency', () => {
    expect(
      firstLimit({ a: { limit: 9, window: '1m', algorithm: 'fixed_window' } }).withLimit({ limit: 4 }).plan,
    ).toMatchObject({ limit: 4 })
    const spread = { limit: 9, algorithm: 'quota', period: 'day', spread: true, spreadBurst: 6 } as const
    expect(firstLimit({ a: spread }).withLimit({ limit: 4 }).plan).toMatchObject({ total: 4, spreadBurst: 4 })
    expect(
      firstLimit({ a: { limit: 9, algorithm: 'concurrency' } }).withLimit({ limit: 4 }).plan,
    ).toMatchObject({ limit: 4 })
  })

  it.each([
    [{ limit: 0 }, `override of policy 'a': limit: 0 is not a whole number of at least 1`],
    [{ limit: 2.5 }, `override of policy 'a': limit: 2.5 is not a whole number of at least 1`],
    [
      { limit: '5' },
      `override of policy 'a': limit: '5' is not a number; write a whole number of at least 1`,
    ],
    [{ limit: 5, burst: 0 }, `override of policy 'a': burst: 0 is not a whole number of at least 1`],
    [
      { limit: 2 ** 41 },
      `override of policy 'a': limit: 2199023255552 is above 1099511627776, the largest limit of 'gcra'`,
    ],
  ])('is refused when it is %j', (override, message) => {
    const limit = firstLimit({ a: '10/m' })
    expect(() => limit.withLimit(override as never)).toThrow(
      expect.objectContaining({ code: 'ERR_SLUICE_POLICY', message }),
    )
  })

  it('has no burst where the algorithm has none', () => {
    const limit = firstLimit({ a: { limit: 9, window: '1m', algorithm: 'fixed_window' } })
    expect(() => limit.withLimit({ limit: 9, burst: 9 })).toThrow(
      `override of policy 'a': burst: 9 has no effect on 'fixed_window', which has no burst`,
    )
  })
})

describe('types', () => {
  const named = <const P extends PoliciesInput>(policies: P) => policies

  it('know the names of the policies', () => {
    const policies = named({ perUser: '100/m', api: ['1/s', '5/m'] })
    expectTypeOf<PolicyName<typeof policies>>().toEqualTypeOf<'perUser' | 'api'>()
  })

  it('know the parts of a subject from `by`', () => {
    const policies = named({
      plain: '100/m',
      one: { limit: 1, window: '1s', by: 'user' },
      list: { limit: 1, window: '1s', by: ['user'] },
      several: { limits: ['1/s'], by: ['tenant', 'user'] },
    })
    type Policies = typeof policies
    expectTypeOf<SubjectOf<Policies['plain']>>().toEqualTypeOf<Subject>()
    expectTypeOf<SubjectOf<Policies['one']>>().toEqualTypeOf<string | { readonly user: string }>()
    expectTypeOf<SubjectOf<Policies['list']>>().toEqualTypeOf<string | { readonly user: string }>()
    expectTypeOf<SubjectOf<Policies['several']>>().toEqualTypeOf<{
      readonly tenant: string
      readonly user: string
    }>()
    expectTypeOf<SubjectOf<PoliciesInput[string]>>().toEqualTypeOf<Subject>()
  })
})
