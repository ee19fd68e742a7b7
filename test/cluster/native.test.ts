import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openEngine } from '../../src/engine/open-engine.js'
import { createLimiter } from '../../src/index.js'
import { createKeyBuilder } from '../../src/keys.js'
import { nameOf, slotOf } from '../../src/redis/cluster-slots.js'
import { consume, hourly } from '../support/checks.js'
import { withoutNative } from '../support/native.js'
import { type RedisCluster, startRedisCluster } from '../support/redis-cluster.js'

let cluster: RedisCluster
beforeAll(async () => {
  cluster = await startRedisCluster({ replicas: 0, args: ['--cluster-require-full-coverage', 'no'] })
})
afterAll(() => cluster.stop())

const LIMIT = hourly(1_000)
const keyOf = createKeyBuilder()
const subjects = Array.from({ length: 60 }, (_, i) => `user-${i}`)

/** The address of the node that counts a subject. */
async function nodeOf(subject: string): Promise<string> {
  const { port } = await cluster.masterOf(slotOf(keyOf(LIMIT, subject)))
  return nameOf({ host: '127.0.0.1', port })
}

describe.skipIf(withoutNative !== undefined)('a cluster asked natively', () => {
  test('is known by its nodes, also after a slot has moved', async () => {
    const engine = openEngine({ store: cluster.store, native: 'require' })
    await engine.ready()
    for (const subject of subjects) await engine.decide([consume(LIMIT, subject)])
    const partOf = (...names: string[]) => engine.partOf?.(names.map(name => consume(LIMIT, name)))
    for (const subject of subjects) expect(partOf(subject)).toBe(await nodeOf(subject))
    expect(partOf(...subjects.slice(0, 16))).toBeUndefined()

    const [moved = ''] = subjects
    const slot = slotOf(keyOf(LIMIT, moved))
    const from = await cluster.masterOf(slot)
    const to = (await cluster.masters()).find(({ id }) => id !== from.id)
    await cluster.moveSlot(slot, to as NonNullable<typeof to>)
    while (partOf(moved) !== (await nodeOf(moved))) await engine.decide([consume(LIMIT, moved)])
    await engine.close()
  })

  test('goes on without a master that is lost, for its subjects alone', async () => {
    const limiter = createLimiter({
      store: cluster.store,
      native: 'require',
      prefix: 'lost',
      deadline: '60s',
      onStoreFailure: 'open',
      policies: { perUser: { algorithm: 'fixed_window', limit: 1_000, window: '1h' } },
    })
    const down = new Set<string | undefined>()
    limiter.on('storeDown', ({ part }) => down.add(part))
    await limiter.ready()
    const sourcesOf = async () => {
      const decisions = await Promise.all(subjects.map(subject => limiter.check('perUser', subject)))
      return new Set(decisions.map(({ source }) => source))
    }
    expect([...(await sourcesOf())]).toEqual(['redis'])
    const [lost] = await cluster.masters()
    await cluster.kill(lost as NonNullable<typeof lost>)
    while (down.size === 0) await sourcesOf()
    expect([...down]).toEqual([nameOf({ host: '127.0.0.1', port: lost?.port ?? 0 })])
    expect([...(await sourcesOf())].sort()).toEqual(['fallback', 'redis'])
    await limiter.close()
  })
})
