import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ALGORITHMS, capacity } from '../../../src/core/plan.js'
import { compilePolicies, type PolicyInput, type PolicyLimit } from '../../../src/policy.js'

const NOW_US = Date.UTC(2026, 5, 15) * 1000

const limitOf = (policy: PolicyInput): PolicyLimit =>
  compilePolicies({ p: policy }, { nowUs: NOW_US }).byName.get('p')?.limits[0] as PolicyLimit

describe("a replica's share of a limit", () => {
  it('divides units, burst and debt', () => {
    const share = limitOf({ limit: 100, window: '1m', burst: 20, debt: 40 }).shareOf(4)
    expect(share).toMatchObject({ limit: 25, windowMs: 60_000, plan: { burst: 5 } })
    expect(share.config).toMatchObject({ limit: 25, burst: 5, debt: 10 })
  })

  it('is at least one unit', () => {
    expect(capacity(limitOf('3/m').shareOf(10).plan)).toBe(1)
    expect(capacity(limitOf({ algorithm: 'concurrency', limit: 3 }).shareOf(10).plan)).toBe(1)
  })

  it('has the key, the slot and the algorithm of the whole, and the leases of concurrency', () => {
    const whole = limitOf({ algorithm: 'concurrency', limit: 10, lease: '5s' })
    const share = whole.shareOf(3)
    expect(share).toMatchObject({ keyName: whole.keyName, slot: whole.slot, policy: 'p' })
    expect(share.plan).toEqual({ algorithm: 'concurrency', limit: 3, leaseUs: 5_000_000 })
  })

  it('divides what a strict plan can admit at once, and not what it holds back', () => {
    const whole = limitOf({ limit: 60, window: '1m', burst: 20, settle: '10s', strict: true })
    expect(capacity(whole.plan)).toBe(10)
    expect(capacity(whole.shareOf(5).plan)).toBe(2)
  })

  it('divides what a spread quota has free at the start of a period', () => {
    const quota = { algorithm: 'quota', limit: 100, period: 'day', spread: true, spreadBurst: 10 } as const
    expect(limitOf(quota).shareOf(4).plan).toMatchObject({ total: 25, spreadBurst: 2 })
  })

  it('follows an override', () => {
    const whole = limitOf({ algorithm: 'fixed_window', limit: 10, window: '1m' }).withLimit({ limit: 1_000 })
    expect(whole.shareOf(4).limit).toBe(250)
  })

  it('of all replicas together admits no more than the whole, or one unit each', () => {
    const drawn = fc.record({
      algorithm: fc.constantFrom(...ALGORITHMS),
      limit: fc.integer({ min: 1, max: 10_000 }),
      days: fc.integer({ min: 1, max: 400 }),
      replicas: fc.integer({ min: 1, max: 500 }),
    })
    fc.assert(
      fc.property(drawn, ({ algorithm, limit, days, replicas }) => {
        const share = limitOf(policyOf(algorithm, limit, days)).shareOf(replicas)
        expect(share.limit).toBe(Math.max(1, Math.floor(limit / replicas)))
        expect(capacity(share.plan)).toBeGreaterThanOrEqual(1)
        expect(capacity(share.plan) * replicas).toBeLessThanOrEqual(Math.max(limit, replicas))
      }),
    )
  })
})

function policyOf(algorithm: (typeof ALGORITHMS)[number], limit: number, days: number): PolicyInput {
  if (algorithm === 'quota') return { algorithm, limit, period: 'month' }
  if (algorithm === 'concurrency') return { algorithm, limit }
  return { algorithm, limit, window: `${days}d` }
}
