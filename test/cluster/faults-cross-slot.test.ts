import { setTimeout as sleep } from 'node:timers/promises'
import keySlot from 'cluster-key-slot'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Charge } from '../../src/decision.js'
import { createKeyBuilder } from '../../src/keys.js'
import { createLimiter } from '../../src/limiter.js'
import { compilePolicies, type PolicyLimit } from '../../src/policy.js'
import { aboveInWindows } from '../support/history.js'
import { type ClusterNode, type RedisCluster, startRedisCluster } from '../support/redis-cluster.js'
import { expectNoLeakedKeys } from './fleet-under-load.js'

const TICK_MS = 5
const LIMIT = 30
const POLICIES = { perUser: { algorithm: 'sliding_window', limit: LIMIT, window: '1m' } } as const
const limit = compilePolicies(POLICIES).byName.get('perUser')?.limits[0] as PolicyLimit

let cluster: RedisCluster
/** Users whose keys are at different masters. */
let users: readonly string[]

const slotOf = (user: string): number => keySlot(createKeyBuilder()(limit, user))

beforeAll(async () => {
  cluster = await startRedisCluster({ masters: 3, replicas: 1 })
  const byMaster = new Map<ClusterNode, string>()
  for (let i = 0; byMaster.size < 3; i++)
    byMaster.set(await cluster.masterOf(slotOf(`user-${i}`)), `user-${i}`)
  users = [...byMaster.values()]
})

afterAll(async () => {
  await cluster.stop()
})

/** Three replicas that charge two users in each request, whose keys no script reaches together. */
class PairedLoad {
  readonly charges: Charge[] = []
  readonly errors: unknown[] = []
  ended = 0
  #pending = 0
  #asked = 0
  readonly #limiters = Array.from({ length: 3 }, () =>
    createLimiter({
      store: cluster.store,
      denyCache: false,
      onStoreFailure: 'closed',
      // A busy machine is no fault.
      deadline: '5s',
      policies: POLICIES,
    }),
  )
  readonly #timer = setInterval(() => this.#ask(), TICK_MS)

  async untilEnded(more: number): Promise<void> {
    const wanted = this.ended + more
    while (this.ended < wanted) await sleep(TICK_MS)
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    while (this.#pending > 0) await sleep(TICK_MS)
    await Promise.all(this.#limiters.map(limiter => limiter.close()))
  }

  #ask(): void {
    const asked = this.#asked++
    const pair = [users[asked % 3], users[(asked + 1) % 3]] as [string, string]
    this.#pending++
    this.#limiters[asked % this.#limiters.length]
      ?.checkAll(pair.map(subject => ({ policy: 'perUser', subject })))
      .then(
        ({ receipt }) => this.charges.push(...(receipt?.charges ?? [])),
        error => this.errors.push(error),
      )
      .then(() => {
        this.#pending--
        this.ended++
      })
  }
}

test('requests over several nodes, while slots move and masters change: no user above the limit, ever', async () => {
  const load = new PairedLoad()
  await load.untilEnded(10)
  const slot = slotOf(users[0] as string)
  const master = await cluster.masterOf(slot)
  const move = await cluster.beginMove(slot, await cluster.masterOf(slotOf(users[1] as string)))
  await load.untilEnded(10)
  await move.moveKeys(1)
  await load.untilEnded(10)
  await move.finish()
  const [replica] = await cluster.replicasOf(await cluster.masterOf(slotOf(users[2] as string)))
  await cluster.failover(replica as ClusterNode)
  await load.untilEnded(10)
  await cluster.moveSlot(slot, master)
  await load.untilEnded(200)
  await load.stop()

  expect(load.errors).toEqual([])
  const admitted = users.map(user =>
    load.charges
      .filter(({ subject }) => subject === user)
      .map(({ atUs, units }) => ({ nowUs: atUs, units }))
      .sort((a, b) => a.nowUs - b.nowUs),
  )
  for (const admissions of admitted) {
    expect(aboveInWindows(admissions, { limit: LIMIT, windowUs: 60_000_000 })).toBeUndefined()
  }
  // Refused where one of the two has nothing left, so at least two have used up theirs, but for what a lost roll-back took.
  expect(Math.max(...admitted.map(({ length }) => length))).toBeGreaterThan(LIMIT / 2)
  for (const node of await cluster.masters()) await expectNoLeakedKeys(node)
})
