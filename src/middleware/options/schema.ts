import { z } from 'zod'
import { didYouMean, list, Refusal, show } from '../../policy/refusal.js'
import { option } from '../../policy/schema.js'
import { readFlag, readWait } from '../../policy/values.js'
import { readSubnet } from '../address/address-key.js'
import { Networks } from '../address/networks.js'
import { readProxyTrust } from '../address/proxy-trust.js'
import { readFieldName } from '../headers/backpressure.js'
import { readHeaderFormats } from '../headers/header-writer.js'
import { ELSEWHERE } from './familiar-options.js'

/** A function, whatever it takes and answers. */
export const readFunction = (value: unknown): unknown | Refusal =>
  typeof value === 'function' ? value : new Refusal(`${show(value)} is not a function`)

/** Units for every request: a whole number >= 0, or a function that answers one. */
const readUnitsOf = (value: unknown): unknown | Refusal =>
  typeof value === 'function' || (typeof value === 'number' && Number.isInteger(value) && value >= 0)
    ? value
    : new Refusal(`${show(value)} is neither a whole number of at least 0 nor a function that answers one`)

/** Text that is not empty. */
export const readName = (value: unknown): string | Refusal =>
  typeof value === 'string' && value !== '' ? value : new Refusal(`${show(value)} is not a name`)

/** Where a request carries something of ours: not in the place of what every object has, such as `__proto__`. */
const readPropertyName = (value: unknown): string | Refusal =>
  typeof value === 'string' && value in Object.prototype
    ? new Refusal(`${show(value)} is what every object has; choose another name`)
    : readName(value)

/** A limiter of `createLimiter`. */
export const readLimiter = (value: unknown): unknown | Refusal =>
  typeof value === 'object' && value !== null && 'checkAll' in value && 'refund' in value
    ? value
    : new Refusal(`${show(value)} is not a limiter; make one with createLimiter`)

/** Statuses that refuse a request. */
function readStatus(value: unknown): number | Refusal {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 400 && value <= 599) return value
  return new Refusal(`${show(value)} is no status of a refusal; write one from 400 to 599`)
}

const fn = option(readFunction).optional()
const flag = option(readFlag).optional()
const units = option(readUnitsOf).optional()

const CHECK = { policy: option(readName), key: fn, cost: units, limit: units, countWhen: fn, shadow: flag }

/** One of `checks`. */
export const CHECK_SCHEMA = z.strictObject({ ...CHECK, skip: fn })

/** Options of an adapter, `checks` apart. */
export const REQUEST_SCHEMA = z.strictObject({
  ...CHECK,
  policy: CHECK.policy.optional(),
  checks: z.unknown().optional(),
  limiter: option(readLimiter).optional(),
  skip: fn,
  allowList: option(Networks.read).optional(),
  denyList: option(Networks.read).optional(),
  trustProxy: option(readProxyTrust).optional(),
  address: fn,
  ipv6Subnet: option(readSubnet).optional(),
  headers: option(readHeaderFormats).optional(),
  backpressureHeader: option(readFieldName).optional(),
  signalClient: flag,
  maxWait: option(readWait).optional(),
  statusCode: option(readStatus).optional(),
  message: z.unknown().optional(),
  requestPropertyName: option(readPropertyName).optional(),
  onShadow: fn,
  validate: flag,
  handler: fn,
  windowMs: z.unknown().optional(),
  keyGenerator: fn,
  legacyHeaders: z.unknown().optional(),
  standardHeaders: z.unknown().optional(),
  skipFailedRequests: flag,
  skipSuccessfulRequests: flag,
  requestWasSuccessful: fn,
})

const NAMES = Object.keys(REQUEST_SCHEMA.shape)

/** What is wrong, one line each. @param path stands before the name of an option: `checks[0].` */
export function problemsOf(
  error: z.ZodError,
  path: string,
  names: readonly string[] = NAMES,
): readonly string[] {
  return error.issues.flatMap(issue => {
    if (issue.code !== 'unrecognized_keys') return [`${path}${issue.path.join('.')}: ${issue.message}`]
    return issue.keys.map(name =>
      Object.hasOwn(ELSEWHERE, name)
        ? `${path}${name}: ${ELSEWHERE[name]}`
        : `${path}${name}: is not an option; options are ${list(names)}${didYouMean(name, names)}`,
    )
  })
}
