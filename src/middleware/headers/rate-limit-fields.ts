import { fieldInteger, fieldString } from './structured-field.js'
import { effectiveWindowSeconds, namedChecks, shownCheck, type Told, toSeconds } from './told.js'

/** Told one header field. */
export type SetField = (name: string, value: string) => void

/** Tells what a format says of a decision. @param nowMs ms since the Unix epoch */
export type WriteFields = (told: Told, nowMs: number, set: SetField) => void

/**
 * `X-RateLimit-Limit`, `X-RateLimit-Remaining` and `X-RateLimit-Reset`, the latter in s since the Unix epoch, as
 * express-rate-limit and GitHub write it.
 */
const writeX: WriteFields = (told, nowMs, set) => {
  set('X-RateLimit-Limit', String(told.limit))
  set('X-RateLimit-Remaining', String(told.remaining))
  set('X-RateLimit-Reset', String(Math.ceil(nowMs / 1000) + effectiveWindowSeconds(told)))
}

/** draft-ietf-httpapi-ratelimit-headers-06: three fields, times in s from now. */
const writeDraft6: WriteFields = (told, _nowMs, set) => {
  set('RateLimit-Policy', unnamedPolicies(told))
  set('RateLimit-Limit', fieldInteger(told.limit))
  set('RateLimit-Remaining', fieldInteger(told.remaining))
  set('RateLimit-Reset', fieldInteger(effectiveWindowSeconds(told)))
}

/** draft-ietf-httpapi-ratelimit-headers-07: the same as one Dictionary. */
const writeDraft7: WriteFields = (told, _nowMs, set) => {
  const { limit, remaining } = told
  const reset = fieldInteger(effectiveWindowSeconds(told))
  set('RateLimit-Policy', unnamedPolicies(told))
  set('RateLimit', `limit=${fieldInteger(limit)}, remaining=${fieldInteger(remaining)}, reset=${reset}`)
}

/** `100;w=60, 1000;w=3600`: drafts 6 and 7. */
const unnamedPolicies = ({ checks }: Told): string =>
  checks.map(({ limit, windowMs }) => `${fieldInteger(limit)};w=${windowSeconds(windowMs)}`).join(', ')

/**
 * draft-ietf-httpapi-ratelimit-headers-11 (and 8 to 10, whose syntax is the same): a List of all policies, and of the one
 * that decided what is left of it.
 */
const writeDraft11: WriteFields = (told, _nowMs, set) => {
  const named = namedChecks(told.checks)
  const policies = named.map(({ name, check: { algorithm, limit, windowMs } }) =>
    algorithm === 'concurrency'
      ? `${fieldString(name)};q=${fieldInteger(limit)};qu="concurrent-requests"`
      : `${fieldString(name)};q=${fieldInteger(limit)};w=${windowSeconds(windowMs)}`,
  )
  const shown = shownCheck(told, named)?.name ?? told.policy
  set('RateLimit-Policy', policies.join(', '))
  set(
    'RateLimit',
    `${fieldString(shown)};r=${fieldInteger(told.remaining)};t=${fieldInteger(effectiveWindowSeconds(told))}`,
  )
}

/** Never 0: a window is at least a second to the drafts. */
const windowSeconds = (windowMs: number): string => fieldInteger(Math.max(1, toSeconds(windowMs)))

/** Every format: what it writes, and the fields it writes. */
export const FORMATS = {
  x: { write: writeX, fields: ['X-RateLimit-Limit', 'X-RateLimit-Remaining', 'X-RateLimit-Reset'] },
  'draft-6': {
    write: writeDraft6,
    fields: ['RateLimit-Policy', 'RateLimit-Limit', 'RateLimit-Remaining', 'RateLimit-Reset'],
  },
  'draft-7': { write: writeDraft7, fields: ['RateLimit-Policy', 'RateLimit'] },
  'draft-11': { write: writeDraft11, fields: ['RateLimit-Policy', 'RateLimit'] },
} as const satisfies Readonly<Record<string, { write: WriteFields; fields: readonly string[] }>>
