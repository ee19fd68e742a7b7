import { describe, expect, test } from 'vitest'
import { decodeState } from '../../../src/cli/key-state.js'
import { EPOCH_2020_US } from '../../../src/core/time.js'

const END_US = 1_790_000_000_000_000

function stored(text: string, blocked: boolean) {
  const block = Buffer.alloc(blocked ? 9 : 0, 'B')
  if (blocked) block.writeDoubleLE(END_US, 1)
  return {
    key: 'sl1:{5b}:perUser:gcra:alice',
    type: 'string',
    ttlMs: 1000,
    bytes: Buffer.concat([block, Buffer.from(text)]),
    members: [],
  }
}

describe('the state of a blocked gcra key', () => {
  test.each([
    ['of sixteen digits as it is', '1697305601600000'],
    ['shorter, behind spaces that fill it up to 8 bytes', '     800'],
    ['of fifteen digits, behind one space', ' 999999999999999'],
  ])('is a number %s', (_, text) => {
    expect(decodeState('gcra', stored(text, true))).toEqual({
      blockedUntilUs: END_US,
      fields: [
        expect.objectContaining({ name: 'arrivalUs', value: EPOCH_2020_US + Math.ceil(Number(text) / 8) }),
      ],
    })
  })

  test('is foreign when spaces stand before it without a block', () => {
    expect(decodeState('gcra', stored('     800', false))).toBeUndefined()
  })
})
