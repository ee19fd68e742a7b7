import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { GENERATIONS, readGatewayConfig } from '../../../src/compat/mcp-gateway/config.js'
import { dimensionsOf, readCall } from '../../../src/compat/mcp-gateway/dimensions.js'
import { locateGatewayKey } from '../../../src/compat/migrate/gateway-keys.js'

const CONFIG = { by_user: '10/m', by_tenant: '50/h', by_tool: { search: '5/s' } }
const setup = readGatewayConfig({ ...CONFIG, by_user_per_server: '3/m' })

describe('a key of the MCP gateway, read the other way round', () => {
  it.each([
    ['rl:user:ann:60', 'by_user', { user: 'ann' }],
    ['rl:acme:user:ann:60', 'by_user', { user: 'ann', tenant: 'acme' }],
    ['rl:acme:user:ann:server:s-1:60', 'by_user_per_server', { user: 'ann', server: 's-1', tenant: 'acme' }],
    ['rl:acme:tenant:acme:3600', 'by_tenant', { tenant: 'acme' }],
    ['rl:acme:tool:search:1', 'by_tool.search', { tool: 'search', tenant: 'acme' }],
    ['rl:a:b:user:c:60', 'by_user', { user: 'c', tenant: 'a:b' }],
    // Whose it is cannot be told; it has the counter of both.
    ['rl:user:tenant:user:60', 'by_user', { user: 'tenant:user' }],
  ])('%s', (key, policy, subject) => {
    expect(locateGatewayKey(setup, key)).toMatchObject({ policy, subject })
  })

  it.each([
    ['a window that is not configured', 'rl:user:ann:3600'],
    ['a tool without a limit', 'rl:tool:fetch:1'],
    ['another prefix', 'rl2:user:ann:60'],
    ['no dimension', 'rl:group:ann:60'],
    ['a tenant that is another', 'rl:acme:tenant:other:3600'],
    ['nothing', 'rl:'],
  ])('is none of its own: %s', (_, key) => {
    expect(locateGatewayKey(setup, key)).toBeUndefined()
  })

  it('gives the same key again, whatever the names are', () => {
    const name = fc.oneof(
      fc.string({ minLength: 1 }),
      fc.constantFrom('user', 'a:b', 'tenant:x', 'tool:search', ' '),
    )
    fc.assert(
      fc.property(fc.constantFrom(...GENERATIONS), name, fc.option(name), (generation, user, tenantId) => {
        const own = readGatewayConfig(CONFIG, generation)
        const subject = readCall(own, { user, tenantId, tool: 'Search' })
        for (const { key } of dimensionsOf(own, subject)) {
          const located = locateGatewayKey(own, key)
          const { user: who, tenant, tool } = (located?.subject ?? {}) as Readonly<Record<string, string>>
          const again = readCall(own, {
            user: who,
            tenantId: tenant ?? null,
            ...(tool !== undefined && { tool }),
          })
          expect(dimensionsOf(own, again).map(dimension => dimension.key)).toContain(key)
        }
      }),
      { numRuns: 500 },
    )
  })
})
