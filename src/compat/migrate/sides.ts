import type { Engine } from '../../engine/engine.js'
import { createRedisEngine } from '../../engine/redis-engine.js'
import { MetaMismatchError, OptionError } from '../../errors.js'
import { createKeyBuilder, DEFAULT_SHARDS, metaKeyOf } from '../../keys.js'
import { list, show } from '../../policy/refusal.js'
import { compilePolicies, type PoliciesInput } from '../../policy.js'
import { readMeta, STATE_VERSION } from '../../redis/meta.js'
import type { RedisTarget } from '../../redis/redis-client.js'
import { keyPrefixOf, targetOf } from '../../redis/targets/target-of.js'
import type { CounterDialect } from '../dialects/counter-engine.js'
import type {
  McpGatewayDialect,
  RateLimiterFlexibleDialect,
  RateLimitRedisDialect,
} from '../dialects/dialect-engine.js'
import type { DialectStore } from '../dialects/dialect-store.js'
import { readGatewayConfig } from '../mcp-gateway/config.js'
import { policiesOf } from '../mcp-gateway/gateway-engine.js'
import { rateLimitRedis } from '../rate-limit-redis.js'
import { rateLimiterFlexible } from '../rate-limiter-flexible.js'
import { counterLimits, gatewayLimits } from './counter-limits.js'
import { Primaries } from './primaries.js'
import { counterSource, gatewaySource, type MigrationSource, sluiceSource } from './sources.js'
import { counterTarget, type MigrationTarget, SluiceTarget } from './targets.js'

/** Limiters of Sluice itself. */
export interface SluiceSide {
  readonly dialect: 'sluice'
  readonly store: DialectStore
  readonly policies: PoliciesInput
  readonly prefix?: string
  readonly shards?: number
}

/** One side of a migration: whose keys, and where. */
export type MigrationSide =
  | SluiceSide
  | RateLimiterFlexibleDialect
  | RateLimitRedisDialect
  | Omit<McpGatewayDialect, 'clock'>

/** A side whose options are right, before anything is connected. */
export interface ReadSide<T> {
  readonly policies: readonly string[]
  open(): Promise<OpenSide<T>>
}

/** A side that is connected. */
export interface OpenSide<T> {
  readonly primaries: Primaries
  readonly limiter: T
  close(): Promise<void>
}

const readPolicies = (side: SluiceSide) => compilePolicies(side.policies)
const prefixOf = ({ prefix = '' }: SluiceSide): string =>
  prefix === '' || prefix.endsWith(':') ? prefix : `${prefix}:`

const keysOf = ({ prefix, shards }: SluiceSide) => ({
  ...(prefix !== undefined && { prefix }),
  ...(shards !== undefined && { shards }),
})

/** @param shared whether it agrees with the others on these keys, and writes down what it agreed on */
const engineOf = (side: SluiceSide, shared: boolean): Engine =>
  createRedisEngine({ store: side.store, ...keysOf(side), shared })

/** @throws MetaMismatchError, MetaDamagedError when limiters on these keys are set up otherwise */
async function assertMeta(
  { prefix, shards = DEFAULT_SHARDS }: SluiceSide,
  primaries: Primaries,
): Promise<void> {
  const key = metaKeyOf(prefix)
  const stored = await readMeta((...command) => primaries.call(key, ...command), key)
  if (stored === undefined || (stored.shards === shards && stored.stateVersion === STATE_VERSION)) return
  throw new MetaMismatchError(key, { stateVersion: STATE_VERSION, shards }, stored)
}

function countersOf(side: RateLimiterFlexibleDialect | RateLimitRedisDialect): CounterDialect {
  return side.dialect === 'rate-limiter-flexible'
    ? rateLimiterFlexible(side.limiters)
    : rateLimitRedis(side.limiters)
}

