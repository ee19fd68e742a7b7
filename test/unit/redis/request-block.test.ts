import { describe, expect, test } from 'vitest'
import type { GcraPlan } from '../../../src/core/plan.js'
import { Op } from '../../../src/core/step.js'
import type { Check } from '../../../src/engine/engine.js'
import type { Limit } from '../../../src/policy.js'
import { BATCH_CHECKS_MAX, type DecideCall, RequestBlock } from '../../../src/redis/request-block.js'
import { consume, hourly, peek } from '../../support/checks.js'
import { encodeBlock, type WireCheck } from '../../support/decide-block.js'

const FIVE = hourly(5)
const TEN = hourly(10, 'ten')
const NOW_US = 1_700_000_000_000_000
const HEADER_LENGTH = 5
const ROW_LENGTH = 8

const request = (checks: Check[], nowUs = 0) => ({ checks, keys: checks.map(check => check.subject), nowUs })

function write(...requests: Check[][]): DecideCall {
  const block = new RequestBlock()
  for (const checks of requests) expect(block.add(request(checks))).toBe(true)
  return block.take()
}

const numbers = ({ args }: DecideCall): number[] => {
  const bytes = Uint8Array.from(args[0] as Uint8Array)
  return [...new Float64Array(bytes.buffer)]
}

const columns = (call: DecideCall): number[] => {
  const [, , plans = 0] = numbers(call)
  return numbers(call).slice(HEADER_LENGTH + ROW_LENGTH * plans)
}

describe('a block', () => {
  test('of requests of every kind is what the contract says', () => {
    const requests = [
      [consume(FIVE, 'a')],
      [consume(FIVE, 'b', 3), peek(TEN, 'b')],
      [{ ...consume(TEN, 'c', 2), op: Op.refund, at: NOW_US }],
    ]
    const call = write(...requests)
    expect(call.keys).toEqual(['a', 'b', 'b', 'c'])
    expect(call.args).toEqual([encodeBlock(0, requests as WireCheck[][])])
  })

  test('has a row for each plan, not for each check', () => {
    const call = write([consume(FIVE, 'a')], [consume(TEN, 'a')], [consume(FIVE, 'b')], [consume(TEN, 'b')])
    expect(numbers(call)[2]).toBe(2)
    expect(columns(call)).toEqual([1, 2, 1, 2, 1, 1, 1, 1])
  })

  test('tells an override of a limit by its plan', () => {
    const override: Check = { ...consume(FIVE, 'a'), plan: TEN.plan }
    expect(columns(write([consume(FIVE, 'a')], [override]))).toEqual([1, 2, 1, 1])
  })

  test('names lease ids by their place in ARGV', () => {
    const acquire = (leaseId: string): Check => ({ ...consume(FIVE, 'a'), leaseId })
    const call = write([acquire('x')], [consume(FIVE, 'a')], [acquire('y')])
    expect(call.args.slice(1)).toEqual(['x', 'y'])
    expect(columns(call).slice(9, 12)).toEqual([2, 0, 3])
  })

  test.each<[number, string, Check[]]>([
    [2, 'units alone', [consume(FIVE, 'a', 4)]],
    [3, 'another operation', [peek(FIVE, 'a')]],
    [4, 'a time', [{ ...consume(FIVE, 'a'), op: Op.refund, at: NOW_US }]],
    [5, 'two checks in a request', [consume(FIVE, 'a'), consume(TEN, 'a')]],
  ])('has %i columns for %s', (count, _, checks) => {
    expect(numbers(write([consume(FIVE, 'z')], checks))[4]).toBe(count)
  })

  test('starts anew after it was taken', () => {
    const block = new RequestBlock()
    block.add(request([peek(FIVE, 'a'), peek(TEN, 'a')], NOW_US))
    const first = block.take()
    const kept = numbers(first)
    block.add(request([consume(TEN, 'b')]))
    expect(numbers(block.take())).toEqual([1, 0, 1, 1, 2, ...numbers(write([consume(TEN, 'b')])).slice(5)])
    expect(numbers(first)).toEqual(kept)
  })
})

describe('a request goes into the next batch', () => {
  test('when it was asked at another injected time', () => {
    const block = new RequestBlock()
    expect(block.add(request([consume(FIVE, 'a')], NOW_US))).toBe(true)
    expect(block.add(request([consume(FIVE, 'a')], NOW_US + 1))).toBe(false)
    expect(numbers(block.take())[1]).toBe(NOW_US)
  })

  test('when its checks do not all fit', () => {
    const block = new RequestBlock()
    for (let i = 1; i < BATCH_CHECKS_MAX; i++) block.add(request([consume(FIVE, `s${i}`)]))
    expect(block.add(request([consume(FIVE, 'a'), consume(TEN, 'a')]))).toBe(false)
    expect(block.add(request([consume(FIVE, 'a')]))).toBe(true)
    expect(block.take().keys).toHaveLength(BATCH_CHECKS_MAX)
  })

  test('when the keys are long', () => {
    const block = new RequestBlock()
    const long = 'k'.repeat(40_000)
    expect(block.add(request([consume(FIVE, long)]))).toBe(true)
    expect(block.add(request([consume(FIVE, long)]))).toBe(true)
    expect(block.add(request([consume(FIVE, 'a')]))).toBe(false)
  })
})

test('as many plans as checks fit into one block', () => {
  const block = new RequestBlock()
  for (let i = 0; i < BATCH_CHECKS_MAX; i++) {
    const plan: GcraPlan = {
      algorithm: 'gcra',
      interval: i + 1,
      cap: 1,
      burst: 1,
      debtCap: 1,
      horizon: 1,
      settleUs: 0,
    }
    const limit: Limit = { ...FIVE, plan }
    expect(block.add(request([{ ...consume(limit, 'a'), op: Op.peek, at: 1 }]))).toBe(true)
  }
  const written = numbers(block.take())
  expect(written[2]).toBe(BATCH_CHECKS_MAX)
  expect(written[HEADER_LENGTH + ROW_LENGTH * (BATCH_CHECKS_MAX - 1) + 1]).toBe(BATCH_CHECKS_MAX)
})
