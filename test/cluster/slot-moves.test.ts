import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { createRedisEngine, type RedisEngine } from '../../src/engine/redis-engine.js'
import { StoreUnavailableError } from '../../src/errors.js'
import { consume } from '../support/checks.js'
import { type ClusterNode, type RedisCluster, startRedisCluster } from '../support/redis-cluster.js'
import {
  ClusterLoad,
  countedFor,
  keyOfSubject,
  LIMIT,
  neighbours,
  numbered,
  slotOfSubject,
} from './cluster-load.js'

let cluster: RedisCluster
beforeAll(async () => {
  cluster = await startRedisCluster({ replicas: 0 })
})
afterAll(() => cluster.stop())

let engine: RedisEngine
/** Subjects of the slot that moves: in each test another. */
let moving: readonly string[]
let slot: number
let from: ClusterNode
let to: ClusterNode

let tests = 0
beforeEach(async () => {
  // Shards are few: what an earlier test left may be in the slot of this one.
  for (const node of cluster.nodes) await node.cli('FLUSHALL')
  engine = createRedisEngine({ store: cluster.store })
  await engine.ready()
  moving = neighbours(`moving${tests++}`, 24)
  slot = slotOfSubject(moving[0] as string)
  from = await cluster.masterOf(slot)
  to = (await cluster.masters()).find(node => node !== from) as ClusterNode
})
afterEach(() => engine.close())

/** How often a node answered with an error of this kind. */
async function answered(node: ClusterNode, kind: string): Promise<number> {
  const stats = await node.cli('INFO', 'errorstats')
  return Number(new RegExp(`errorstat_${kind}:count=(\\d+)`).exec(stats)?.[1] ?? 0)
}

test('A10: a slot that moves under load: nothing fails, nothing is lost, nothing is counted twice', async () => {
  const [first, last] = [moving[0] as string, moving[moving.length - 1] as string]
  const elsewhere = numbered('elsewhere', 20)
  const pairs = [moving.slice(0, 2), moving.slice(2, 4), moving.slice(4, 7)]
  const requests = [...[...moving, ...elsewhere].map(subject => [subject]), ...pairs]
  const load = new ClusterLoad(engine, { requests })
  await load.untilGranted(first, 20)

  const move = await cluster.beginMove(slot, to)
  for (let moved = 0; moved < moving.length; moved += 4) {
    await move.moveKeys(4)
    await load.untilGranted(last, 10)
  }
  await move.finish()
  await load.untilGranted(first, 20)
  await cluster.moveSlot(slot, from)
  await load.untilGranted(first, 20)
  await load.stop()

  expect(load.errors).toEqual([])
  const subjects = [...moving, ...elsewhere]
  expect(await countedFor(engine, subjects)).toEqual(subjects.map(subject => load.granted.get(subject)))
  for (const kind of ['ASK', 'TRYAGAIN', 'MOVED']) expect(await answered(from, kind)).toBeGreaterThan(0)
})

test('a key that is nowhere yet is made where its slot goes', async () => {
  const [known, newcomer] = moving as [string, string]
  await engine.decide([consume(LIMIT, known)])
  const move = await cluster.beginMove(slot, to)
  const { checks } = await engine.decide([consume(LIMIT, newcomer), consume(LIMIT, newcomer)])
  expect(checks.map(({ granted }) => granted)).toEqual([1, 1])
  await move.finish()
  expect(await countedFor(engine, [known, newcomer])).toEqual([1, 2])
})

test('a request whose keys are at both nodes waits until the slot has moved', async () => {
  const [a, b] = moving as [string, string]
  await engine.decide([consume(LIMIT, a), consume(LIMIT, b)])
  const move = await cluster.beginMove(slot, to)
  await move.moveKeys(1)
  const before = await answered(from, 'TRYAGAIN')
  const outcome = engine.decide([consume(LIMIT, a), consume(LIMIT, b)])
  while ((await answered(from, 'TRYAGAIN')) < before + 3);
  await move.finish()
  expect((await outcome).checks).toMatchObject([{ granted: 1 }, { granted: 1 }])
  expect(await countedFor(engine, [a, b])).toEqual([2, 2])
})

test('a request whose keys stay at both nodes ends by its signal, or by itself, and is not charged', async () => {
  const [a, b] = moving as [string, string]
  await engine.decide([consume(LIMIT, a), consume(LIMIT, b)])
  const move = await cluster.beginMove(slot, to)
  await move.moveKeys(1)
  const request = [consume(LIMIT, a), consume(LIMIT, b)]
  const reason = new Error('enough')
  const canceller = new AbortController()
  const cancelled = engine.decide(request, { signal: canceller.signal })
  canceller.abort(reason)
  await expect(cancelled).rejects.toBe(reason)
  const refused = engine.decide(request)
  await expect(refused).rejects.toThrow(StoreUnavailableError)
  await expect(refused).rejects.toThrow(/slot \d+ is being moved.*nothing was charged/)
  await move.finish()
  expect(await countedFor(engine, [a, b])).toEqual([1, 1])
})

test('a slot goes to a node that has forgotten the scripts: it learns them, and nothing fails', async () => {
  const load = new ClusterLoad(engine, { requests: moving.map(subject => [subject]) })
  await load.untilGranted(moving[0] as string, 5)
  await to.cli('SCRIPT', 'FLUSH')
  await cluster.moveSlot(slot, to)
  await load.untilGranted(moving[0] as string, 5)
  await load.stop()
  expect(load.errors).toEqual([])
  expect(await countedFor(engine, moving)).toEqual(moving.map(subject => load.granted.get(subject)))
})

test('two nodes that name one another end in an error that says so, and nothing is charged', async () => {
  await engine.decide([consume(LIMIT, 'elsewhere')])
  expect(await to.cli('CLUSTER', 'SETSLOT', String(slot), 'NODE', from.id)).toBe('OK')
  expect(await from.cli('CLUSTER', 'SETSLOT', String(slot), 'NODE', to.id)).toBe('OK')
  const refused = engine.decide([consume(LIMIT, moving[0] as string)])
  await expect(refused).rejects.toThrow(StoreUnavailableError)
  await expect(refused).rejects.toThrow(/slot \d+: 16 redirects, the last from .*MOVED.*nothing was charged/)
  for (const node of [from, to])
    expect(await node.cli('EXISTS', keyOfSubject(moving[0] as string))).toMatch(/MOVED/)
})
