import { z } from 'zod'
import { ENGINE_OPTIONS } from '../engine/engine-options.js'
import { GUARD_OPTIONS } from '../engine/guard-options.js'
import { PolicyError, type Problem } from '../errors.js'
import { LOG_OPTIONS } from '../events/logger.js'
import { USAGE_OPTIONS } from '../limiter/options.js'
import { WAITING_OPTIONS } from '../limiter/waiting-options.js'
import { readSubnet } from '../middleware/address/address-key.js'
import { readProxyTrust } from '../middleware/address/proxy-trust.js'
import { readHeaderFormats } from '../middleware/headers/header-writer.js'
import { optionProblems } from '../policy/option-problems.js'
import { isRecord, type Report } from '../policy/read-limit.js'
import { didYouMean, list, Refusal, show } from '../policy/refusal.js'
import { option } from '../policy/schema.js'
import { readWord } from '../policy/values.js'
import type { DurationText } from '../policy.js'
import type { SignalRules } from './client-signal.js'
import { type FallbackListener, MISSING_USER_WORDS } from './dimensions.js'
import type { GatewayConfig } from './gateway-config.js'
import { RATE_ALGORITHMS } from './read-limits.js'
import { readBackpressure, readSignal } from './read-signal.js'
import { type Dimensions, type MissingUser, SetupBuilder } from './setup-builder.js'
import type { ShadowListener } from './shadow.js'

function readMissingUser(value: unknown): MissingUser | Refusal {
  if (!isRecord(value)) return readWord(MISSING_USER_WORDS)(value)
  const { limit, ...strays } = value
  const [stray] = Object.keys(strays)
  return stray === undefined
    ? { limit }
    : new Refusal(`${show(stray)} is not an option of it; write { limit }`)
}

const ofType = (accepted: string) => ({
  error: ({ input }: { readonly input?: unknown }) => `${show(input)} is not ${accepted}`,
})
const anything = z.unknown().optional()

/** A configuration, read. */
export interface GatewaySetup extends Dimensions {
  readonly signal: SignalRules
  /** Undefined: refused at once. */
  readonly maxWait: DurationText | undefined
}

/** As of a limiter. */
const DEFAULT_MAX_WAIT = '5s'

const CONFIG = z.strictObject({
  by_user: anything,
  by_user_per_server: anything,
  by_tenant: anything,
  by_tool: z
    .record(z.string(), z.unknown(), ofType("an object of limits by tool, such as { search: '10/m' }"))
    .nullish(),
  by_server: anything,
  by_method: anything,
  by_endpoint: anything,
  by_session: anything,
  by_address: anything,
  custom: z.array(z.unknown(), ofType('a list of limits such as { name, scope, limit }')).nullish(),
  algorithm: option(readWord(RATE_ALGORITHMS)).default('gcra'),
  missing_user: option(readMissingUser).default('anonymous'),
  name: z.string(ofType('a text')).min(1, ofType('a name')).optional(),
  limiter: anything,
  trustProxy: option(readProxyTrust).optional(),
  ipv6Subnet: option(readSubnet).optional(),
  headers: option(readHeaderFormats).optional(),
  backpressure: option(readBackpressure).optional(),
  shadow: z.array(z.string(), ofType("a list of dimensions such as ['by_tool']")).optional(),
  onShadow: z.custom<ShadowListener>(value => typeof value === 'function', ofType('a function')).optional(),
  onFallback: z
    .custom<FallbackListener>(value => typeof value === 'function', ofType('a function'))
    .optional(),
  ...ENGINE_OPTIONS,
  ...GUARD_OPTIONS,
  ...WAITING_OPTIONS,
  ...LOG_OPTIONS,
  ...USAGE_OPTIONS,
})
const OPTIONS = Object.keys(CONFIG.shape)

/** What is the limiter's. */
export const LIMITER_OPTIONS = Object.keys({
  ...ENGINE_OPTIONS,
  ...GUARD_OPTIONS,
  ...WAITING_OPTIONS,
  ...LOG_OPTIONS,
  ...USAGE_OPTIONS,
})

/**
 * Reads a configuration.
 *
 * @param onFallback see `scopeDimension`
 * @throws PolicyError listing everything that is wrong with it
 */
export function readGatewaySetup(config: unknown, onFallback: FallbackListener): GatewaySetup {
  const { setup, problems } = read(config, onFallback)
  if (setup === undefined || problems.length > 0) throw new PolicyError(problems)
  return setup
}

/** Everything that is wrong with a configuration. */
export const findProblems = (config: unknown): readonly Problem[] => read(config, () => {}).problems

function read(config: unknown, onFallback: FallbackListener) {
  const problems: Problem[] = []
  const report: Report = (path, value, message) => problems.push({ path, value, message })
  if (!isRecord(config)) {
    report('createGatewayLimits', config, `${show(config)} is no configuration; write { by_user: '30/m' }`)
    return { problems }
  }
  const { data, error } = CONFIG.safeParse(config)
  if (error !== undefined) problems.push(...optionProblems(error, config, 'createGatewayLimits', OPTIONS))
  if (config.limiter !== undefined) checkLimiter(config, report)
  // Limits are looked at even where an option could not be read, so that one report has everything.
  const { algorithm = 'gcra', missing_user = 'anonymous', name, backpressure = {} } = data ?? {}
  const address = { trusts: data?.trustProxy, prefixBits: data?.ipv6Subnet }
  const builder = new SetupBuilder(
    { address, algorithm, missingUser: missing_user, name },
    onFallback,
    report,
  )
  const signal = readSignal(config.headers as GatewayConfig['headers'], backpressure, report)
  const { wait_for_capacity, max_wait = DEFAULT_MAX_WAIT } = backpressure
  const maxWait = wait_for_capacity === true ? max_wait : undefined
  const dimensions = builder.build(config)
  const names = dimensions.dimensions.map(dimension => dimension.name)
  for (const watched of data?.shadow ?? []) {
    if (names.includes(watched)) continue
    const hint = didYouMean(watched, names)
    report(
      'shadow',
      watched,
      `${show(watched)} is no dimension that is limited; those are ${list(names)}${hint}`,
    )
  }
  return { setup: { ...dimensions, signal, maxWait }, problems }
}

/** Another limiter has its own store and settings already. */
function checkLimiter(config: Readonly<Record<string, unknown>>, report: Report): void {
  const { limiter } = config
  if (typeof limiter !== 'object' || limiter === null || !('checkAll' in limiter && 'define' in limiter)) {
    report('limiter', limiter, `${show(limiter)} is not a limiter; make one with createLimiter`)
  }
  for (const name of LIMITER_OPTIONS) {
    if (config[name] === undefined) continue
    report(name, config[name], "stands beside 'limiter', which has its own; give it to createLimiter")
  }
}
