import { describe, expect, test } from 'vitest'
import { Status } from '../../../src/core/step.js'
import { isSluiceError } from '../../../src/errors.js'
import { ReplyReader } from '../../../src/redis/reply.js'

const NOW_US = 1_700_000_000_000_000
const ALLOWED = [1, 1, 4, 0, 12]
const DENIED = [0, 0, 0, 250, 900]

const bytes = (...numbers: number[]): Buffer => Buffer.from(new Float64Array(numbers).buffer)

describe('a reply', () => {
  test('tells each request its own checks, wherever its bytes stand in what was read', () => {
    const reply = Buffer.concat([
      Buffer.from('$1'),
      bytes(1, NOW_US, 3, ...ALLOWED, ...DENIED, ...ALLOWED),
    ]).subarray(2)
    const reader = new ReplyReader()
    reader.read(reply, 3)
    const allowed = { status: Status.allowed, granted: 1, remaining: 4, waitUs: 0, resetUs: 12 }
    const denied = { status: Status.denied, granted: 0, remaining: 0, waitUs: 250, resetUs: 900 }
    expect(reader.outcome(0, 1)).toEqual({ nowUs: NOW_US, checks: [allowed] })
    expect(reader.outcome(1, 2)).toEqual({ nowUs: NOW_US, checks: [denied, allowed] })
  })

  test.each<[string, unknown]>([
    ['a text', 'OK'],
    ['null', null],
    ['a list', [1, 2, 3]],
    ['no bytes', Buffer.alloc(0)],
    ['a byte too many', Buffer.concat([bytes(1, NOW_US, 1, ...ALLOWED), Buffer.alloc(1)])],
    ['a check too few', bytes(1, NOW_US, 1)],
    ['a check too many', bytes(1, NOW_US, 2, ...ALLOWED, ...ALLOWED)],
    ['another version', bytes(2, NOW_US, 1, ...ALLOWED)],
    ['another count', bytes(1, NOW_US, 2, ...ALLOWED)],
    ['a time before Redis', bytes(1, 5, 1, ...ALLOWED)],
    ['a fraction of a time', bytes(1, NOW_US + 0.5, 1, ...ALLOWED)],
    ['a status that does not exist', bytes(1, NOW_US, 1, 3, 0, 0, 0, 0)],
    ['an error that does not exist', bytes(1, NOW_US, 1, -6, 0, 0, 0, 0)],
    ['a negative number', bytes(1, NOW_US, 1, 1, 1, -1, 0, 0)],
    ['a fraction', bytes(1, NOW_US, 1, 1, 1, 1, 0.5, 0)],
    ['no number', bytes(1, NOW_US, 1, 1, 1, 1, Number.NaN, 0)],
    ['an infinite one', bytes(1, NOW_US, 1, 1, 1, 1, 0, Number.POSITIVE_INFINITY)],
  ])('that is %s is an error, never a decision', (_, reply) => {
    try {
      new ReplyReader().read(reply, 1)
      expect.unreachable()
    } catch (error) {
      expect(isSluiceError(error, 'ERR_SLUICE_PROTOCOL')).toBe(true)
    }
  })
})