/** @throws OptionError, PolicyError */
export function readSource(side: MigrationSide): ReadSide<MigrationSource> {
  const store = readStore(side.store)
  if (side.dialect === 'sluice') {
    const compiled = readPolicies(side)
    const keyOf = createKeyBuilder(keysOf(side))
    return {
      policies: [...compiled.byName.keys()],
      open() {
        const engine = engineOf(side, false)
        return connected(
          store,
          () => sluiceSource(compiled, { prefix: prefixOf(side), keyOf, engine }),
          engine,
        )
      },
    }
  }
  const limiter = side.dialect === 'mcp-gateway' ? readGatewaySource(side) : readCounterSource(side)
  return { policies: limiter.policies, open: () => connected(store, () => limiter) }
}

function readGatewaySource({ config, generation }: Omit<McpGatewayDialect, 'clock'>): MigrationSource {
  const setup = readGatewayConfig(config, generation)
  return gatewaySource(setup, Object.keys(policiesOf(setup)))
}

function readCounterSource(side: RateLimiterFlexibleDialect | RateLimitRedisDialect): MigrationSource {
  const dialect = countersOf(side)
  const bare = Object.entries(dialect.limiters).find(([, { keyHead }]) => keyHead === '')
  if (bare === undefined) return counterSource(dialect)
  throw new OptionError(
    `limiter '${bare[0]}' has keys without a prefix, so nothing tells them from the other keys of the server: ` +
      `let both systems count on them by a dialect until they have expired`,
  )
}

/**
 * Opening it rejects with MetaMismatchError when the limiters on these keys are set up otherwise.
 *
 * @param writes false: not even what limiters agree on is written
 * @throws OptionError, PolicyError
 */
export function readTarget(side: MigrationSide, writes: boolean): ReadSide<MigrationTarget> {
  const store = readStore(side.store)
  if (side.dialect === 'sluice') {
    const compiled = readPolicies(side)
    const keyOf = createKeyBuilder(keysOf(side))
    return {
      policies: [...compiled.byName.keys()],
      async open() {
        const engine = engineOf(side, writes)
        const open = await connected(
          store,
          primaries => new SluiceTarget(compiled, keyOf, engine, primaries),
          engine,
        )
        try {
          await assertMeta(side, open.primaries)
          await engine.ready()
          return open
        } catch (error) {
          await open.close()
          throw error
        }
      },
    }
  }
  const limits =
    side.dialect === 'mcp-gateway'
      ? gatewayLimits(readGatewayConfig(side.config, side.generation))
      : counterLimits(countersOf(side))
  return {
    policies: [...limits.keys()],
    open: () => connected(store, primaries => counterTarget(limits, primaries)),
  }
}

/** @throws OptionError also for a client that writes a prefix of its own */
function readStore(store: DialectStore): RedisTarget {
  const target = targetOf(store)
  const prefix = keyPrefixOf(store)
  if (prefix === undefined) return target
  throw new OptionError(
    `store: this client writes ${show(prefix)} before every key; give the address, and the prefix with the limiters`,
  )
}

async function connected<T>(
  store: RedisTarget,
  limiterOn: (primaries: Primaries) => T,
  engine?: Engine,
): Promise<OpenSide<T>> {
  try {
    const primaries = await Primaries.open(store)
    const close = async () => {
      await primaries.close()
      await engine?.close()
    }
    return { primaries, limiter: limiterOn(primaries), close }
  } catch (error) {
    await engine?.close()
    throw error
  }
}

/** @throws OptionError naming what the new limiter lacks */
export function refuseMissingPolicies(
  source: ReadSide<MigrationSource>,
  target: ReadSide<MigrationTarget>,
): void {
  const missing = source.policies.filter(policy => !target.policies.includes(policy))
  if (missing.length === 0) return
  throw new OptionError(
    `there is nowhere to carry ${list(missing)}: the new limiter has ${list(target.policies)}; give a policy of the same ` +
      `name for each limiter`,
  )
}

/** The limiters of another system as policies of the same names: what a new limiter has where nobody says otherwise. */
export function policiesOfSide(side: MigrationSide): PoliciesInput {
  switch (side.dialect) {
    case 'sluice':
      return side.policies
    case 'mcp-gateway':
      return policiesOf(readGatewayConfig(side.config, side.generation))
    default:
      return countersOf(side).policies
  }
}
