import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { crc32 } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { systemClock } from '../../../src/core/time.js'
import { Random } from '../../fuzz/random.js'
import { FileHarness, kill, remaining } from './file-harness.js'
import { checkOf, perYear } from './limits.js'

const files = new FileHarness()

/** The text with the last line that vouches for it. */
const sealed = (text: string): string =>
  `${text}${JSON.stringify({ crc32: crc32(text).toString(16).padStart(8, '0') })}\n`

const header = (version: number): string =>
  `{"format":"sluice-snapshot","version":${version},"savedAtUs":0}\n`

describe('A9: a file that is no whole snapshot', () => {
  test.each([
    ['empty', ''],
    ['something else', 'Dear diary,\n'],
    ['one line without an end', 'x'.repeat(1_000)],
    ['of a later version and damaged', `${header(2)}{"crc32":"00000000"}\n`],
    ['without a limit for its keys', sealed(`${header(1)}[0,"ada",1800000000000000,0,1,2,3]\n`)],
    ['of an algorithm that nobody knows', sealed(`${header(1)}{"limit":"a","algorithm":"magic"}\n`)],
    [
      'with a state of the wrong length',
      sealed(`${header(1)}{"limit":"a","algorithm":"gcra"}\n[0,"ada",1800000000000000,0,1,2,3]\n`),
    ],
  ])('is set aside with a warning: %s', async (_, text) => {
    writeFileSync(files.path, text)
    expect(files.open().stats().keys).toBe(0)
    expect(files.aside()).toEqual(['limits.json.corrupt-1'])
    expect(readFileSync(`${files.path}.corrupt-1`, 'utf8')).toBe(text)
    await Promise.resolve()
    expect(files.warnings).toEqual([
      expect.stringMatching(/limits.json is no snapshot that can be read \(.*\): it was set aside as .*-1,/),
    ])
  })

  test('warns of an error with a code, and not before somebody can listen', async () => {
    writeFileSync(files.path, 'Dear diary,\n')
    const told: unknown[] = []
    files.open({ onWarning: (_, error) => told.push(error) })
    expect(told).toEqual([])
    await Promise.resolve()
    expect(told).toEqual([expect.objectContaining({ code: 'ERR_SLUICE_SNAPSHOT' })])
  })

  test('is set aside under a name that no other file has', async () => {
    for (const text of ['one', 'two', 'three']) {
      writeFileSync(files.path, text)
      await files.open().close()
    }
    const texts = files.aside().map(name => [name, readFileSync(`${files.folder}/${name}`, 'utf8')])
    expect(texts.sort()).toEqual([
      ['limits.json.corrupt-1', 'one'],
      ['limits.json.corrupt-2', 'two'],
      ['limits.json.corrupt-3', 'three'],
    ])
  })

  test('is told from a whole one at whatever byte it is cut off or damaged', async () => {
    const first = files.open()
    for (let i = 0; i < 3; i++) first.decideSync([checkOf(perYear, `subject ${i}`)])
    await first.close()
    const whole = readFileSync(files.path)
    const random = new Random(3)
    const damages = [...whole.keys()].flatMap(place => {
      const flipped = Buffer.from(whole)
      flipped[place] = (flipped[place] as number) ^ (1 << random.below(8))
      return [whole.subarray(0, place), flipped]
    })
    for (const damaged of damages) {
      writeFileSync(files.path, damaged)
      const engine = files.open()
      expect(engine.stats().keys).toBe(0)
      await engine.close()
      rmSync(`${files.path}.corrupt-1`)
    }
    expect(files.warnings).toHaveLength(2 * whole.length)
  })
})

test('a whole snapshot of a later version is refused, and stays where it is', () => {
  const text = sealed(`${header(2)}whatever that version writes\n`)
  writeFileSync(files.path, text)
  for (const _ of ['at first', 'and again, for the lock is given back']) {
    expect(() => files.open()).toThrow(
      expect.objectContaining({
        code: 'ERR_SLUICE_SNAPSHOT',
        message: expect.stringContaining('limits.json cannot be read: it has version 2 of the format'),
      }),
    )
  }
  expect(readFileSync(files.path, 'utf8')).toBe(text)
  expect(files.aside()).toEqual([])
})

test('A9: a process that is killed at any instant leaves a whole snapshot, with all that it had told to be saved', {
  timeout: 60_000,
}, async () => {
  const random = new Random(17)
  for (let round = 0; round < 10; round++) {
    const { child, saved } = await files.startCounter()
    await sleep(random.between(1, 120))
    await kill(child)
    const told = saved()
    const engine = files.open({ clock: systemClock })
    const used = 1_000_000 - remaining(engine, perYear, 'all')
    expect(used).toBeGreaterThanOrEqual(told)
    await engine.close()
    rmSync(files.path)
  }
  expect(files.warnings).toEqual([])
})
