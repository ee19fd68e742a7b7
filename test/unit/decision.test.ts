import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { Op, Status } from '../../src/core/step.js'
import type { Decided } from '../../src/decision/check-state.js'
import { Decision } from '../../src/decision.js'
import { compilePolicies, type PolicyLimit } from '../../src/policy.js'

const AT_US = 1_767_225_600_000_000

const limits = new Map(
  [
    ...compilePolicies({
      perMinute: '100/m',
      perHour: '1000/h',
      shaped: { algorithm: 'leaky_bucket', mode: 'shape', limit: 10, window: '1s' },
      jobs: { algorithm: 'concurrency', limit: 3 },
    }).byName,
  ].map(([name, policy]) => [name, policy.limits[0] as PolicyLimit]),
)

const said = (policy: string, parts: Partial<Decided> = {}): Decided => ({
  limit: limits.get(policy) as PolicyLimit,
  subject: 'ada',
  op: Op.consume,
  status: Status.allowed,
  granted: 1,
  remaining: 99,
  waitUs: 0,
  resetUs: 600_000,
  ...parts,
})

const decide = (...checks: Decided[]) => Decision.of(checks, { nowUs: AT_US, checks }, 'memory')

describe('a Decision', () => {
  it('tells waits in milliseconds, rounded up, so that nobody comes back too early', () => {
    const refused = decide(said('perMinute', { status: Status.denied, granted: 0, waitUs: 1, resetUs: 1001 }))
    expect(refused).toMatchObject({ allowed: false, reason: 'limit', retryAfterMs: 1, resetAfterMs: 2 })
    expect(refused.delayMs).toBe(0)
  })

  it('tells the wait of an admission as a delay, not as a refusal', () => {
    const shaped = decide(said('shaped', { waitUs: 99_001 }))
    expect(shaped).toMatchObject({ allowed: true, delayMs: 100, retryAfterMs: 0 })
  })

  it('tells a block from a limit', () => {
    expect(decide(said('perMinute', { status: Status.blocked })).reason).toBe('blocked')
  })

  it('shows the limit with the smallest share left when all passed', () => {
    const decision = decide(said('perMinute', { remaining: 50 }), said('perHour', { remaining: 400 }))
    expect(decision).toMatchObject({ policy: 'perHour', limit: 1000, remaining: 400 })
  })

  it('shows the check that waits longest when refused, whatever is left elsewhere', () => {
    const decision = decide(
      said('perMinute', { remaining: 0 }),
      said('perHour', { status: Status.denied, waitUs: 2_000 }),
      said('perMinute', { status: Status.denied, waitUs: 5_000 }),
    )
    expect(decision).toMatchObject({ allowed: false, policy: 'perMinute', retryAfterMs: 5 })
    expect(decision.checks.map(({ policy, allowed }) => [policy, allowed])).toEqual([
      ['perMinute', true],
      ['perHour', false],
      ['perMinute', false],
    ])
  })

  it('has the first of equals', () => {
    const decision = decide(said('perHour', { remaining: 500 }), said('perMinute', { remaining: 50 }))
    expect(decision.policy).toBe('perHour')
  })
})

describe('the receipt of a Decision', () => {
  it('names what was charged, and nothing else', () => {
    const { receipt } = decide(said('perMinute', { granted: 3 }), said('perHour', { op: Op.peek }))
    expect(receipt).toEqual({
      charges: [
        {
          policy: 'perMinute',
          limit: 'perMinute',
          algorithm: 'gcra',
          subject: 'ada',
          units: 3,
          atUs: AT_US,
        },
      ],
    })
    expect(JSON.parse(JSON.stringify(receipt))).toEqual(receipt)
  })

  it('is none when nothing was charged', () => {
    expect(decide(said('perMinute', { status: Status.denied })).receipt).toBeUndefined()
    expect(decide(said('perMinute', { op: Op.peek })).receipt).toBeUndefined()
    expect(decide(said('perMinute', { op: Op.refund })).receipt).toBeUndefined()
    expect(decide(said('perMinute'), said('perHour', { status: Status.denied })).receipt).toBeUndefined()
  })

  it('knows the place in the queue of a shaped call, the holder of a lease, and the override', () => {
    expect(decide(said('shaped', { resetUs: 300_000 })).receipt?.charges[0]?.atUs).toBe(AT_US + 300_000)
    expect(decide(said('jobs', { leaseId: 'abc' })).receipt?.charges[0]?.leaseId).toBe('abc')
    const override = { limit: 500 }
    expect(decide(said('perMinute', { override })).receipt?.charges[0]?.override).toEqual(override)
  })
})

describe('printing a Decision', () => {
  const decision = decide(said('perMinute'))

  it('shows everything in JSON', () => {
    expect(JSON.parse(JSON.stringify(decision))).toEqual({
      allowed: true,
      reason: 'ok',
      policy: 'perMinute',
      limit: 100,
      remaining: 99,
      retryAfterMs: 0,
      resetAfterMs: 600,
      delayMs: 0,
      source: 'memory',
      receipt: {
        charges: [
          {
            policy: 'perMinute',
            limit: 'perMinute',
            algorithm: 'gcra',
            subject: 'ada',
            units: 1,
            atUs: AT_US,
          },
        ],
      },
      checks: [
        {
          policy: 'perMinute',
          limit: 100,
          capacity: 100,
          windowMs: 60_000,
          algorithm: 'gcra',
          allowed: true,
          reason: 'ok',
          granted: 1,
          remaining: 99,
          retryAfterMs: 0,
          resetAfterMs: 600,
          delayMs: 0,
        },
      ],
    })
  })

  it('shows everything on the console', () => {
    expect(inspect(decision)).toMatch(/^Decision \{\n {2}allowed: true,.*remaining: 99.*receipt: /s)
  })
})
