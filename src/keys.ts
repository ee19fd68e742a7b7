import keySlot from 'cluster-key-slot'
import { ALGORITHMS, type Algorithm } from './core/plan.js'
import { OptionError } from './errors.js'
import { decodePart, encodePart, type KeyText, splitLimitKeyName } from './key-part.js'
import { show } from './policy/refusal.js'
import type { Limit } from './policy.js'
import { SHARD_TAGS } from './shard-tags.js'

/**
 * Keys read `<prefix>sl1:{<shard tag>}:<limit>:<algorithm>:<subject>`. The tag is a hash tag of Redis Cluster: all keys
 * of a shard are in one slot, so one script call may decide many subjects. `sl1` is the version of this layout.
 */

/** Virtual shards where the user names no number. All limiters on the same keys must agree on it. */
export const DEFAULT_SHARDS = 32

const LAYOUT = 'sl1'

export interface KeyOptions {
  /**
   * Stands before every key, followed by a `:` unless it ends in one. Letters, digits and `_ - . : / @`; no braces, which
   * would choose the slot, and no glob characters. Default: none.
   */
  readonly prefix?: string
  /** Virtual shards, a power of two from 1 to 1024. Default: 32. */
  readonly shards?: number
}

/** The key of a limit for a subject that `identify` of `subject.ts` has made canonical. */
export type KeyBuilder = (limit: Limit, identity: string) => string

/** The parts of a limit's keys up to the subject, one per shard. */
interface KeyHeads {
  readonly keyName: string
  readonly algorithm: Algorithm
  readonly byShard: readonly string[]
}

/** @throws OptionError when the prefix or the number of shards cannot be used */
export function createKeyBuilder({ prefix, shards = DEFAULT_SHARDS }: KeyOptions = {}): KeyBuilder {
  const start = `${readPrefix(prefix)}${LAYOUT}:{`
  const tags = shardTags(shards)
  const shardMask = shards - 1
  const headsBySlot: KeyHeads[] = []

  const headsOf = (limit: Limit): readonly string[] => {
    const { algorithm } = limit.plan
    const known = headsBySlot[limit.slot]
    // An engine may serve two limiters, which number their limits each on their own.
    if (known !== undefined && known.keyName === limit.keyName && known.algorithm === algorithm)
      return known.byShard
    const byShard = tags.map(tag => `${start}${tag}}:${limit.keyName}:${algorithm}:`)
    headsBySlot[limit.slot] = { keyName: limit.keyName, algorithm, byShard }
    return byShard
  }

  return (limit, identity) => {
    let path: string
    let group: string
    if (identity.charCodeAt(0) !== 0) {
      path = encodePart(identity)
      group = path
    } else {
      const end = identity.indexOf('\0', 1)
      path = end < 0 ? identity.slice(1) : identity.slice(1, end)
      group = end < 0 ? path : identity.slice(end + 1)
    }
    // The slot is the CRC16 mod 16,384, so its low bits are those of the CRC16.
    return (headsOf(limit)[keySlot(group) & shardMask] as string) + path
  }
}

/** The keys of one breaker's circuits. */
export interface CircuitKeys {
  /** Where the processes of a fleet leave thresholds for one another. */
  readonly settingsKey: string
  /** From 0: keys of one shard are in one slot. */
  shardOf(identity: string): number
  keyOf(identity: string): string
}

/**
 * Circuits of a breaker stand beside the limits, in the place of an algorithm: `…:<breaker>:breaker:<subject>`. They
 * are always spread over as many shards.
 *
 * @param breaker its name
 * @throws OptionError when the prefix cannot be used
 */
