import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ALGORITHMS } from '../../../src/core/plan.js'
import { Op, Status } from '../../../src/core/step.js'
import type { Check, SyncEngine } from '../../../src/engine/engine.js'
import { MemoryEngine } from '../../../src/engine/memory-engine.js'
import { NativeMemoryEngine } from '../../../src/engine/native-memory-engine.js'
import { CheckError, ClosedError, NativeError, OptionError } from '../../../src/errors.js'
import type { Limit, LimitConfig } from '../../../src/policy.js'
import { nativeBinding, withoutNative } from '../../support/native.js'
import { wellFormedText } from '../../support/subjects.js'
import { checkOf, limitOf, MINUTE_US, NOW_US, perYear, SECOND_US, StandingClock } from './limits.js'

const configOf = (algorithm: (typeof ALGORITHMS)[number]): LimitConfig => {
  const limit = 5
  if (algorithm === 'quota') return { algorithm, limit, period: 'day', timeZone: 'UTC' }
  if (algorithm === 'concurrency') return { algorithm, limit, leaseUs: 10 * SECOND_US }
  return { algorithm, limit, windowUs: 10 * SECOND_US }
}

const LIMITS = ALGORITHMS.map(algorithm => limitOf(algorithm, configOf(algorithm)))
const WHOLE_KEY: readonly Op[] = [Op.reset, Op.block, Op.unblock]

describe.skipIf(withoutNative !== undefined)('the native memory engine', () => {
  const open = (clock = new StandingClock(), maxKeys = 1000) =>
    new NativeMemoryEngine(nativeBinding(), { clock, maxKeys })

  const check = fc
    .record({
      limit: fc.constantFrom(...LIMITS),
      who: fc.nat(3),
      op: fc.constantFrom(Op.consume, Op.consume, Op.consume, ...Object.values(Op)),
      n: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 8 }), fc.constantFrom(0, 0.5, 20 * SECOND_US)),
      agoUs: fc.option(fc.nat(10 * SECOND_US), { nil: undefined }),
      leaseId: fc.option(fc.constantFrom('a', 'b', ''), { nil: undefined }),
    })
    .map(drawn => ({ ...drawn, n: drawn.op === Op.block ? drawn.n * SECOND_US : drawn.n }))
  const turn = fc.record({
    pauseUs: fc.oneof(fc.nat(100), fc.nat(SECOND_US), fc.nat(15 * SECOND_US)),
    // Most alone, as most requests are.
    checks: fc.oneof(
      fc.array(check, { minLength: 1, maxLength: 1 }),
      fc.array(check, { minLength: 1, maxLength: 5 }),
    ),
    way: fc.constantFrom('decideOne', 'decideSync', 'decide'),
  })

  test('answers as the one in TypeScript, keys that had to go included', async () => {
    const subjects = fc.uniqueArray(wellFormedText, { minLength: 4, maxLength: 4 })
    const turns = fc.array(turn, { minLength: 1, maxLength: 60, size: 'max' })
    await fc.assert(
      fc.asyncProperty(subjects, turns, fc.constantFrom(3, 1000), async (names, walk, maxKeys) => {
        const clock = new StandingClock()
        const engines = [new MemoryEngine({ clock, maxKeys }), open(clock, maxKeys)] as const
        for (const { pauseUs, checks, way } of walk) {
          clock.us += pauseUs
          const request = checks
            .filter(({ op }, i) => i === 0 || !WHOLE_KEY.includes(op))
            .map(({ limit, who, op, n, agoUs, leaseId }): Check => {
              const at = agoUs === undefined ? 0 : clock.us - agoUs
              const options = leaseId === undefined ? {} : { leaseId }
              return checkOf(limit, names[who] as string, { op, n, at, ...options })
            })
          const [expected, said] = await Promise.all(engines.map(engine => ask(engine, request, way)))
          expect(said).toEqual(expected)
          // How many of the keys that have ended are taken out by which call is each engine's own affair.
          expect(engines[1].stats().evicted).toBe(engines[0].stats().evicted)
        }
      }),
      { numRuns: 200 },
    )
  })

  test('answers what was asked within one turn together, and in its order', async () => {
    const engine = open()
    const order: number[] = []
    const asked = Array.from({ length: 600 }, async (_, i) => {
      const { checks } = await engine.decide([checkOf(perYear, 'ada')])
      order.push(i)
      return checks[0]?.remaining
    })
    expect(order).toEqual([])
    const remaining = await Promise.all(asked)
    expect(remaining).toEqual(remaining.map((_, i) => 999_999 - i))
    expect(order).toEqual(order.toSorted((a, b) => a - b))
  })

  test('decides what waits before what is asked at once', async () => {
    const engine = open()
    const first = engine.decide([checkOf(perYear, 'ada')])
    expect(engine.decideSync([checkOf(perYear, 'ada')]).checks[0]?.remaining).toBe(999_998)
    expect((await first).checks[0]?.remaining).toBe(999_999)
    const second = engine.decide([checkOf(perYear, 'grace')])
    expect(engine.stats().keys).toBe(2)
    await second
  })

  test('decides each request at the time it was asked', async () => {
    const clock = new StandingClock()
    const engine = open(clock)
    const first = engine.decide([checkOf(perYear, 'ada')])
    clock.us += MINUTE_US
    const second = engine.decide([checkOf(perYear, 'ada')])
    expect([(await first).nowUs, (await second).nowUs]).toEqual([NOW_US, NOW_US + MINUTE_US])
  })

  test('takes a subject longer than the memory that checks cross in', async () => {
    const engine = open()
    const long = 'é'.repeat(100_000)
    const waiting = engine.decide([checkOf(perYear, 'ada')])
    const remaining = () => engine.decideSync([checkOf(perYear, long)]).checks[0]?.remaining
    expect([remaining(), remaining()]).toEqual([999_999, 999_998])
    expect((await waiting).checks[0]?.remaining).toBe(999_999)
  })

  test('knows any number of plans', async () => {
    const engine = open(new StandingClock(), 10_000)
    const limits = Array.from({ length: 3000 }, (_, i) =>
      limitOf(`limit ${i}`, { algorithm: 'fixed_window', limit: 10 + i, windowUs: MINUTE_US }, i),
    )
    const left = async (limit: Limit) => (await engine.decide([checkOf(limit, 'ada')])).checks[0]?.remaining
    expect(await Promise.all(limits.map(left))).toEqual(limits.map((_, i) => 9 + i))
    expect(await Promise.all(limits.map(left))).toEqual(limits.map((_, i) => 8 + i))
  })

  test('does not answer once it is closed, and has no keys', async () => {
    const engine = open()
    const asked = engine.decide([checkOf(perYear, 'ada')])
    await engine.close()
    expect((await asked).checks[0]?.status).toBe(Status.allowed)
    expect(() => engine.decideSync([checkOf(perYear, 'ada')])).toThrow(ClosedError)
    await expect(engine.decide([checkOf(perYear, 'ada')])).rejects.toThrow(ClosedError)
    await expect(engine.ready()).rejects.toThrow(ClosedError)
    expect(engine.stats()).toEqual({ keys: 0, maxKeys: 1000, evicted: 0 })
  })

  test('refuses what the one in TypeScript refuses', async () => {
    const clock = new StandingClock()
    const engine = open(clock)
    await expect(engine.decide([])).rejects.toThrow(CheckError)
    expect(() => engine.decideSync(Array.from({ length: 17 }, () => checkOf(perYear, 'ada')))).toThrow(
      CheckError,
    )
    await expect(
      engine.decide([checkOf(perYear, 'ada')], { signal: AbortSignal.abort('gone') }),
    ).rejects.toBe('gone')
    clock.us = 0
    expect(() => engine.decideSync([checkOf(perYear, 'ada')])).toThrow(OptionError)
    expect(() => open(clock, 0)).toThrow(OptionError)
  })
})

