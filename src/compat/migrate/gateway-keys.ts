import type { Subject } from '../../subject.js'
import type { GatewayRate, GatewaySetup } from '../mcp-gateway/config.js'
import { dimensionsOf, type GatewaySubject, TOOL_POLICY } from '../mcp-gateway/dimensions.js'

/** The dimension that a key of the gateway's limiter counts, and for whom. */
export interface LocatedGatewayKey {
  readonly policy: string
  readonly limitIndex: 0
  readonly subject: Subject
  readonly rate: GatewayRate
}

const USER_ON_SERVER = /^user:(?<user>.+):server:(?<server>[A-Za-z0-9_.-]{1,128})$/s
const PATHS = [USER_ON_SERVER, /^user:(?<user>.+)$/s, /^tenant:(?<tenant>.+)$/s, /^tool:(?<tool>.+)$/s]

/**
 * Reads a key the other way round. Nothing in it is escaped, so a reading counts only if the configuration makes this very
 * key of it. Of several, the one without a tenant comes first: it holds what stands there, whoever it was.
 *
 * @returns undefined for a key that this configuration does not write
 */
export function locateGatewayKey(setup: GatewaySetup, key: string): LocatedGatewayKey | undefined {
  const head = `${setup.prefix}:`
  const path = key.slice(head.length, key.lastIndexOf(':'))
  if (!key.startsWith(head) || path === '') return undefined
  for (const { tenant, rest } of tenantsOf(path)) {
    for (const form of PATHS) {
      const parts = form.exec(rest)?.groups
      if (parts === undefined) continue
      const subject = {
        user: parts.user ?? 'anonymous',
        tenant: tenant ?? parts.tenant,
        tool: parts.tool,
        server: parts.server,
      }
      const located = locate(setup, key, subject, Object.keys(parts))
      if (located !== undefined) return located
    }
  }
  return undefined
}

/** What may stand before the path is a tenant, up to any colon. */
function* tenantsOf(path: string): Generator<{ tenant?: string; rest: string }> {
  yield { rest: path }
  for (let at = path.indexOf(':', 1); at > 0; at = path.indexOf(':', at + 1)) {
    yield { tenant: path.slice(0, at), rest: path.slice(at + 1) }
  }
}

function locate(
  setup: GatewaySetup,
  key: string,
  subject: GatewaySubject,
  named: readonly string[],
): LocatedGatewayKey | undefined {
  const own = dimensionsOf(setup, subject).find(dimension => dimension.key === key)
  if (own === undefined) return undefined
  const { tenant } = subject
  const { policy, limit, windowS } = own
  const parts = Object.entries(subject).filter(([name, value]) => named.includes(name) && value !== undefined)
  const withTenant = tenant === undefined ? parts : [...parts, ['tenant', tenant]]
  if (policy.startsWith(TOOL_POLICY) !== named.includes('tool')) return undefined
  return {
    policy,
    limitIndex: 0,
    subject: Object.fromEntries(withTenant),
    rate: { limit, windowS },
  }
}
