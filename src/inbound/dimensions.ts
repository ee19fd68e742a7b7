import { SubjectError } from '../errors.js'
import { Patterns } from '../policy/patterns.js'
import type { ScopeRule } from '../scope.js'
import type { Subject } from '../subject.js'
import type { CountedAddress } from './counted-address.js'
import type { GatewayCall } from './identity.js'

/** What of one dimension limits one call. */
export interface DimensionCheck {
  readonly policy: string
  readonly subject: Subject
}

/** One thing that requests are counted by. */
export interface Dimension {
  /** As it stands in the configuration: `by_user`, or the name of a limit of your own. */
  readonly name: string
  /** @returns undefined where it does not limit this call. @throws SubjectError where the call lacks what it must have */
  checkOf(call: GatewayCall): DimensionCheck | undefined
}

export const MISSING_USER_WORDS = ['anonymous', 'skip', 'refuse'] as const

/** What becomes of a request without a user, where a limit counts by users. */
export type MissingUserWord = (typeof MISSING_USER_WORDS)[number]

/**
 * They stand in a key where a name would. No user and no tenant is called so: the spaces around theirs are taken away.
 */
const ANONYMOUS = ' anonymous'
const NO_TENANT = ' none'

/** Parts of the subjects of each dimension that counts within a tenant. */
export const COUNTED_BY = {
  by_user: ['tenant', 'user'],
  by_user_per_server: ['tenant', 'user', 'server'],
  missing_user: ['tenant'],
  by_tenant: ['tenant'],
  by_tool: ['tenant', 'tool'],
} as const

const tenantOf = (call: GatewayCall): string => call.tenant ?? NO_TENANT

/** The user's name in keys; undefined where the limits by user pass over the request. */
function userOf(call: GatewayCall, missing: MissingUserWord): string | undefined {
  if (call.user !== undefined) return call.user
  if (missing === 'anonymous') return ANONYMOUS
  if (missing === 'skip') return undefined
  throw missingPart('user', "and missing_user is 'refuse'")
}

export const userDimension = (policy: string, missing: MissingUserWord): Dimension => ({
  name: 'by_user',
  checkOf(call) {
    const user = userOf(call, missing)
    return user === undefined ? undefined : { policy, subject: { tenant: tenantOf(call), user } }
  },
})

export const userPerServerDimension = (policy: string, missing: MissingUserWord): Dimension => ({
  name: 'by_user_per_server',
  checkOf(call) {
    const user = userOf(call, missing)
    if (user === undefined) return undefined
    if (call.server === undefined) throw missingPart('server', 'and by_user_per_server counts by it')
    return { policy, subject: { tenant: tenantOf(call), user, server: call.server } }
  },
})

/** Those without a user, by a limit of their own. */
export const missingUserDimension = (policy: string): Dimension => ({
  name: 'missing_user',
  checkOf: call => (call.user === undefined ? { policy, subject: tenantOf(call) } : undefined),
})

export const tenantDimension = (policy: string): Dimension => ({
  name: 'by_tenant',
  checkOf: ({ tenant }) => (tenant === undefined ? undefined : { policy, subject: tenant }),
})

/** @param policies by names and patterns of tools */
export function toolDimension(policies: Readonly<Record<string, string>>): Dimension {
  const patterns = new Patterns(policies)
  return {
    name: 'by_tool',
    checkOf(call) {
      const { tool } = call
      const policy = tool === undefined ? undefined : patterns.find(tool)
      return policy === undefined || tool === undefined
        ? undefined
        : { policy, subject: { tenant: tenantOf(call), tool } }
    },
  }
}

export const addressDimension = (policy: string, counted: CountedAddress): Dimension => ({
  name: 'by_address',
  checkOf: call => ({ policy, subject: counted.of(call) }),
})

/** Told why the answer of a scope's function was replaced. */
export type FallbackListener = (dimension: string, error: unknown) => void

export function scopeDimension(
  name: string,
  policy: string,
  scope: ScopeRule,
  onFallback: FallbackListener,
): Dimension {
  const replaced = (error: unknown): void => onFallback(name, error)
  return { name, checkOf: call => ({ policy, subject: scope.subjectOf(call, replaced) }) }
}

const missingPart = (part: string, why: string): SubjectError =>
  new SubjectError('gateway', part, `the request has no ${part}, ${why}; give it, or do not let it in`)
