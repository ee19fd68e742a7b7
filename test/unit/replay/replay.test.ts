import { describe, expect, it } from 'vitest'
import { MemoryEngine } from '../../../src/engine/memory-engine.js'
import { ImpossibleCostError, LogError, OptionError } from '../../../src/errors.js'
import { compilePolicies, type PoliciesInput } from '../../../src/policy.js'
import { EngineDecider, LogClock } from '../../../src/replay/engine-decider.js'
import type { LogSource } from '../../../src/replay/log-source.js'
import { type ReplayOptions, replay } from '../../../src/replay/replay.js'
import { replayPolicies } from '../../../src/replay/replay-policy.js'
import { type PolicyReport, replayReportSchema } from '../../../src/replay/report.js'

/** A line of a log, so many seconds after 10:05. */
function line(
  second: number,
  { ip = '203.0.113.5', path = '/', user = '-', agent = 'curl/8.5' } = {},
): string {
  const time = `17/May/2015:10:${String(5 + Math.floor(second / 60)).padStart(2, '0')}:${String(second % 60).padStart(2, '0')}`
  return `${ip} - ${user} [${time} +0000] "GET ${path} HTTP/1.1" 200 5 "-" "${agent}"`
}

function source(lines: readonly string[], chunkBytes = 1000): LogSource {
  async function* chunks(): AsyncGenerator<Buffer> {
    const bytes = Buffer.from(lines.join('\n'))
    for (let start = 0; start < bytes.length; start += chunkBytes)
      yield bytes.subarray(start, start + chunkBytes)
  }
  return { name: 'test.log', chunks: chunks() }
}

async function run(
  lines: readonly string[],
  policies: PoliciesInput,
  options: Partial<ReplayOptions> & { by?: readonly string[]; chunkBytes?: number } = {},
) {
  const { by = ['ip'], chunkBytes, ...rest } = options
  const clock = new LogClock()
  const report = await replay(source(lines, chunkBytes), {
    policies: replayPolicies(compilePolicies(policies), by),
    decider: new EngineDecider(new MemoryEngine({ clock }), clock),
    reorderUs: 60_000_000,
    cost: 1,
    topCount: 10,
    ...rest,
  })
  expect(replayReportSchema.parse(report)).toEqual(report)
  return { ...report, first: report.policies[0] as PolicyReport }
}

