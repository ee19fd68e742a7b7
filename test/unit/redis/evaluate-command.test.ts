import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Command } from 'ioredis'
import { describe, expect, test } from 'vitest'
import { EvaluateCommand } from '../../../src/redis/evaluate-command.js'

const SHA1 = '0123456789abcdef0123456789abcdef01234567'
const BLOCK = Buffer.from([0, 255, 13, 10, 128])

/** What ioredis' own command writes for the same call. */
function writtenByIoredis(keys: string[], args: (string | Buffer)[]): Buffer {
  return Buffer.from(new Command('evalsha', [SHA1, keys.length, ...keys, ...args]).toWritable({}))
}

describe('a script call is written byte for byte as ioredis would write it', () => {
  test.each<[string, string[], (string | Buffer)[]]>([
    ['a key and a block', ['sl1:{a}:perUser:gcra:u1'], [BLOCK]],
    ['a thousand keys', Array.from({ length: 1000 }, (_, i) => `key:${i}`), [BLOCK]],
    ['texts behind the block', ['k'], [BLOCK, 'lease-1', 'lease-2']],
    ['keys alone', ['a', 'b'], []],
    ['no keys', [], [BLOCK]],
    ['a key that is not ASCII', ['schlüssel', '鍵', 'k'], [BLOCK]],
    ['a text that is not ASCII, behind the block', ['k'], [BLOCK, 'Größe']],
    ['a key longer than any prepared header', ['k'.repeat(5000)], [BLOCK]],
  ])('%s', (_, keys, args) => {
    const written = new EvaluateCommand('evalsha', SHA1, keys, args).toWritable()
    expect(written.toString('latin1')).toBe(writtenByIoredis(keys, args).toString('latin1'))
  })

  test('and shows the script alone as its arguments, so that no subject reaches a trace', () => {
    expect(new EvaluateCommand('evalsha', SHA1, ['user:1'], [BLOCK]).args).toEqual([SHA1])
  })
})

/** What V8 takes for old, in bytes. */
const oldBytes = (): number =>
  getHeapSpaceStatistics().find(space => space.space_name === 'old_space')?.space_used_size ?? Number.NaN

test('a command that is over is gone with the next minor collection, and what it held with it', () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as (options: { type: 'minor' }) => void
  const commands = 2_000
  const heldBytes = 8_000
  // Twice, and what was there before is old.
  for (let i = 0; i < 2; i++) collect({ type: 'minor' })
  const beforeBytes = oldBytes()
  let settled = 0
  for (let i = 0; i < commands; i++) {
    const held = new Array<string>(heldBytes / 8).fill(SHA1)
    const command = new EvaluateCommand('evalsha', SHA1, held, [])
    command.resolve([])
    if (command.isSettled) settled++
    if (i % 10 === 0) collect({ type: 'minor' })
  }
  expect(settled).toBe(commands)
  expect(oldBytes() - beforeBytes).toBeLessThan((commands * heldBytes) / 20)
})
