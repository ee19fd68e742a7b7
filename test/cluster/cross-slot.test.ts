import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { Op, Status } from '../../src/core/step.js'
import { monotonicMs } from '../../src/core/time.js'
import type { Check, Outcome } from '../../src/engine/engine.js'
import { createRedisEngine, type RedisEngine } from '../../src/engine/redis-engine.js'
import { ConnectionLostError, isSluiceError } from '../../src/errors.js'
import { createLimiter } from '../../src/limiter.js'
import { SLOTS } from '../../src/redis/cluster-slots.js'
import { ClusterTopology } from '../../src/redis/cluster-topology.js'
import type { RedisClient } from '../../src/redis/redis-client.js'
import { loadScripts } from '../../src/redis/scripts.js'
import { targetOf } from '../../src/redis/targets/target-of.js'
import { consume, hourly } from '../support/checks.js'
import { type RedisCluster, startRedisCluster } from '../support/redis-cluster.js'
import { countedFor, keyOfSubject, LIMIT, slotOfSubject } from './cluster-load.js'

let cluster: RedisCluster
beforeAll(async () => {
  cluster = await startRedisCluster({ replicas: 0 })
})
afterAll(() => cluster.stop())

/** Counts, and tells what was counted. Nothing stands between it and the cluster. */
let plain: RedisEngine
let topology: ClusterTopology
/** Called before each script that the topology sends, with the number of those before it. */
let beforeScript: (sent: number, client: RedisClient) => Promise<unknown> | undefined
let losses: ConnectionLostError[]
let scriptsSent: number

/** Subjects of three nodes, in the order in which they are charged: new ones in every test. */
let first: string
let second: string
let third: string

let tests = 0
beforeEach(async () => {
  plain = createRedisEngine({ store: cluster.store })
  await plain.ready()
  ;[first, second, third] = subjectsOfEachNode(`user${tests++}-`) as [string, string, string]
  beforeScript = () => undefined
  losses = []
  const target = targetOf(cluster.store)
  if (target.kind !== 'cluster') throw new Error('this is a cluster')
  const watched = { ...target, connectNode: (address: never) => watch(target.connectNode(address)) }
  topology = new ClusterTopology(watched, {
    scripts: loadScripts(),
    elapsedMs: monotonicMs,
    onConnect() {},
    onLoss: error => losses.push(error),
  })
  await topology.ready()
  // Without the ones by which `ready` finds out whether they may be called.
  scriptsSent = 0
})
afterEach(async () => {
  await topology.close()
  await plain.close()
})

function subjectsOfEachNode(stem: string): readonly string[] {
  const found: string[] = []
  for (let i = 0; found.filter(Boolean).length < 3; i++) {
    found[Math.floor((slotOfSubject(`${stem}${i}`) * 3) / SLOTS)] = `${stem}${i}`
  }
  return found
}

function watch(client: RedisClient): RedisClient {
  return Object.create(client, {
    state: { get: () => client.state },
    address: { get: () => client.address },
    onStateChange: {
      set: (listener: RedisClient['onStateChange']) => {
        client.onStateChange = listener
      },
    },
    ready: { value: () => client.ready() },
    call: { value: (...command: Parameters<RedisClient['call']>) => client.call(...command) },
    close: { value: () => client.close() },
    atOnce: { value: (send: () => void) => send() },
    evaluate: {
      value: async (...call: Parameters<RedisClient['evaluate']>) => {
        const replaced = await beforeScript(scriptsSent++, client)
        if (replaced instanceof Error) throw replaced
        return client.evaluate(...call)
      },
    },
  })
}

function decide(checks: readonly Check[], signal?: AbortSignal): Promise<Outcome> {
  const keys = checks.map(({ subject }) => keyOfSubject(subject))
  return topology.decide(checks, keys, 0, signal === undefined ? {} : { signal })
}

/** Nothing is left on its way: what is undone in the background too. */
const settled = () => topology.close()
const counted = () => countedFor(plain, [first, second, third])

/** The scripts of a request over three slots: three looks, then three charges. */
const LOOKS = 3