export function createCircuitKeys(breaker: string, prefix?: string): CircuitKeys {
  const start = `${readPrefix(prefix)}${LAYOUT}:{`
  const name = encodePart(breaker)
  const end = `}:${name}:breaker:`
  const heads = shardTags(DEFAULT_SHARDS).map(tag => `${start}${tag}${end}`)
  const shardOf = (identity: string) => keySlot(circuitPath(identity)) & (DEFAULT_SHARDS - 1)
  return {
    settingsKey: `${start}${shardTags(1)[0]}}:${name}:breaker-settings`,
    shardOf,
    keyOf: identity => (heads[shardOf(identity)] as string) + circuitPath(identity),
  }
}

/** A scope has no group beside its parts. */
const circuitPath = (identity: string): string =>
  identity.charCodeAt(0) === 0 ? identity.slice(1) : encodePart(identity)

const PREFIX = /^[A-Za-z0-9_.:/@-]{0,128}$/

function readPrefix(prefix = ''): string {
  if (typeof prefix !== 'string' || !PREFIX.test(prefix)) {
    throw new OptionError(
      `prefix: ${show(prefix)} cannot stand before keys; use up to 128 letters, digits and _ - . : / @ ` +
        `(braces would choose the slot in a cluster)`,
    )
  }
  return prefix === '' || prefix.endsWith(':') ? prefix : `${prefix}:`
}

/**
 * The key of what all limiters on these keys agree on. It has no hash tag: on a cluster it lives at the node of its own
 * slot.
 *
 * @throws OptionError when the prefix cannot be used
 */
export const metaKeyOf = (prefix?: string): string => `${readPrefix(prefix)}${LAYOUT}:meta`

function shardTags(shards: number): readonly string[] {
  const step = SHARD_TAGS.length / shards
  if (!Number.isInteger(shards) || shards < 1 || !Number.isInteger(step)) {
    throw new OptionError(
      `shards: ${show(shards)} is not a power of two from 1 to ${SHARD_TAGS.length}; ` +
        `leave it out for ${DEFAULT_SHARDS}`,
    )
  }
  return Array.from({ length: shards }, (_, shard) => SHARD_TAGS[shard * step] as string)
}

/** One part of the subject in a key. */
export interface KeyPart {
  /** Undefined where the policy's `by` names the parts, or the subject is a plain string. */
  readonly name: KeyText | undefined
  readonly value: KeyText
}

/** What a key says of itself. */
export interface ParsedKey {
  /** With its separator; empty when there is none. */
  readonly prefix: string
  readonly shardTag: string
  /** Hash slot in Redis Cluster. */
  readonly slot: number
  readonly policy: KeyText
  /** Which limit of the policy, from 0. */
  readonly limitIndex: number
  readonly algorithm: Algorithm
  readonly subject: readonly KeyPart[]
}

const KEY = /^([A-Za-z0-9_.:/@-]*:)?sl1:\{([0-9a-z]+)\}:([^:]+):([^:]+):(.+)$/

/** Takes a key apart; undefined when it is not a key of a limit. */
export function parseKey(key: string): ParsedKey | undefined {
  const [, prefix = '', shardTag = '', keyName = '', algorithmName, path = ''] = KEY.exec(key) ?? []
  const algorithm = ALGORITHMS.find(name => name === algorithmName)
  const limitName = splitLimitKeyName(keyName)
  if (algorithm === undefined || limitName === undefined) return undefined
  const policy = decodePart(limitName.policy)
  const subject = path.split(':').map(parsePart)
  if (policy === undefined || !isWhole(subject)) return undefined
  return { prefix, shardTag, slot: keySlot(key), policy, limitIndex: limitName.index, algorithm, subject }
}

function parsePart(text: string): KeyPart | undefined {
  const [first = '', second, ...more] = text.split('=')
  const name = second === undefined ? undefined : decodePart(first)
  const value = decodePart(second ?? first)
  const isNamed = second !== undefined
  if (value === undefined || more.length > 0 || (isNamed && name === undefined)) return undefined
  return { name, value }
}

const isWhole = (parts: readonly (KeyPart | undefined)[]): parts is readonly KeyPart[] =>
  !parts.includes(undefined)
