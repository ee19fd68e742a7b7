import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import keySlot from 'cluster-key-slot'
import { describe, expect, it } from 'vitest'
import { createKeyBuilder } from '../../src/keys.js'
import { compilePolicies } from '../../src/policy.js'
import { SHARD_TAGS } from '../../src/shard-tags.js'

const SLOTS = 16_384

describe('shard tags', () => {
  it('are 1,024 short ones, each in a stripe of 16 slots of its own', () => {
    expect(SHARD_TAGS).toHaveLength(1024)
    expect(SHARD_TAGS.map(tag => Math.floor(keySlot(tag) / 16))).toEqual(SHARD_TAGS.map((_, index) => index))
    for (const tag of SHARD_TAGS) expect(tag).toMatch(/^[0-9a-z]{1,3}$/)
  })

  it('are what their script writes', () => {
    const script = fileURLToPath(new URL('../../scripts/build-shard-tags.ts', import.meta.url))
    expect(() => execFileSync(process.execPath, [script, '--check'], { stdio: 'pipe' })).not.toThrow()
  })

  it.each([1, 2, 3, 5, 6, 7, 12])(
    'spread 128 shards over %i masters as evenly as 128 can be divided',
    masters => {
      const counts = new Array<number>(masters).fill(0)
      for (let shard = 0; shard < 128; shard++) {
        const slot = keySlot(SHARD_TAGS[shard * 8] as string)
        // Masters own ranges of slots as redis-cli deals them out.
        const master = Math.min(masters - 1, Math.floor((slot * masters) / SLOTS))
        counts[master] = (counts[master] ?? 0) + 1
      }
      expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1)
    },
  )

  it('take subjects evenly: none of 128 shards has twice its share of 100,000', () => {
    const keyOf = createKeyBuilder({ shards: 128 })
    const [limit] = compilePolicies({ p: '1/s' }).byName.get('p')?.limits ?? []
    if (limit === undefined) throw new Error('the policy has a limit')
    const counts = new Map<string, number>()
    for (let user = 0; user < 100_000; user++) {
      const key = keyOf(limit, `user-${user}`)
      const tag = key.slice(0, key.indexOf('}'))
      counts.set(tag, (counts.get(tag) ?? 0) + 1)
    }
    expect(counts.size).toBe(128)
    expect(Math.max(...counts.values())).toBeLessThan((2 * 100_000) / 128)
  })
})
