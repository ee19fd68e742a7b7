import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { FakeClock } from '../../../src/testing/fake-clock.js'
import { breakerOf, times } from './breaker-harness.js'

let folder: string
let path: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-breaker-'))
  path = join(folder, 'circuits.json')
})
afterEach(() => rmSync(folder, { recursive: true }))

describe('B6: circuits in a file', () => {
  test('are open after a restart for as long as they were to be, and the time between counts', async () => {
    const clock = new FakeClock()
    const first = breakerOf({ store: `file:${path}`, clock })
    await times(5, first.fail)
    await first.breaker.close()
    await clock.advance('10s')
    const second = breakerOf({ store: { file: path, interval: '5s' }, clock })
    expect(await second.breaker.state('api')).toMatchObject({ state: 'open', retryAfterMs: 20_000 })
    expect(await second.succeed()).toBe('refused')
    await clock.advance('20s')
    expect(await second.succeed()).toBe('passed')
    await second.breaker.close()
  })

  test('that were half-open let a probe out at once: those of before ended with their process', async () => {
    const clock = new FakeClock()
    const first = breakerOf({ store: `file:${path}`, clock })
    await times(5, first.fail)
    await clock.advance('30s')
    await first.breaker.permit('api')
    await first.breaker.close()
    const second = breakerOf({ store: `file:${path}`, clock })
    expect(await times(3, second.succeed)).toEqual(['passed', 'passed', 'passed'])
    expect(await second.stateOf()).toBe('closed')
    await second.breaker.close()
  })

  test('keep failures that did not suffice, and orders', async () => {
    const clock = new FakeClock()
    const first = breakerOf({ store: `file:${path}`, clock })
    await times(4, () => first.fail('weak'))
    await first.breaker.forceOpen('held')
    await first.breaker.close()
    const second = breakerOf({ store: `file:${path}`, clock })
    expect(await second.succeed('held')).toBe('refused')
    await second.fail('weak')
    expect(await second.stateOf('weak')).toBe('open')
    await second.breaker.close()
  })

  test('are saved some time after a change, without a word', async () => {
    const clock = new FakeClock()
    const { breaker, fail } = breakerOf({ store: `file:${path}`, clock })
    await times(5, fail)
    expect(readdirSync(folder)).toEqual(['circuits.json.lock'])
    await clock.advance('1s')
    await breaker.flush()
    expect(readFileSync(path, 'utf8')).toContain('"sluice-circuits"')
    await breaker.close()
    expect(readdirSync(folder)).toEqual(['circuits.json'])
  })

  test.each([
    ['cut off', () => truncateSync(path, 40)],
    ['of another kind', () => writeFileSync(path, 'hello')],
    ['changed', () => writeFileSync(path, readFileSync(path, 'utf8').replace('api', 'apo'))],
  ])('are all closed when the file is %s, which is set aside with a warning', async (_, damage) => {
    const first = breakerOf({ store: `file:${path}` })
    await times(5, first.fail)
    await first.breaker.close()
    damage()
    const second = breakerOf({ store: `file:${path}` })
    expect(await second.succeed()).toBe('passed')
    expect(second.warnings).toMatchObject([{ error: { code: 'ERR_SLUICE_SNAPSHOT' } }])
    expect(readdirSync(folder)).toContain('circuits.json.corrupt-1')
    await second.breaker.close()
  })

  test('are for one process: another is refused the file', async () => {
    const { breaker } = breakerOf({ store: `file:${path}` })
    expect(() => breakerOf({ store: `file:${path}` })).toThrow(/is in use by/)
    await breaker.close()
  })
})
