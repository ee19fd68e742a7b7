import { describe, expect, test } from 'vitest'
import { createGatewayLimits } from '../../../src/inbound/index.js'
import { createLimiter } from '../../../src/limiter.js'
import { FakeClock } from '../../../src/testing/index.js'
import { setUp } from './support/set-up.js'

describe('one request is one decision over every dimension that applies', () => {
  test('what the tool refuses is charged to nobody: the user and the tenant lose nothing', async () => {
    const { limits } = setUp({ by_user: '10/m', by_tenant: '100/m', by_tool: { search: '1/m' } })
    const request = { user: 'ada', tenant: 'acme', tool: 'search' }
    await limits.check(request)
    for (let i = 0; i < 5; i++) await limits.check(request)
    const { dimensions } = await limits.check({ user: 'ada', tenant: 'acme' })
    expect(dimensions.map(({ dimension, remaining }) => [dimension, remaining])).toEqual([
      ['by_user', 8],
      ['by_tenant', 98],
    ])
  })

  test('a refusal names the limits that refused, and says when the request could pass: the longest wait', async () => {
    const { limits, clock } = setUp({
      by_user: '1/m',
      by_tenant: '100/m',
      by_tool: { 'db_*': '1/h' },
      algorithm: 'fixed_window',
    })
    const request = { user: 'ada', tenant: 'acme', tool: 'db_read' }
    await limits.check(request)
    const refused = await limits.check(request)
    expect(refused).toMatchObject({ allowed: false, reason: 'limit', retryAfterMs: 3_600_000 })
    expect(refused.violated).toMatchObject([
      { dimension: 'by_user', policy: 'by_user', limit: 1, retryAfterMs: 60_000 },
      { dimension: 'by_tool', policy: 'by_tool.db_*', limit: 1, retryAfterMs: 3_600_000 },
    ])
    expect(refused.dimensions.map(({ dimension }) => dimension)).toEqual(['by_user', 'by_tenant', 'by_tool'])
    expect(refused.decision?.retryAfterMs).toBe(3_600_000)
    await clock.advance(`${refused.retryAfterMs}ms`)
    expect((await limits.check(request)).allowed).toBe(true)
  })

  test('a request that nothing limits passes, and nothing is said of it', async () => {
    const { limits } = setUp({ by_tool: { search: '1/m' } })
    expect(await limits.check({ user: 'ada', tool: 'other' })).toEqual({
      allowed: true,
      reason: 'ok',
      retryAfterMs: 0,
      dimensions: [],
      violated: [],
      decision: undefined,
    })
  })

  test('A7: a request that waits passes when its longest limit lets it, and is refused at once where that is too long', async () => {
    const { limits, clock } = setUp({ by_user: '1/s', by_tool: { search: '1/2s' } })
    const request = { user: 'ada', tool: 'search' }
    await limits.check(request)
    expect(await limits.wait(request, { maxWait: '1s' })).toMatchObject({ allowed: false })
    const waiting = limits.wait(request, { maxWait: '3s' })
    await clock.advance('2s')
    expect(await waiting).toMatchObject({ allowed: true })
  })

  test('A6: a cost is charged to all, and what none could ever admit is an error', async () => {
    const { limits } = setUp({ by_user: '5/m', by_tenant: '10/m' })
    const request = { user: 'ada', tenant: 'acme' }
    const { dimensions } = await limits.check(request, { cost: 3 })
    expect(dimensions.map(({ remaining }) => remaining)).toEqual([2, 7])
    await expect(limits.check(request, { cost: 6 })).rejects.toMatchObject({
      code: 'ERR_SLUICE_COST_IMPOSSIBLE',
    })
    await expect(limits.check(request, { cost: 0 })).rejects.toMatchObject({ code: 'ERR_SLUICE_CHECK' })
  })

  test('two gateways share one limiter under names of their own, and neither closes it', async () => {
    const clock = new FakeClock()
    const limiter = createLimiter({ clock, policies: { other: '1/s' } })
    const one = createGatewayLimits({ limiter, name: 'one', by_user: '1/m' })
    const two = createGatewayLimits({ limiter, name: 'two', by_user: '1/m' })
    await one.check({ user: 'ada' })
    expect((await two.check({ user: 'ada' })).allowed).toBe(true)
    expect((await one.check({ user: 'ada' })).violated).toMatchObject([
      { dimension: 'by_user', policy: 'one.by_user' },
    ])
    await one.close()
    expect((await limiter.check('other', 'x')).allowed).toBe(true)
    expect(() => createGatewayLimits({ limiter, name: 'one', by_user: '1/m' })).toThrow(/one\.by_user/)
    await limiter.close()
  })

  test('a verdict as JSON tells nobody who asked', async () => {
    const { limits } = setUp({ by_user: '1/m', by_tenant: '9/m' })
    const verdict = await limits.check({ user: 'ada@example.com', tenant: 'acme' })
    expect(JSON.stringify(verdict)).not.toMatch(/ada|acme/)
  })
})
