import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import {
  createRedisEngine,
  type RedisEngine,
  type RedisEngineOptions,
} from '../../src/engine/redis-engine.js'
import { MetaMismatchError } from '../../src/errors.js'
import { createKeyBuilder } from '../../src/keys.js'
import { slotOf } from '../../src/redis/cluster-slots.js'
import { consume, hourly } from '../support/checks.js'
import { type RedisCluster, startRedisCluster } from '../support/redis-cluster.js'

const LIMIT = hourly(10)
const SUBJECTS = Array.from({ length: 48 }, (_, i) => `user-${i}`)

let cluster: RedisCluster
const closers: (() => Promise<unknown>)[] = []
beforeAll(async () => {
  cluster = await startRedisCluster()
})
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})
afterAll(() => cluster.stop())

function engineOf(prefix: string, options: Partial<RedisEngineOptions> = {}): RedisEngine {
  const engine = createRedisEngine({ store: { ...cluster.store, scripts: 'functions' }, prefix, ...options })
  closers.push(() => engine.close())
  return engine
}

/** Takes one unit for every subject, and answers what is left to each. */
async function askAll(engine: RedisEngine): Promise<ReadonlySet<number | undefined>> {
  const outcomes = await Promise.all(SUBJECTS.map(subject => engine.decide([consume(LIMIT, subject)])))
  return new Set(outcomes.map(({ checks: [first] }) => first?.remaining))
}

async function calls(command: string): Promise<readonly number[]> {
  const masters = await cluster.masters()
  const stats = await Promise.all(masters.map(master => master.cli('INFO', 'commandstats')))
  return stats.map(text => Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(text)?.[1] ?? 0))
}

describe('functions on a cluster', () => {
  test('are loaded on every master, and decide without EVAL', async () => {
    const engine = engineOf('loaded')
    await engine.ready()
    for (const master of await cluster.masters())
      expect(await master.cli('FUNCTION', 'LIST')).toMatch(/sluice_\d/)
    expect(await askAll(engine)).toEqual(new Set([9]))
    expect((await calls('fcall')).every(count => count > 0)).toBe(true)
    expect(await calls('evalsha')).toEqual([0, 0, 0])
  })

  test('that a master has lost are loaded again, and every check is charged once', async () => {
    const engine = engineOf('lost')
    await askAll(engine)
    for (const master of await cluster.masters()) await master.cli('FUNCTION', 'FLUSH')
    expect(await askAll(engine)).toEqual(new Set([8]))
  })

  test('follow a slot that moves', async () => {
    const engine = engineOf('moved')
    await askAll(engine)
    const slot = slotOf(createKeyBuilder({ prefix: 'moved' })(LIMIT, SUBJECTS[0] as string))
    const from = await cluster.masterOf(slot)
    const [to] = (await cluster.masters()).filter(master => master !== from)
    if (to === undefined) throw new Error('the cluster has one master')
    await cluster.moveSlot(slot, to)
    await to.cli('FUNCTION', 'FLUSH')
    expect(await askAll(engine)).toEqual(new Set([8]))
  })
})

describe('the agreement on a cluster', () => {
  test('is kept by the node of its slot alone, and holds on all', async () => {
    await askAll(engineOf('agreed', { shards: 64 }))
    const key = 'agreed:sl1:meta'
    const holder = await cluster.masterOf(slotOf(key))
    expect(await holder.cli('GET', key)).toBe('{"stateVersion":1,"shards":64}')
    const refused = engineOf('agreed', { shards: 128 })
    for (const subject of SUBJECTS.slice(0, 6)) {
      await expect(refused.decide([consume(LIMIT, subject)])).rejects.toBeInstanceOf(MetaMismatchError)
    }
  })
})