describe('a request over several slots', () => {
  test('passes as a whole, each check at the instant of its own node', async () => {
    const { nowUs, checks } = await decide([
      consume(LIMIT, second, 2),
      consume(LIMIT, first),
      consume(LIMIT, third),
    ])
    expect(checks.map(({ status, granted }) => [status, granted])).toEqual([
      [Status.allowed, 2],
      [Status.allowed, 1],
      [Status.allowed, 1],
    ])
    const instants = checks.map(check => check.nowUs as number)
    expect(nowUs).toBe(Math.max(...instants))
    // In the order of the slots, whatever that of the checks.
    expect(instants[1]).toBeLessThan(instants[0] as number)
    expect(instants[0]).toBeLessThan(instants[2] as number)
    expect(await counted()).toEqual([1, 2, 1])
  })

  test('is refused without a write when one look says so', async () => {
    const small = hourly(3)
    await decide([consume(small, second, 3)])
    const { checks } = await decide([consume(small, first), consume(small, second), consume(small, third)])
    expect(checks).toMatchObject([
      { status: Status.allowed, granted: 0, remaining: 3 },
      { status: Status.denied, granted: 0, remaining: 0, waitUs: expect.any(Number) },
      { status: Status.allowed, granted: 0, remaining: 3 },
    ])
    expect(await counted()).toEqual([0, 3, 0])
    expect(scriptsSent).toBe(1 + LOOKS)
  })

  test('gives back what it charged when a later slot refuses after all', async () => {
    const small = hourly(3)
    beforeScript = sent => {
      // Somebody else takes the rest of the second between the look and the charge.
      if (sent === LOOKS) return plain.decide([consume(small, second, 3)])
      return undefined
    }
    const { checks } = await decide([consume(small, first, 2), consume(small, second), consume(small, third)])
    expect(checks).toMatchObject([
      { status: Status.allowed, granted: 0, remaining: 3, waitUs: 0 },
      { status: Status.denied, granted: 0, remaining: 0 },
      { status: Status.allowed, granted: 0, remaining: 3, waitUs: 0 },
    ])
    expect(await counted()).toEqual([0, 3, 0])
    expect(losses).toEqual([])
  })

  test('gives back what it charged when a later node could not be asked, and says that nothing was charged', async () => {
    const unsent = Object.assign(new Error('not sent'), { code: 'ERR_TEST' })
    beforeScript = async sent => (sent === LOOKS + 1 ? unsent : undefined)
    await expect(decide([first, second, third].map(subject => consume(LIMIT, subject)))).rejects.toBe(unsent)
    expect(await counted()).toEqual([0, 0, 0])
  })

  test('never counts less than was used when the answer of a node is lost: that part alone may stay charged', async () => {
    const lost = new ConnectionLostError('the answer is lost')
    beforeScript = async sent => {
      if (sent !== LOOKS + 1) return undefined
      // It is charged, and nobody here hears of it.
      await plain.decide([consume(LIMIT, second)])
      return lost
    }
    await expect(decide([first, second, third].map(subject => consume(LIMIT, subject)))).rejects.toBe(lost)
    expect(await counted()).toEqual([0, 1, 0])
  })

  test('tells when what it charged could not be given back, and that it stays counted', async () => {
    const down = new ConnectionLostError('the node is gone')
    // Two looks here: the charge of the first passes, that of the second and the undoing do not.
    beforeScript = async sent => (sent > 2 ? down : undefined)
    const failed = decide([first, second].map(subject => consume(LIMIT, subject)))
    const error = await failed.catch((reason: unknown) => reason)
    expect(isSluiceError(error, 'ERR_SLUICE_CONNECTION_LOST')).toBe(true)
    expect(error).toMatchObject({
      message: expect.stringMatching(
        /could not all be given back \(the node is gone\).*do not send it again/,
      ),
    })
    expect(await counted()).toEqual([1, 0, 0])
  })

  test('is a refusal all the same when its undoing is lost, and a warning', async () => {
    const small = hourly(3)
    beforeScript = async sent => {
      if (sent === 2) await plain.decide([consume(small, second, 3)])
      return sent === 4 ? new ConnectionLostError('the node is gone') : undefined
    }
    const { checks } = await decide([consume(small, first), consume(small, second)])
    expect(checks.map(({ status, granted }) => [status, granted])).toEqual([
      [Status.allowed, 0],
      [Status.denied, 0],
    ])
    expect(losses).toMatchObject([{ code: 'ERR_SLUICE_CONNECTION_LOST' }])
    expect(await counted()).toEqual([1, 3, 0])
  })

  test('is undone when nobody waits for it any more', async () => {
    const canceller = new AbortController()
    const reason = new Error('enough')
    beforeScript = async sent => {
      if (sent === LOOKS + 2) canceller.abort(reason)
      return undefined
    }
    const cancelled = decide(
      [first, second, third].map(subject => consume(LIMIT, subject)),
      canceller.signal,
    )
    await expect(cancelled).rejects.toBe(reason)
    await settled()
    expect(await counted()).toEqual([0, 0, 0])
  })

  test('takes back what it gave back, as well, when a later slot refuses', async () => {
    const small = hourly(3)
    await decide([consume(small, first, 2)])
    beforeScript = sent => (sent === 1 + 2 ? plain.decide([consume(small, second, 3)]) : undefined)
    const refund: Check = { ...consume(small, first, 2), op: Op.refund }
    await decide([refund, consume(small, second)])
    expect(await counted()).toEqual([2, 3, 0])
  })
})

