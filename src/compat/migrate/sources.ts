import { capacity } from '../../core/plan.js'
import { Op, Status } from '../../core/step.js'
import type { Engine } from '../../engine/engine.js'
import { type KeyBuilder, parseKey } from '../../keys.js'
import type { CompiledPolicies, CompiledPolicy, FixedWindowOptions } from '../../policy.js'
import { parseRate } from '../../policy.js'
import { identify, type Subject } from '../../subject.js'
import type { CounterDialect } from '../dialects/counter-engine.js'
import type { GatewaySetup } from '../mcp-gateway/config.js'
import { locateGatewayKey } from './gateway-keys.js'
import type { RawKey } from './primaries.js'
import { allAt, type Unreadable, type Usage } from './usage.js'

/** Whose a key is. */
export interface Located {
  readonly policy: string
  /** Which limit of the policy, from 0. */
  readonly limitIndex: number
  readonly subject: Subject
}

/** A limiter whose keys are read. */
export interface MigrationSource {
  readonly policies: readonly string[]
  /** Glob patterns for SCAN. */
  readonly matches: readonly string[]
  /** Undefined for a key in no form of this limiter; `other` for one that a limiter of other settings wrote. */
  locate(key: string): Located | 'other' | undefined
  read(located: Located, raw: RawKey): Usage | Unreadable | Promise<Usage | Unreadable>
}

const INTEGER = /^(?:0|-?[1-9]\d{0,15})$/
const MS_US = 1000
const SECOND_US = 1_000_000

const text = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('latin1')
const escapeGlob = (prefix: string): string => prefix.replace(/[*?[\]\\^-]/g, '\\$&')

/** How a key of one integer is to be read. */
interface CounterRule {
  readonly limit: number
  readonly windowUs: number
  readonly blocksFrom: number
  readonly endless: CounterDialect['endless']
}

/** Limiters of one integer a subject: rate-limiter-flexible, rate-limit-redis. */
export function counterSource({ limiters, policies, endless }: CounterDialect): MigrationSource {
  const heads = Object.entries(limiters).map(([policy, { keyHead }]) => ({ policy, keyHead }))
  // A key belongs to the longest of the prefixes that it begins with.
  heads.sort((a, b) => b.keyHead.length - a.keyHead.length)
  const rules = new Map(
    Object.entries(limiters).map(([policy, { blocksFrom }]): [string, CounterRule] => {
      const { limit, window } = policies[policy] as FixedWindowOptions
      const { windowUs } = parseRate(`${limit}/${window}`, policy)
      return [policy, { limit, windowUs, blocksFrom, endless }]
    }),
  )
  return {
    policies: Object.keys(limiters),
    matches: heads.map(({ keyHead }) => `${escapeGlob(keyHead)}*`),
    locate(key) {
      const own = heads.find(({ keyHead }) => key.startsWith(keyHead) && key.length > keyHead.length)
      return own && { policy: own.policy, limitIndex: 0, subject: key.slice(own.keyHead.length) }
    },
    read: ({ policy }, raw) => readCounter(raw, rules.get(policy) as CounterRule),
  }
}

/** A count with an end. Units refused were counted too; what is above the limit is cut where it is carried to. */
function readCounter(
  { type, endMs, nowUs, content }: RawKey,
  { limit, windowUs, blocksFrom, endless }: CounterRule,
): Usage | Unreadable {
  if (type === 'none') return 'expired'
  if (type !== 'string') return 'wrongType'
  const digits = text(content[0])
  if (!INTEGER.test(digits)) return 'unknown'
  const count = Number(digits)
  if (count <= 0) return 'unused'
  if (endMs < 0) {
    // What the limiter itself would say at its next hit.
    return endless === 'counts' ? allAt(count, nowUs + windowUs, 0) : 'unused'
  }
  const endUs = endMs * MS_US
  const outlives = endUs - nowUs > windowUs
  const isBlock = count > limit && (outlives || count >= blocksFrom)
  return allAt(count, endUs, outlives || isBlock ? 0 : endUs - windowUs, isBlock ? endUs : 0)
}

export function gatewaySource(setup: GatewaySetup, policies: readonly string[]): MigrationSource {
  return {
    policies,
    matches: [`${escapeGlob(setup.prefix)}:*`],
    locate: key => locateGatewayKey(setup, key),
    read(_, raw) {
      const rate = locateGatewayKey(setup, raw.key)?.rate
      if (raw.type === 'none') return 'expired'
      if (rate === undefined) return 'unknown'
      const windowUs = rate.windowS * SECOND_US
      if (setup.algorithm === 'sliding_window') return readLog(raw, windowUs)
      if (setup.algorithm === 'token_bucket') return readBucket(raw, rate.limit, windowUs)
      return readCounter(raw, { limit: rate.limit, windowUs, blocksFrom: Infinity, endless: 'counts' })
    },
  }
}

/**
 * A time by the clock of whoever wrote it. One ahead of the server's says that this clock is ahead, and not that the key was
 * written just now.
 */
