import { isSluiceError } from '../errors.js'
import type { RedisClient } from '../redis/redis-client.js'
import { ask } from '../redis/store-nodes.js'
import { type Recognised, recognise } from './recognise.js'

/** Keys asked for at once. */
const SCAN_COUNT = 500

/** A key of the sample, as the server has it. */
export interface SampledKey {
  readonly key: string
  readonly type: string
  /** -1: it never ends. */
  readonly ttlMs: number
  readonly owner: Recognised | undefined
}

export interface NodeSample {
  readonly address: string
  /** Keys on this node. */
  readonly total: number
  readonly keys: readonly SampledKey[]
  /** Of those looked for, the ones that the user may not look at: of others, then. */
  readonly hidden: number
  /** The sample is all there is. */
  readonly isWhole: boolean
}

/**
 * Looks at keys in the order of SCAN, which is that of their hashes and so as good as random. Reads only, a few hundred
 * keys at a time: a server that serves others is not held up.
 *
 * @param most keys to look at
 */
export async function sampleNode(client: RedisClient, most: number): Promise<NodeSample> {
  const total = Number(await ask(client, 'DBSIZE'))
  // SCAN may tell a key twice.
  const names = new Set<string>()
  let cursor = '0'
  do {
    const reply = await ask(client, 'SCAN', cursor, 'COUNT', String(SCAN_COUNT))
    const [next, found] = reply as readonly [string, readonly string[]]
    for (const name of found) names.add(name)
    cursor = next
  } while (cursor !== '0' && names.size < most)
  const keys: SampledKey[] = []
  let hidden = 0
  const all = [...names].slice(0, most)
  for (let i = 0; i < all.length; i += SCAN_COUNT) {
    const looked = await Promise.all(all.slice(i, i + SCAN_COUNT).map(key => lookAt(client, key)))
    keys.push(...looked.filter(key => typeof key === 'object'))
    hidden += looked.filter(key => key === 'hidden').length
  }
  return { address: client.address, total, keys, hidden, isWhole: cursor === '0' && names.size <= most }
}

/** `gone` where it has ended meanwhile, `hidden` where the user may not use this key. */
async function lookAt(client: RedisClient, key: string): Promise<SampledKey | 'gone' | 'hidden'> {
  try {
    const [type, ttlMs] = await Promise.all([ask(client, 'TYPE', key), ask(client, 'PTTL', key)])
    if (type === 'none') return 'gone'
    return { key, type: String(type), ttlMs: Number(ttlMs), owner: recognise(key, String(type)) }
  } catch (error) {
    if (isSluiceError(error, 'ERR_SLUICE_PERMISSION')) return 'hidden'
    throw error
  }
}

/** Keys of one system, prefix, name and algorithm. */
export interface KeyGroup {
  readonly system: string
  readonly prefix: string
  readonly name: string
  readonly algorithm: string | undefined
  /** In the sample. */
  readonly sampled: number
  /** On all nodes, as the sample suggests; exact where it is whole. */
  readonly estimated: number
  /** Of the sample: without an end although they should have one. */
  readonly endless: number
  /** Of the sample: of another type than their system writes. */
  readonly wrongType: number
  readonly example: string
}

/** Groups what is known, the largest first; what is nobody's is counted apart. */
export function groupKeys(samples: readonly NodeSample[]): { groups: readonly KeyGroup[]; others: number } {
  const groups = new Map<string, { -readonly [K in keyof KeyGroup]: KeyGroup[K] }>()
  let others = 0
  for (const { total, keys, hidden, isWhole } of samples) {
    const weight = isWhole || keys.length === 0 ? 1 : total / (keys.length + hidden)
    others += weight * hidden
    for (const { key, ttlMs, owner } of keys) {
      if (owner === undefined) {
        others += weight
        continue
      }
      const { system, prefix, name, algorithm, isOfItsType, ends } = owner
      const id = JSON.stringify([system, prefix, name, algorithm])
      const group = groups.get(id) ?? {
        ...{ system, prefix, name, algorithm },
        ...{ sampled: 0, estimated: 0, endless: 0, wrongType: 0, example: key },
      }
      group.sampled++
      group.estimated += weight
      if (ends && ttlMs === -1) group.endless++
      if (!isOfItsType) group.wrongType++
      // One that is wrong is the better example.
      if ((ends && ttlMs === -1) || !isOfItsType) group.example = key
      groups.set(id, group)
    }
  }
  const rounded = [...groups.values()].map(group => ({ ...group, estimated: Math.round(group.estimated) }))
  return { groups: rounded.sort((a, b) => b.estimated - a.estimated), others: Math.round(others) }
}