describe('requests over several slots of two limiters that compete', () => {
  const POLICIES = {
    seats: { algorithm: 'fixed_window', limit: 60, window: '1h' },
    held: { algorithm: 'concurrency', limit: 5, lease: '1m' },
  } as const

  test('never exceed a limit, and leave nothing charged that was not admitted', async () => {
    const limiters = [1, 2].map(() =>
      createLimiter({
        store: cluster.store,
        prefix: `contest-${first}`,
        policies: POLICIES,
        deadline: '10s',
        denyCache: false,
      }),
    )
    const [a, b, c] = [first, second, third]
    const pairs = [
      [a, b],
      [b, c],
      [c, a],
      [b, a],
    ] as const
    const admitted = new Map([a, b, c].map(subject => [subject, 0]))
    const ask = async (limiter: (typeof limiters)[0], pair: readonly [string, string]) => {
      const { allowed, source } = await limiter.checkAll(pair.map(subject => ({ policy: 'seats', subject })))
      expect(source).toBe('redis')
      if (allowed) for (const subject of pair) admitted.set(subject, (admitted.get(subject) ?? 0) + 1)
      return allowed
    }
    await Promise.all(
      limiters.flatMap(limiter =>
        pairs.flatMap(pair =>
          Array.from({ length: 8 }, async () => {
            for (let refused = 0; refused < 5; ) if (!(await ask(limiter, pair))) refused++
          }),
        ),
      ),
    )
    // While they compete, a charge that is about to be undone may refuse others. Alone, nobody is refused falsely.
    const [limiter] = limiters as [(typeof limiters)[0]]
    for (const pair of pairs) while (await ask(limiter, pair));
    const left = await Promise.all([a, b, c].map(subject => limiter.peek('seats', subject)))
    const remaining = left.map(decision => decision.remaining)
    expect(remaining).toEqual([a, b, c].map(subject => 60 - (admitted.get(subject) ?? 0)))
    for (const [one, other] of [
      [0, 1],
      [1, 2],
      [2, 0],
    ] as const) {
      expect(Math.min(remaining[one] as number, remaining[other] as number)).toBe(0)
    }
    await Promise.all(limiters.map(own => own.close()))
  })

  test('give a receipt by which all of it is given back, each at its own node and time', async () => {
    const limiter = createLimiter({ store: cluster.store, prefix: `receipt-${first}`, policies: POLICIES })
    const items = [first, second, third].map(subject => ({ policy: 'seats' as const, subject, cost: 7 }))
    const decision = await limiter.checkAll(items)
    const charges = decision.receipt?.charges ?? []
    expect(charges.map(({ units }) => units)).toEqual([7, 7, 7])
    expect(new Set(charges.map(({ atUs }) => atUs)).size).toBe(3)
    await limiter.refund(JSON.parse(JSON.stringify(decision.receipt)))
    const left = await Promise.all(items.map(({ subject }) => limiter.peek('seats', subject)))
    expect(left.map(({ remaining }) => remaining)).toEqual([60, 60, 60])
    await limiter.close()
  })

  test('are what a limiter on a cluster warns of, policy by policy, when it is made', async () => {
    const limiter = createLimiter({
      store: cluster.store,
      prefix: `warned-${first}`,
      policies: { ...POLICIES, api: { limit: 5, window: '1m', by: ['tenant', 'user'], group: 'tenant' } },
    })
    const warnings: string[] = []
    limiter.on('warning', ({ message }) => warnings.push(message))
    await limiter.ready()
    expect(warnings).toEqual([
      expect.stringMatching(/seats, held \(by the whole subject\); api \(by tenant\)/),
    ])
    await limiter.close()
  })

  test('hold leases at several nodes together, and release them together', async () => {
    const held = (subject: string, op: Op, leaseId: string): Check => ({
      ...consume(
        { ...LIMIT, keyName: 'held', plan: { algorithm: 'concurrency', limit: 1, leaseUs: 60_000_000 } },
        subject,
      ),
      op,
      leaseId,
    })
    const ask = (op: Op, leaseId: string) =>
      plain.decide([held(first, op, leaseId), held(second, op, leaseId)])
    const statuses = ({ checks }: Outcome) => checks.map(({ status }) => status)
    expect(statuses(await ask(Op.consume, 'one'))).toEqual([Status.allowed, Status.allowed])
    expect(statuses(await ask(Op.consume, 'two'))).toEqual([Status.denied, Status.denied])
    expect(statuses(await ask(Op.renew, 'one'))).toEqual([Status.allowed, Status.allowed])
    expect(statuses(await ask(Op.refund, 'one'))).toEqual([Status.allowed, Status.allowed])
    expect(statuses(await ask(Op.consume, 'two'))).toEqual([Status.allowed, Status.allowed])
  })
})