describe('a replay', () => {
  it('tells who would have been refused, how often, and how long they would have waited', async () => {
    const busy = Array.from({ length: 5 }, (_, second) => line(second))
    const quiet = [line(3, { ip: '2001:db8::1' }), line(70)]
    const { first, log } = await run([...busy, ...quiet], {
      perIp: { limit: 3, window: '1m', algorithm: 'fixed_window' },
    })
    expect(log).toMatchObject({ format: 'combined', requests: 7, from: '2015-05-17T10:05:00.000Z' })
    expect(first).toMatchObject({
      name: 'perIp',
      by: ['ip'],
      requests: 7,
      allowed: 5,
      refused: 2,
      refusedShare: 0.285714,
      subjects: 2,
      limitedSubjects: 1,
      longestWaitMs: 57_000,
    })
    expect(first.top).toEqual([
      {
        subject: { ip: '203.0.113.5' },
        requests: 6,
        refused: 2,
        refusedShare: 0.333333,
        longestWaitMs: 57_000,
        first: '2015-05-17T10:05:00.000Z',
        last: '2015-05-17T10:06:10.000Z',
      },
    ])
  })

  it('counts allowed and refused over time', async () => {
    const { first, bucketMs } = await run([line(0), line(0), line(0), line(2)], { perIp: '2/h' })
    expect(bucketMs).toBe(1000)
    expect(first.timeline).toEqual([
      { from: '2015-05-17T10:05:00.000Z', allowed: 2, refused: 1 },
      { from: '2015-05-17T10:05:01.000Z', allowed: 0, refused: 0 },
      { from: '2015-05-17T10:05:02.000Z', allowed: 0, refused: 1 },
    ])
  })

  it('lets every policy decide every request, so that a refusal by one spares no budget of another', async () => {
    const lines = [line(0), line(0), line(0), line(0)]
    const { policies } = await run(lines, { strict: '1/h', lax: '3/h' })
    expect(policies.map(({ name, refused }) => [name, refused])).toEqual([
      ['strict', 3],
      ['lax', 1],
    ])
  })

  it('takes the limits of one policy as one request, as a limiter does', async () => {
    const lines = [line(0), line(0), line(1), line(2)]
    const { first } = await run(lines, {
      perIp: [
        { limit: 1, window: '1s', algorithm: 'fixed_window' },
        { limit: 3, window: '1h', algorithm: 'fixed_window' },
      ],
    })
    // The second line is refused by the first limit and so takes nothing from the other one.
    expect(first.refused).toBe(1)
    expect(first.limits).toHaveLength(2)
  })

  it('counts by several parts, each combination apart', async () => {
    const lines = [
      line(0),
      line(0, { path: '/b?x=1' }),
      line(0, { path: '/b?x=2' }),
      line(0, { ip: '192.0.2.1' }),
    ]
    const { first } = await run(lines, { perPage: '1/h' }, { by: ['ip', 'path'] })
    expect(first).toMatchObject({ subjects: 3, refused: 1 })
    expect(first.top[0]?.subject).toEqual({ ip: '203.0.113.5', path: '/b' })
  })

  it('prefers what a policy says it counts by', async () => {
    const { policies } = await run([line(0), line(0, { agent: 'wget/1' })], {
      perAgent: { limit: 9, window: '1m', by: 'user-agent' },
      other: '9/m',
    })
    expect(policies.map(({ by, subjects }) => [by, subjects])).toEqual([
      [['user-agent'], 2],
      [['ip'], 1],
    ])
  })

  it('leaves requests out of a policy that lack what it counts by, and says how many', async () => {
    const { first } = await run([line(0), line(0, { user: 'ada' })], { perUser: '1/h' }, { by: ['user'] })
    expect(first).toMatchObject({ requests: 1, withoutSubject: 1, subjects: 1 })
  })

  it('takes the cost it is told', async () => {
    const { first, cost } = await run([line(0), line(0)], { perIp: '5/h' }, { cost: 3 })
    expect({ cost, refused: first.refused }).toEqual({ cost: 3, refused: 1 })
    await expect(run([line(0)], { perIp: '5/h' }, { cost: 6 })).rejects.toThrow(ImpossibleCostError)
  })

  it('tells delays of a bucket that shapes', async () => {
    const { first } = await run([line(0), line(0), line(0)], {
      perIp: { limit: 60, window: '1m', burst: 2, algorithm: 'leaky_bucket', mode: 'shape' },
    })
    expect(first).toMatchObject({ allowed: 2, refused: 1, delayed: 1, longestDelayMs: 1000 })
  })

  it('decides a quota by the calendar of the log', async () => {
    const months = [
      '{"time":"2015-05-31T23:59:59Z","ip":"a"}',
      '{"time":"2015-05-31T23:59:59Z","ip":"a"}',
      '{"time":"2015-06-01T00:00:00Z","ip":"a"}',
    ]
    const { first } = await run(months, { monthly: { algorithm: 'quota', limit: 1, period: 'month' } })
    expect(first).toMatchObject({ refused: 1, longestWaitMs: 1000 })
    expect(first.limits).toEqual([
      { algorithm: 'quota', limit: 1, windowMs: null, period: 'month', burst: null },
    ])
  })

  it('refuses to replay what a log cannot tell', async () => {
    const held: PoliciesInput = { held: { algorithm: 'concurrency', limit: 3 } }
    await expect(run([line(0)], held)).rejects.toThrow(/'concurrency' cannot be replayed/)
    const failure = run([line(0)], { perTenant: '1/h' }, { by: ['tenant'] })
    await expect(failure).rejects.toThrow(OptionError)
    await expect(failure).rejects.toThrow(
      /policy 'perTenant' counts by 'tenant', which a log in the combined format/,
    )
  })

  it('lists as many subjects as it is told, the most refused first, in one order for all', async () => {
    const lines = ['192.0.2.9', '192.0.2.1', '192.0.2.5'].flatMap(ip => [line(0, { ip }), line(0, { ip })])
    lines.push(line(0, { ip: '192.0.2.5' }))
    const { first } = await run(lines, { perIp: '1/h' }, { topCount: 2 })
    expect(first.limitedSubjects).toBe(3)
    expect(first.top.map(({ subject }) => subject.ip)).toEqual(['192.0.2.5', '192.0.2.1'])
  })
})

