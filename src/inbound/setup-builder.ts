import { isRecord, type Report } from '../policy/read-limit.js'
import { at, Refusal, show } from '../policy/refusal.js'
import type { PoliciesInput, PolicyInput } from '../policy.js'
import { readScope, type ScopeName, type ScopeRule } from '../scope.js'
import { type AddressRules, CountedAddress } from './counted-address.js'
import {
  addressDimension,
  COUNTED_BY,
  type Dimension,
  type FallbackListener,
  type MissingUserWord,
  missingUserDimension,
  scopeDimension,
  tenantDimension,
  toolDimension,
  userDimension,
  userPerServerDimension,
} from './dimensions.js'
import { toolName } from './identity.js'
import { type RateAlgorithm, readGatewayLimit } from './read-limits.js'

/** What requests are counted by, read. */
export interface Dimensions {
  /** Every dimension that is limited, in the order in which decisions have them. */
  readonly dimensions: readonly Dimension[]
  readonly policies: PoliciesInput
  /** The name of the dimension that a policy belongs to. */
  readonly dimensionOf: ReadonlyMap<string, string>
}

export type MissingUser = MissingUserWord | { readonly limit: unknown }

interface Settings {
  readonly address: AddressRules
  readonly algorithm: RateAlgorithm
  readonly missingUser: MissingUser
  readonly name: string | undefined
}

/** A request has at most 16 checks, and one may be limited by every dimension at once. */
const CHECKS_MAX = 16

/** The dimensions that are scopes. */
const SCOPES = {
  by_server: 'PerServer',
  by_method: 'PerMethod',
  by_endpoint: 'PerEndpoint',
  by_session: 'PerSession',
} as const satisfies Record<string, ScopeName>

const BY_USER = ['by_user', 'by_user_per_server'] as const
const CUSTOM_OPTIONS = ['name', 'scope', 'limit']
const CUSTOM_EXAMPLE = "{ name: 'perMethod', scope: 'PerMethod', limit: '10/s' }"

/** Makes dimensions and their policies out of the limits of a configuration. */
export class SetupBuilder {
  readonly #settings: Settings
  readonly #onFallback: FallbackListener
  readonly #report: Report
  readonly #dimensions: Dimension[] = []
  readonly #policies = new Map<string, PolicyInput>()
  readonly #dimensionOf = new Map<string, string>()
  /** Of the request with the most. */
  #checks = 0

  constructor(settings: Settings, onFallback: FallbackListener, report: Report) {
    this.#settings = settings
    this.#onFallback = onFallback
    this.#report = report
  }

