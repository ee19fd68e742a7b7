import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type RunOptions, runScenario } from '../../cluster/loadtest/run.js'
import { type Scenario, SHORT } from '../../cluster/loadtest/scenarios.js'
import { renderTable } from '../../cluster/loadtest/table.js'
import type { Verdict } from '../../cluster/loadtest/verdict.js'
import { startRedisCluster } from '../support/redis-cluster.js'
import { type RedisServer, startRedis } from '../support/redis-server.js'

let redis: RedisServer

beforeAll(async () => {
  redis = await startRedis()
})

afterAll(async () => {
  await redis.stop()
})

const problemsOf = (verdicts: readonly Verdict[]) =>
  verdicts.map(({ algorithm, problems }) => [algorithm, problems.join('; ')])

test.each(SHORT)('three gateways on one Redis admit what the algorithm admits: $name', scenario =>
  expectRight({ scenario, storeName: 'redis', store: redis.url, seed: 1 }),
)

test('three gateways on a cluster of six nodes admit what the algorithm admits', async () => {
  const cluster = await startRedisCluster({ masters: 3, replicas: 1 })
  try {
    const store = { cluster: cluster.seeds.map(({ host, port }) => `${host}:${port}`) }
    await expectRight({ scenario: SHORT[1] as Scenario, storeName: 'cluster', store, seed: 1 })
  } finally {
    await cluster.stop()
  }
})

async function expectRight(options: RunOptions): Promise<void> {
  const verdicts = await runScenario(options)
  expect(verdicts.map(({ algorithm }) => algorithm)).toEqual(['gcra', 'sliding_window', 'concurrency'])
  expect(problemsOf(verdicts)).toEqual(verdicts.map(({ algorithm }) => [algorithm, '']))
  for (const { sent, allowed, refused } of verdicts) {
    expect(allowed + refused).toBe(sent)
    expect(refused).toBeGreaterThan(0)
  }
  expect(renderTable(verdicts)).not.toContain('WRONG')
}

/** One user and a window as long as the run: what is sent is about twice the limit, and what passes is the limit. */
const scenario: Scenario = {
  name: 'one window',
  durationMs: 2000,
  policies: { perUser: { algorithm: 'sliding_window', limit: 20, window: '1m' } },
  traffic: [{ policy: 'perUser', users: 1, perUserPerSecond: 30 }],
}

/** Runs with something wrong, and answers what the verdict says of it. */
async function judgeWrong(wrong: Partial<RunOptions>): Promise<Verdict> {
  const seed = wrongRuns++
  const verdicts = await runScenario({ scenario, storeName: 'redis', store: redis.url, seed, ...wrong })
  expect(renderTable(verdicts)).toContain('WRONG')
  return verdicts[0] as Verdict
}
let wrongRuns = 100

test('one gateway with a limit higher by one is caught, and the check that it let pass is named', async () => {
  const raised = { perUser: { algorithm: 'sliding_window', limit: 21, window: '1m' } } as const
  const { allowed, expected, problems } = await judgeWrong({
    deployed: gateway => (gateway === 1 ? { policies: raised } : {}),
  })
  expect([allowed, expected]).toEqual([21, 20])
  expect(problems).toEqual([
    'admitted 21, and the algorithm admits 20 ± 0',
    expect.stringMatching(
      /^user-0, check \d+ of \d+, at \d+ us by gateway 1: allowed, and the algorithm says denied$/,
    ),
    expect.stringMatching(
      /^bound broken: user-0: 21 units in \d+ us, from \d+ on; sliding_window admits at most 20 per/,
    ),
  ])
})

test('gateways that count each for itself are caught', async () => {
  const { allowed, problems } = await judgeWrong({ deployed: () => ({ store: 'memory' }) })
  expect(allowed).toBeGreaterThan(20)
  expect(problems.join('\n')).toContain('bound broken')
})

test('a counter that is lost on the way is caught', async () => {
  await redis.cli('FLUSHALL')
  const { allowed, problems } = await judgeWrong({
    async meanwhile() {
      while ((await redis.cli('--scan', '--pattern', '*:perUser:*')) === '') await sleep(50)
      await redis.cli('FLUSHALL')
    },
  })
  expect(allowed).toBeGreaterThan(20)
  expect(problems[0]).toBe(`admitted ${allowed}, and the algorithm admits 20 ± 0`)
})

test('a limit lower by one is caught: refusing too early is wrong as well', async () => {
  const lowered = { perUser: { algorithm: 'sliding_window', limit: 19, window: '1m' } } as const
  const { allowed, problems } = await judgeWrong({ deployed: () => ({ policies: lowered }) })
  expect(allowed).toBe(19)
  expect(problems[0]).toBe('admitted 19, and the algorithm admits 20 ± 0')
})

test('a store that is gone is no refusal: its answers count as errors, and the verdict says which', async () => {
  const server = await startRedis()
  const { refused, errors, problems } = await judgeWrong({
    store: server.url,
    meanwhile: () => server.stop(),
  })
  expect(refused).toBe(0)
  expect(errors).toBeGreaterThan(0)
  expect(problems[0]).toMatch(/^\d+ answers are errors: \d+ × 503$/)
})