describe('a log that is not clean', () => {
  it('costs no request: malformed lines are counted, with their reasons and first lines', async () => {
    const lines = ['# comment', line(0), '', 'nonsense', line(1), '   ', `${'x'.repeat(70_000)}`]
    const { log, first } = await run(lines, { perIp: '1/h' })
    expect(first.requests).toBe(2)
    expect(log).toMatchObject({
      lines: 7,
      requests: 2,
      blank: 2,
      malformed: {
        lines: 3,
        reasons: [
          { reason: 'no [time] after the client address', lines: 1, firstLines: [1] },
          { reason: 'no client address at the start', lines: 1, firstLines: [4] },
          { reason: 'longer than 65,536 characters', lines: 1, firstLines: [7] },
        ],
      },
    })
  })

  it('keeps ten line numbers of a reason and counts the rest', async () => {
    const { log } = await run([line(0), ...Array(25).fill('nonsense')], { perIp: '1/h' })
    expect(log.malformed.reasons[0]).toMatchObject({
      lines: 25,
      firstLines: [2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
    })
  })

  it('is decided in order of time', async () => {
    const lines = [line(30), line(0), line(31), line(1)]
    const { first, log } = await run(lines, {
      perIp: { limit: 1, window: '10s', algorithm: 'sliding_window' },
    })
    expect(log).toMatchObject({ outOfOrder: 2, late: 0 })
    // 0 s passes, 1 s does not, 30 s passes again, 31 s does not.
    expect(first).toMatchObject({ allowed: 2, refused: 2, longestWaitMs: 9000 })
  })

  it('is decided as it comes without a reorder window, and never under a clock that goes back', async () => {
    const lines = [line(30), line(0), line(31), line(1)]
    const { first, log } = await run(
      lines,
      { perIp: { limit: 1, window: '10s', algorithm: 'sliding_window' } },
      { reorderUs: 0 },
    )
    expect(log).toMatchObject({ outOfOrder: 2, late: 2, longestLateMs: 30_000 })
    expect(first).toMatchObject({ allowed: 1, refused: 3 })
  })

  it('gives the same answer however it comes in pieces', async () => {
    const lines = Array.from({ length: 300 }, (_, index) =>
      line((index * 37) % 200, { ip: `192.0.2.${index % 3}` }),
    )
    const policies: PoliciesInput = { perIp: '10/m', perPath: { limit: 30, window: '1m', by: 'path' } }
    const whole = await run(lines, policies, { chunkBytes: 1e6, reorderUs: 20_000_000 })
    for (const chunkBytes of [1, 7, 100, 4096]) {
      expect(await run(lines, policies, { chunkBytes, reorderUs: 20_000_000 })).toEqual(whole)
    }
  })

  it('is refused when no line is a request', async () => {
    await expect(run(['a poem', 'of two lines'], { perIp: '1/h' })).rejects.toThrow(LogError)
    await expect(run(['a poem'], { perIp: '1/h' }, { format: 'json' })).rejects.toThrow(
      /none of the first 1 lines is a request/,
    )
  })

  it('may be empty', async () => {
    for (const lines of [[], ['', '  ', '']]) {
      const { log, first } = await run(lines, { perIp: '1/h' })
      expect(log).toMatchObject({ requests: 0, format: null, from: null, to: null })
      expect(first).toMatchObject({ requests: 0, refusedShare: 0, top: [], timeline: [] })
    }
  })
})