  build(config: Readonly<Record<string, unknown>>): Dimensions {
    this.#addUsers(config)
    this.#add('by_tenant', config.by_tenant, COUNTED_BY.by_tenant, tenantDimension)
    this.#addTools(config.by_tool)
    for (const [dimension, scope] of Object.entries(SCOPES)) {
      this.#addScope(dimension, dimension, config[dimension], readScope(scope) as ScopeRule)
    }
    this.#add('by_address', config.by_address, undefined, policy =>
      addressDimension(policy, new CountedAddress(this.#settings.address)),
    )
    const { custom } = config
    if (Array.isArray(custom)) for (const [index, limit] of custom.entries()) this.#addCustom(limit, index)
    this.#assertUsable(config)
    const policies = Object.fromEntries(this.#policies)
    return { dimensions: this.#dimensions, policies, dimensionOf: this.#dimensionOf }
  }

  #addUsers(config: Readonly<Record<string, unknown>>): void {
    const { missingUser } = this.#settings
    const word = typeof missingUser === 'string' ? missingUser : 'skip'
    this.#add('by_user', config.by_user, COUNTED_BY.by_user, policy => userDimension(policy, word))
    this.#add('by_user_per_server', config.by_user_per_server, COUNTED_BY.by_user_per_server, policy =>
      userPerServerDimension(policy, word),
    )
    if (typeof missingUser !== 'string') {
      const [id, path] = ['missing_user', 'missing_user.limit']
      const checks = this.#define(id, id, missingUser.limit, path, COUNTED_BY.missing_user)
      // Instead of those of a user, not on top of them.
      this.#checks = Math.max(this.#checks, checks)
      this.#dimensions.push(missingUserDimension(this.#nameOf(id)))
    }
    if (config.missing_user !== undefined && BY_USER.every(name => isAbsent(config[name]))) {
      const message = `has no effect without ${BY_USER.join(' or ')}; leave it out, or limit users`
      this.#report('missing_user', config.missing_user, message)
    }
  }

  #addTools(tools: unknown): void {
    if (!isRecord(tools)) return
    const policies = new Map<string, string>()
    let most = 0
    const writtenAs = new Map<string, string>()
    for (const [written, limit] of Object.entries(tools)) {
      const tool = toolName(written)
      const path = at('by_tool', written)
      const other = writtenAs.get(tool)
      if (other !== undefined) {
        this.#report(
          path,
          limit,
          `is the same tool as ${show(other)}: spaces around it and case do not count`,
        )
        continue
      }
      writtenAs.set(tool, written)
      if (tool === '') {
        this.#report(path, limit, 'names no tool; write a name, or a pattern such as db_*')
        continue
      }
      const id = `by_tool.${tool}`
      most = Math.max(most, this.#define('by_tool', id, limit, path, COUNTED_BY.by_tool))
      policies.set(tool, this.#nameOf(id))
    }
    if (writtenAs.size === 0) return
    this.#checks += most
    this.#dimensions.push(toolDimension(Object.fromEntries(policies)))
  }

  #addCustom(custom: unknown, index: number): void {
    const path = at('custom', index)
    if (!isRecord(custom)) {
      this.#report(path, custom, `${show(custom)} is no limit by a scope; write ${CUSTOM_EXAMPLE}`)
      return
    }
    for (const name of Object.keys(custom).filter(name => !CUSTOM_OPTIONS.includes(name))) {
      this.#report(at(path, name), custom[name], `is not an option of it; write ${CUSTOM_EXAMPLE}`)
    }
    const { name, scope, limit } = custom
    const rule = readScope(scope)
    if (rule instanceof Refusal) this.#report(at(path, 'scope'), scope, rule.message)
    else if (scope === undefined)
      this.#report(at(path, 'scope'), scope, `is missing; write ${CUSTOM_EXAMPLE}`)
    if (typeof name !== 'string' || name === '' || !name.isWellFormed()) {
      this.#report(at(path, 'name'), name, `${show(name)} is no name; write one, such as 'perMethod'`)
    } else if (
      this.#dimensionOf.has(this.#nameOf(name)) ||
      name.startsWith('by_') ||
      name === 'missing_user'
    ) {
      this.#report(at(path, 'name'), name, `${show(name)} is the name of another limit; take another`)
    } else if (!(rule instanceof Refusal)) {
      this.#addScope(name, at(path, 'limit'), limit, rule, 'required')
    }
  }

  #addScope(name: string, path: string, limit: unknown, rule: ScopeRule, required?: 'required'): void {
    if (required === undefined && isAbsent(limit)) return
    this.#checks += this.#define(name, name, limit, path, rule.by)
    this.#dimensions.push(scopeDimension(name, this.#nameOf(name), rule, this.#onFallback))
  }

  #add(
    name: string,
    limit: unknown,
    by: readonly string[] | undefined,
    dimensionOf: (policy: string) => Dimension,
  ): void {
    if (isAbsent(limit)) return
    this.#checks += this.#define(name, name, limit, name, by)
    this.#dimensions.push(dimensionOf(this.#nameOf(name)))
  }

  /** @returns how many checks it is */
  #define(dimension: string, id: string, limit: unknown, path: string, by?: readonly string[]): number {
    const policy = this.#nameOf(id)
    this.#dimensionOf.set(policy, dimension)
    const read = readGatewayLimit(limit, path, by, this.#settings.algorithm, this.#report)
    if (read === undefined) return 0
    this.#policies.set(policy, read.policy)
    return read.checks
  }

  #nameOf(id: string): string {
    const { name } = this.#settings
    return name === undefined ? id : `${name}.${id}`
  }

  #assertUsable(config: unknown): void {
    if (this.#dimensionOf.size === 0) {
      this.#report(
        'createGatewayLimits',
        config,
        "sets no limit; write at least one, such as by_user: '30/m'",
      )
    }
    if (this.#checks > CHECKS_MAX) {
      const message = `one request may have ${this.#checks} limits to pass; the most is ${CHECKS_MAX}`
      this.#report('createGatewayLimits', config, message)
    }
  }
}

const isAbsent = (limit: unknown): boolean => limit === undefined || limit === null
