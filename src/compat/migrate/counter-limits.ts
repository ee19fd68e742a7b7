import { OptionError } from '../../errors.js'
import { parseRate } from '../../policy.js'
import type { Subject } from '../../subject.js'
import type { CounterDialect } from '../dialects/counter-engine.js'
import type { GatewaySetup } from '../mcp-gateway/config.js'
import { dimensionsOf, readCall, TOOL_POLICY } from '../mcp-gateway/dimensions.js'
import { policiesOf } from '../mcp-gateway/gateway-engine.js'
import type { CounterTargetLimit } from './targets.js'

/** The limits of another system's counters as a goal, by policy. */
export function counterLimits({
  policies,
  limiters,
}: CounterDialect): ReadonlyMap<string, CounterTargetLimit> {
  return new Map(
    Object.entries(policies).map(([policy, { limit, window }]) => {
      const { windowUs } = parseRate(`${limit}/${window}`, policy)
      const keyOf = (subject: Subject) => {
        const text = textOf(subject)
        return text === undefined ? undefined : `${limiters[policy]?.keyHead}${text}`
      }
      return [policy, { limit, windowUs, keyOf }]
    }),
  )
}

/** A record of one part is as good as its text. */
function textOf(subject: Subject): string | undefined {
  if (typeof subject === 'string') return subject
  const values = Object.values(subject)
  return values.length === 1 ? values[0] : undefined
}

/** @throws OptionError for what is no fixed window */
export function gatewayLimits(setup: GatewaySetup): ReadonlyMap<string, CounterTargetLimit> {
  if (setup.algorithm !== 'fixed_window') {
    throw new OptionError(
      `to mcp-gateway, migrate carries a fixed_window only, and this configuration has ${setup.algorithm}: let both ` +
        `systems count on its keys by the dialect instead`,
    )
  }
  const limits = Object.entries(policiesOf(setup)).map(
    ([policy, { limit, window }]): [string, CounterTargetLimit] => [
      policy,
      {
        limit,
        windowUs: parseRate(`${limit}/${window}`, policy).windowUs,
        keyOf(subject) {
          const parts =
            typeof subject === 'string' ? { [policy === 'by_tenant' ? 'tenant' : 'user']: subject } : subject
          const call = readCall(
            { ...setup, byUserPerServer: undefined },
            {
              user: parts.user,
              tenantId: parts.tenant ?? null,
              ...(policy.startsWith(TOOL_POLICY) && { tool: policy.slice(TOOL_POLICY.length) }),
            },
          )
          return dimensionsOf(setup, { ...call, server: parts.server }).find(own => own.policy === policy)
            ?.key
        },
      },
    ],
  )
  return new Map(limits)
}
