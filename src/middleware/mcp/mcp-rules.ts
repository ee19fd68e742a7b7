import { OptionError, PolicyError, type Problem } from '../../errors.js'
import { readGatewayLimit } from '../../inbound/read-limits.js'
import type { Limiter } from '../../limiter/types.js'
import { createLimiter } from '../../limiter.js'
import { Patterns } from '../../policy/patterns.js'
import type { Report } from '../../policy/read-limit.js'
import { at } from '../../policy/refusal.js'
import type { PoliciesInput, PolicyInput } from '../../policy.js'
import { FAMILIES, type Family, HANDSHAKE, type McpRequest, namedBy } from './mcp-call.js'
import type { McpLimitOptions } from './mcp-options.js'

/** One check of a request. */
export interface McpCheck {
  readonly policy: string
  readonly family: Family
  /** The tool, prompt, resource or method. */
  readonly name: string
}

/** What is limited, as policies of a limiter: each counts by subject and name. */
export class McpRules {
  readonly limiter: Limiter
  /** The limiter is nobody else's. */
  readonly ownsLimiter: boolean
  readonly #byFamily: Readonly<Partial<Record<Family, Patterns<string>>>>

  private constructor(limiter: Limiter, ownsLimiter: boolean, rules: Rules) {
    this.limiter = limiter
    this.ownsLimiter = ownsLimiter
    const patterns = FAMILIES.flatMap(family => {
      const names = rules.names[family]
      return names === undefined ? [] : [[family, new Patterns(names)] as const]
    })
    this.#byFamily = Object.fromEntries(patterns)
  }

  /**
   * The rules of these options. Servers that are made one after the other with the same limits on one limiter have the same.
   *
   * @throws PolicyError, OptionError
   */
  static of(options: McpLimitOptions): McpRules {
    const rules = readRules(options)
    const { limiter } = options
    if (limiter === undefined) return new McpRules(createLimiter({ policies: rules.policies }), true, rules)
    const written = JSON.stringify(rules.policies)
    const known = DEFINED.get(limiter) ?? new Map<string, Definition>()
    const before = known.get(rules.prefix)
    if (before?.written === written) return before.rules
    if (before !== undefined) {
      throw new OptionError(
        `limitMcp: this limiter has other limits under the name '${rules.prefix}'; give these another 'name'`,
      )
    }
    limiter.define(rules.policies)
    const made = new McpRules(limiter, false, rules)
    DEFINED.set(limiter, known.set(rules.prefix, { written, rules: made }))
    return made
  }

  /** The checks of a request; none where nothing limits it. */
  checksOf(request: McpRequest): readonly McpCheck[] {
    const { method } = request
    const checks: McpCheck[] = []
    const { methods } = this.#byFamily
    const ofMethod = HANDSHAKE.has(method) ? methods?.exact(method) : methods?.find(method)
    if (ofMethod !== undefined) checks.push({ policy: ofMethod, family: 'methods', name: method })
    const named = namedBy(request)
    const ofName = named && this.#byFamily[named.family]?.find(named.name)
    if (named !== undefined && ofName !== undefined) {
      checks.push({ policy: ofName, family: named.family, name: named.name })
    }
    return checks
  }
}

interface Definition {
  readonly written: string
  readonly rules: McpRules
}

const DEFINED = new WeakMap<Limiter, Map<string, Definition>>()

interface Rules {
  readonly prefix: string
  readonly policies: PoliciesInput
  /** The policy of each pattern. */
  readonly names: Readonly<Partial<Record<Family, Readonly<Record<string, string>>>>>
}

/** Counted by who asks and what for; one shard holds all that somebody asks for, so that a request is one step. */
const COUNTED_BY = ['subject', 'name']

function readRules(options: McpLimitOptions): Rules {
  const { name: prefix = 'mcp' } = options
  const policies: Record<string, PolicyInput> = {}
  const names: Partial<Record<Family, Record<string, string>>> = {}
  const problems: Problem[] = []
  for (const family of FAMILIES) {
    const limits = Object.entries(options[family] ?? {})
    if (limits.length === 0) continue
    const policyName = (pattern: string) => `${prefix}.${family}.${pattern}`
    for (const [pattern, limit] of limits) {
      const report: Report = (path, value, message) => problems.push({ path, value, message })
      const read = readGatewayLimit(limit, at(family, pattern), COUNTED_BY, 'gcra', report)
      if (read === undefined) continue
      policies[policyName(pattern)] = { ...(read.policy as object), group: 'subject' } as PolicyInput
    }
    // Not by assignment, which a tool of the name `__proto__` would not outlive.
    names[family] = Object.fromEntries(limits.map(([pattern]) => [pattern, policyName(pattern)]))
  }
  if (problems.length > 0) throw new PolicyError(problems)
  return { prefix, policies, names }
}
