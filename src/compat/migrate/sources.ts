import { capacity } from '../../core/plan.js'
import { Op, Status } from '../../core/step.js'
import type { Engine } from '../../engine/engine.js'
import { type KeyBuilder, parseKey } from '../../keys.js'
import type { CompiledPolicies, CompiledPolicy } from '../../policy.js'
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

/** Limiters of one integer a subject: rate-limiter-flexible, rate-limit-redis. */
export function counterSource({ limiters, policies }: CounterDialect): MigrationSource {
  const heads = Object.entries(limiters).map(([policy, { keyHead }]) => ({ policy, keyHead }))
  // A key belongs to the longest of the prefixes that it begins with.
  heads.sort((a, b) => b.keyHead.length - a.keyHead.length)
  const windowUsOf = new Map(
    Object.entries(policies).map(([policy, { limit, window }]) => [
      policy,
      parseRate(`${limit}/${window}`, policy).windowUs,
    ]),
  )
  return {
    policies: Object.keys(limiters),
    matches: heads.map(({ keyHead }) => `${escapeGlob(keyHead)}*`),
    locate(key) {
      const own = heads.find(({ keyHead }) => key.startsWith(keyHead) && key.length > keyHead.length)
      return own && { policy: own.policy, limitIndex: 0, subject: key.slice(own.keyHead.length) }
    },
    read: ({ policy }, raw) => readCounter(raw, windowUsOf.get(policy) as number),
  }
}

/** A count with an end. Units refused were counted too; what is above the limit is cut where it is carried to. */
function readCounter({ type, endMs, nowUs, content }: RawKey, windowUs: number): Usage | Unreadable {
  if (type === 'none') return 'expired'
  if (type !== 'string') return 'wrongType'
  const count = text(content[0])
  if (!INTEGER.test(count)) return 'unknown'
  if (Number(count) <= 0) return 'unused'
  // Without an end it counts as begun now, as the limiter itself would say at its next hit.
  const endUs = endMs < 0 ? nowUs + windowUs : endMs * MS_US
  const isBlock = endUs - nowUs > windowUs
  return allAt(Number(count), endUs, endMs < 0 || isBlock ? 0 : endUs - windowUs)
}

export function gatewaySource(setup: GatewaySetup, policies: readonly string[]): MigrationSource {
  return {
    policies,
    matches: [`${escapeGlob(setup.prefix)}:*`],
    locate: key => locateGatewayKey(setup, key),
    read(_, raw) {
      const windowUs = Number(raw.key.slice(raw.key.lastIndexOf(':') + 1)) * SECOND_US
      if (raw.type === 'none') return 'expired'
      if (setup.algorithm === 'fixed_window') return readCounter(raw, windowUs)
      return setup.algorithm === 'sliding_window' ? readLog(raw, windowUs) : readBucket(setup, raw, windowUs)
    },
  }
}

/** Scores are seconds. */
function readLog({ type, nowUs, content }: RawKey, windowUs: number): Usage | Unreadable {
  if (type !== 'zset') return 'wrongType'
  const timesUs = content.map(score => Math.round(Number(text(score)) * SECOND_US))
  const returns = timesUs
    .map(atUs => ({ units: 1, atUs: atUs + windowUs }))
    .filter(({ atUs }) => atUs > nowUs)
  return returns.length === 0 ? 'expired' : { returns, writtenUs: timesUs.at(-1) ?? 0 }
}

/** What is left of the level now, rounded up, is back when the whole of it has drained. */
function readBucket(setup: GatewaySetup, raw: RawKey, windowUs: number): Usage | Unreadable {
  if (raw.type !== 'hash') return 'wrongType'
  const fields = new Map<string, number>()
  for (let i = 0; i + 1 < raw.content.length; i += 2) {
    fields.set(text(raw.content[i]), Number(text(raw.content[i + 1])))
  }
  const tokens = fields.get('tokens') ?? Number.NaN
  const refilledUs = (fields.get('last_refill') ?? Number.NaN) * SECOND_US
  const policy = locateGatewayKey(setup, raw.key)?.rate
  if (!Number.isFinite(tokens) || !Number.isFinite(refilledUs) || policy === undefined) return 'unknown'
  const usPerUnit = windowUs / policy.limit
  const drainedUs = refilledUs + (policy.limit - tokens) * usPerUnit
  const units = Math.ceil((drainedUs - raw.nowUs) / usPerUnit)
  return units <= 0 ? 'unused' : allAt(units, Math.ceil(drainedUs), refilledUs)
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
      const units = capacity(check.plan) - said.remaining
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