/** What an engine says, whichever way it is asked. */
async function ask(engine: SyncEngine, request: readonly Check[], way: string): Promise<unknown> {
  const [first] = request
  if (way === 'decide') return engine.decide(request)
  if (way === 'decideSync' || request.length > 1 || first === undefined) return engine.decideSync(request)
  const { limit, plan, subject, op, n, at, leaseId } = first
  const step = engine.decideOne(limit, plan, subject, op, n, at, leaseId)
  const { status, granted, remaining, waitUs, resetUs } = step
  return { nowUs: engine.lastNowUs, checks: [{ status, granted, remaining, waitUs, resetUs }] }
}

test('a failure in the native module is an error of every call it was about', async () => {
  class Failing {
    attach(): void {}
    define(): void {}
    clear(): void {}
    stats = () => ({ keys: 0, evicted: 0 })
    decider = () => () => {
      throw new Error('panicked at keys.rs:7; its counters start anew')
    }
  }
  const engine = new NativeMemoryEngine({ NativeMemory: Failing }, {})
  const asked = ['ada', 'grace'].map(subject => engine.decide([checkOf(perYear, subject)]))
  for (const call of asked) {
    await expect(call).rejects.toThrow(NativeError)
    await expect(call).rejects.toThrow('panicked at keys.rs:7')
  }
  expect(() => engine.decideSync([checkOf(perYear, 'ada')])).toThrow(NativeError)
})
