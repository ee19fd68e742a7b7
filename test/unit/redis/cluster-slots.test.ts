import keySlot from 'cluster-key-slot'
import { describe, expect, test } from 'vitest'
import { readRedirect, readSlots, slotOf } from '../../../src/redis/cluster-slots.js'

const asked = { host: '10.0.0.9', port: 7000 }

describe('the reply of CLUSTER SLOTS', () => {
  test('tells the master and the replicas of each range', () => {
    const reply = [
      [0, 5460, ['10.0.0.1', 7000, 'id1', []], ['10.0.0.4', 7000, 'id4', []]],
      [5461, 16383, ['10.0.0.2', 7001, 'id2']],
    ]
    expect(readSlots(reply, asked)).toEqual([
      {
        from: 0,
        to: 5460,
        master: { host: '10.0.0.1', port: 7000 },
        replicas: [{ host: '10.0.0.4', port: 7000 }],
      },
      { from: 5461, to: 16383, master: { host: '10.0.0.2', port: 7001 }, replicas: [] },
    ])
  })

  test.each([null, '', '?'])('that names a node %j means the host that was asked', host => {
    expect(readSlots([[0, 1, [host, 7002, 'id']]], asked)?.[0]?.master).toEqual({
      host: '10.0.0.9',
      port: 7002,
    })
  })

  test.each([['OK'], [undefined], [[[0]]], [[[0, 16384, ['h', 1]]]], [[[0, 1, ['h', '1']]]]])(
    '%j is none',
    reply => {
      expect(readSlots(reply, asked)).toBeUndefined()
    },
  )
})

describe('a redirect', () => {
  test.each([
    ['MOVED 3999 127.0.0.1:6381', 3999, '127.0.0.1', 6381],
    ['ASK 3999 redis-3.example:6381', 3999, 'redis-3.example', 6381],
    ['MOVED 1 2001:db8::1:7000', 1, '2001:db8::1', 7000],
    ['MOVED 1 :7000', 1, '10.0.0.9', 7000],
    ['MOVED 1 ?:7000', 1, '10.0.0.9', 7000],
  ])('%s', (reply, slot, host, port) => {
    expect(readRedirect(reply, asked)).toEqual({ slot, to: { host, port } })
  })

  test.each(['TRYAGAIN Multiple keys request during rehashing of slot', 'MOVED 1', 'ERR no'])(
    '%s is none',
    reply => {
      expect(readRedirect(reply, asked)).toBeUndefined()
    },
  )
})

test.each([
  'sl1:{5b}:p:gcra:u',
  'sl1:{5b}:p:gcra:v',
  'plain',
  '{}plain',
  'a{b{c}d}',
  '{a',
  'a}b{c}',
  'x{}{y}',
])('the slot of %s is that of Redis Cluster, and the same the second time', key => {
  expect(slotOf(key)).toBe(keySlot(key))
  expect(slotOf(key)).toBe(keySlot(key))
})