const writtenAt = (atUs: number, nowUs: number): number => (atUs > nowUs ? 0 : atUs)

/** Scores are seconds. */
function readLog({ type, nowUs, content }: RawKey, windowUs: number): Usage | Unreadable {
  if (type !== 'zset') return 'wrongType'
  const timesUs = content.map(score => Math.round(Number(text(score)) * SECOND_US))
  if (!timesUs.every(Number.isFinite)) return 'unknown'
  const returns = timesUs
    .map(atUs => ({ units: 1, atUs: Math.min(atUs, nowUs) + windowUs }))
    .filter(({ atUs }) => atUs > nowUs)
  const writtenUs = writtenAt(timesUs.at(-1) ?? 0, nowUs)
  return returns.length === 0 ? 'expired' : { returns, writtenUs, blockedUntilUs: 0 }
}

/** What is left of the level now, rounded up, is back when the whole of it has drained. */
function readBucket({ type, nowUs, content }: RawKey, limit: number, windowUs: number): Usage | Unreadable {
  if (type !== 'hash') return 'wrongType'
  const fields = new Map<string, number>()
  for (let i = 0; i + 1 < content.length; i += 2) {
    fields.set(text(content[i]), Number(text(content[i + 1])))
  }
  const tokens = fields.get('tokens') ?? Number.NaN
  const refilledUs = (fields.get('last_refill') ?? Number.NaN) * SECOND_US
  if (!Number.isFinite(tokens) || !Number.isFinite(refilledUs)) return 'unknown'
  const usPerUnit = windowUs / limit
  const drainedUs = Math.min(refilledUs, nowUs) + (limit - tokens) * usPerUnit
  const units = Math.ceil((drainedUs - nowUs) / usPerUnit)
  return units <= 0 ? 'unused' : allAt(units, Math.ceil(drainedUs), writtenAt(refilledUs, nowUs))
}

/** Limiters of Sluice itself: under another prefix, with other shards, or on the way back. */
export function sluiceSource(
  compiled: CompiledPolicies,
  { prefix, keyOf, engine }: { readonly prefix: string; readonly keyOf: KeyBuilder; readonly engine: Engine },
): MigrationSource {
  const policyOf = (name: unknown): CompiledPolicy | undefined =>
    typeof name === 'string' ? compiled.byName.get(name) : undefined
  return {
    policies: [...compiled.byName.keys()],
    matches: [`${escapeGlob(prefix)}sl1:{*}:*`],
    locate(key) {
      const parsed = parseKey(key)
      const policy = policyOf(parsed?.policy)
      if (parsed === undefined || policy === undefined || parsed.prefix !== prefix) return undefined
      const limit = policy.limits[parsed.limitIndex]
      if (limit?.plan.algorithm !== parsed.algorithm) return 'other'
      const subject = subjectOf(policy, parsed.subject)
      if (subject === undefined) return undefined
      // With other shards the same subject has another key: the new limiter may have written it.
      if (keyOf(limit, identify(policy, subject)) !== key) return 'other'
      return { policy: policy.name, limitIndex: parsed.limitIndex, subject }
    },
    async read({ policy: name, limitIndex, subject }, raw) {
      const policy = policyOf(name) as CompiledPolicy
      const limit = policy.limits[limitIndex] as CompiledPolicy['limits'][number]
      if (raw.type === 'none') return 'expired'
      if (limit.plan.algorithm === 'concurrency') return 'unknown'
      const check = {
        limit,
        plan: limit.planAt(raw.nowUs),
        subject: identify(policy, subject),
        op: Op.peek,
        n: 1,
        at: 0,
      }
      const { nowUs, checks } = await engine.decide([check])
      const said = checks[0]
      if (said === undefined || said.status === Status.foreignValue) return 'unknown'
      if (said.status === Status.wrongType) return 'wrongType'
      const most = capacity(check.plan)
      if (said.status === Status.blocked) {
        // Nothing tells what was used before: it counts as all, and as used now.
        const blockedUntilUs = nowUs + said.waitUs
        return allAt(most, Math.max(blockedUntilUs + 1, nowUs + limit.windowMs * MS_US), 0, blockedUntilUs)
      }
      const units = most - said.remaining
      return units <= 0 ? 'unused' : allAt(units, nowUs + said.resetUs, 0)
    },
  }
}

/** Undefined where a part was kept as its hash, or stands under no name that the policy has. */
function subjectOf(
  { by }: CompiledPolicy,
  parts: readonly { readonly name: unknown; readonly value: unknown }[],
): Subject | undefined {
  const values = parts.map(({ value }) => value)
  if (!values.every(value => typeof value === 'string')) return undefined
  if (by === undefined && parts.every(({ name }) => name === undefined)) {
    return values.length === 1 ? values[0] : undefined
  }
  const names = by ?? parts.map(({ name }) => name)
  if (names.length !== values.length || !names.every(name => typeof name === 'string')) return undefined
  return Object.fromEntries(names.map((name, i) => [name, values[i] as string]))
}
