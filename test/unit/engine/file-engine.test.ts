import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { Op, Status } from '../../../src/core/step.js'
import { systemClock } from '../../../src/core/time.js'
import type { Limit } from '../../../src/policy.js'
import { FileHarness, remaining } from './file-harness.js'
import { checkOf, DAY_US, limitOf, MINUTE_US, perYear, SECOND_US, StandingClock } from './limits.js'

const files = new FileHarness()

const limits = [
  limitOf('gcra', { algorithm: 'gcra', limit: 10, windowUs: DAY_US }),
  limitOf('fixed', { algorithm: 'fixed_window', limit: 10, windowUs: DAY_US }),
  limitOf('token', { algorithm: 'token_bucket', limit: 10, windowUs: DAY_US }),
  limitOf('leaky', { algorithm: 'leaky_bucket', limit: 10, windowUs: DAY_US }),
  limitOf('counter', { algorithm: 'sliding_counter', limit: 10, windowUs: DAY_US }),
  limitOf('log', { algorithm: 'sliding_window', limit: 10, windowUs: DAY_US }),
  limitOf('quota', { algorithm: 'quota', limit: 10, period: 'day' }),
  limitOf('held', { algorithm: 'concurrency', limit: 10, leaseUs: DAY_US }),
]

describe('A9: an engine that is closed and opened again', () => {
  test.each(limits.map(limit => [limit.plan.algorithm, limit] as const))(
    'answers as if it had never been closed: %s',
    async (_, limit) => {
      const first = files.open()
      const twin = files.open({ path: join(files.folder, 'twin.json') })
      for (const engine of [first, twin]) {
        files.clock.us = new StandingClock().us
        engine.decideSync([checkOf(limit, 'ada', { n: 3, leaseId: 'one' })])
        files.clock.us += MINUTE_US
        engine.decideSync([checkOf(limit, 'ada', { n: 2, leaseId: 'two' })])
        engine.decideSync([checkOf(limit, 'Zoë "quoted" \n \u0000', { n: 10, leaseId: 'one' })])
      }
      await first.close()
      const second = files.open()
      for (const pauseUs of [0, MINUTE_US, 30 * MINUTE_US, DAY_US]) {
        files.clock.us += pauseUs
        for (const subject of ['ada', 'Zoë "quoted" \n \u0000']) {
          const request = [checkOf(limit, subject, { n: 4, leaseId: 'three' })]
          expect(second.decideSync(request)).toEqual(twin.decideSync(request))
        }
      }
      expect(files.warnings).toEqual([])
    },
  )

  test('counts the time in between as elapsed', async () => {
    const limit = limits[0] as Limit
    const first = files.open()
    first.decideSync([checkOf(limit, 'ada', { n: 10 })])
    await first.close()
    files.clock.us += DAY_US / 2
    const second = files.open()
    expect(remaining(second, limit, 'ada')).toBe(5)
    await second.close()
    files.clock.us += DAY_US
    expect(files.open().stats().keys).toBe(0)
  })

  test('keeps blocks, over a state and alone', async () => {
    const limit = limits[1] as Limit
    const first = files.open()
    first.decideSync([checkOf(limit, 'ada', { n: 3 })])
    for (const subject of ['ada', 'grace']) {
      first.decideSync([checkOf(limit, subject, { op: Op.block, n: MINUTE_US })])
    }
    await first.close()
    files.clock.us += SECOND_US
    const second = files.open()
    for (const subject of ['ada', 'grace']) {
      expect(second.decideSync([checkOf(limit, subject)]).checks[0]).toMatchObject({
        status: Status.blocked,
        waitUs: MINUTE_US - SECOND_US,
      })
    }
    files.clock.us += MINUTE_US
    expect([remaining(second, limit, 'ada'), remaining(second, limit, 'grace')]).toEqual([7, 10])
  })

  test('keeps the counters of a policy that was away for a run', async () => {
    const [gcra, fixed] = limits as [Limit, Limit]
    const first = files.open()
    first.decideSync([checkOf(gcra, 'ada'), checkOf(fixed, 'ada')])
    await first.close()
    const second = files.open()
    second.decideSync([checkOf(fixed, 'ada')])
    await second.close()
    const third = files.open()
    expect([remaining(third, gcra, 'ada'), remaining(third, fixed, 'ada')]).toEqual([9, 8])
  })

  test('holds no more than maxKeys, whatever the snapshot has', async () => {
    const first = files.open()
    for (let i = 0; i < 50; i++) first.decideSync([checkOf(limits[1] as Limit, `subject ${i}`)])
    await first.close()
    expect(files.open({ maxKeys: 20 }).stats().keys).toBe(20)
  })
})

describe('A9: a snapshot', () => {
  test('is saved some time after a change, without being asked, and not again without a change', async () => {
    const engine = files.open({ intervalMs: 1 })
    engine.decideSync([checkOf(perYear, 'ada')])
    while (!readdirSync(files.folder).includes('limits.json')) await sleep(1)
    const { length } = readFileSync(files.path)
    expect(length).toBeGreaterThan(0)
    writeFileSync(files.path, '')
    engine.decideSync([checkOf(perYear, 'ada', { op: Op.peek })])
    await engine.close()
    expect(readFileSync(files.path)).toHaveLength(0)
  })

  test('holds what was decided before it was asked for', async () => {
    const engine = files.open()
    engine.decideSync([checkOf(perYear, 'ada')])
    await engine.save()
    expect(readFileSync(files.path, 'utf8')).toContain('"ada"')
  })

  test('that cannot be saved leaves the one before it, warns once, and is tried again', async () => {
    const engine = files.open({ intervalMs: 1 })
    engine.decideSync([checkOf(perYear, 'ada')])
    await engine.save()
    const before = readFileSync(files.path)
    mkdirSync(`${files.path}.tmp`)
    engine.decideSync([checkOf(perYear, 'ada')])
    await expect(engine.save()).rejects.toMatchObject({ code: 'ERR_SLUICE_SNAPSHOT', path: engine.path })
    expect(readFileSync(files.path)).toEqual(before)
    while (files.warnings.length === 0) await sleep(1)
    await sleep(20)
    expect(files.warnings).toEqual([
      expect.stringMatching(/limits.json cannot be saved: EISDIR.*; it is tried again/),
    ])
    rmSync(`${files.path}.tmp`, { recursive: true })
    while (readFileSync(files.path).equals(before)) await sleep(1)
  })

  test('that does not fit on the disk leaves the one before it', async () => {
    const first = files.open()
    first.decideSync([checkOf(perYear, 'ada')])
    await first.close()
    const before = readFileSync(files.path)
    // The system refuses to let any file of this process grow beyond 8 KiB, in the middle of a write.
    const shell = spawn('bash', [
      '-c',
      'ulimit -f 8; exec "$0" "$@"',
      process.execPath,
      ...files.program('file-counter.ts'),
    ])
    const errors = shell.stderr.setEncoding('utf8').toArray()
    const [code] = await once(shell, 'exit')
    expect(code).toBe(1)
    expect((await errors).join('')).toMatch(/limits.json cannot be saved: EFBIG/)
    expect(readFileSync(files.path).subarray(0, 40)).toEqual(before.subarray(0, 40))
    expect(files.open().stats().keys).toBeGreaterThan(0)
    expect(files.warnings).toEqual([])
  })

  test('that could not be saved is saved by close, even when it fails as the engine is being closed', async () => {
    const engine = files.open()
    engine.decideSync([checkOf(perYear, 'ada')])
    // The first write finds no space left; what it leaves is removed, so the second does.
    symlinkSync('/dev/full', `${files.path}.tmp`)
    const saved = engine.save()
    const closed = engine.close()
    await expect(saved).rejects.toMatchObject({ code: 'ERR_SLUICE_SNAPSHOT' })
    await closed
    expect(remaining(files.open(), perYear, 'ada')).toBe(999_999)
  })

  test('that close cannot save makes close reject, and the file is free all the same', async () => {
    const engine = files.open()
    engine.decideSync([checkOf(perYear, 'ada')])
    // Everything written to it finds no space left.
    symlinkSync('/dev/full', `${files.path}.tmp`)
    await expect(engine.close()).rejects.toMatchObject({
      code: 'ERR_SLUICE_SNAPSHOT',
      message: expect.stringContaining('ENOSPC'),
    })
    expect(() => engine.decideSync([checkOf(perYear, 'ada')])).toThrow(
      expect.objectContaining({ code: 'ERR_SLUICE_CLOSED' }),
    )
    expect(files.open().stats().keys).toBe(0)
  })

  test('is not asked for by what changes nothing: looks and refusals', async () => {
    const limit = limits[0] as Limit
    const engine = files.open()
    engine.decideSync([checkOf(limit, 'ada', { n: 10 })])
    await engine.save()
    rmSync(files.path)
    engine.decideSync([checkOf(limit, 'ada'), checkOf(perYear, 'ada')])
    engine.decideOne(limit, limit.plan, 'ada', Op.consume, 1, 0)
    engine.decideOne(limit, limit.plan, 'ada', Op.peek, 1, 0)
    await engine.close()
    expect(readdirSync(files.folder)).toEqual([])
  })

  test('can be read when thousands of keys in a row have ended', async () => {
    const brief = limitOf('brief', { algorithm: 'fixed_window', limit: 2, windowUs: SECOND_US })
    const first = files.open()
    for (let i = 0; i < 3_000; i++) first.decideSync([checkOf(brief, `subject ${i}`)])
    first.decideSync([checkOf(perYear, 'ada')])
    files.clock.us += MINUTE_US
    await first.close()
    const second = files.open()
    expect(second.stats().keys).toBe(1)
    expect(remaining(second, perYear, 'ada')).toBe(999_999)
  })

  test('has each key as it was at one instant while others are counted meanwhile', async () => {
    const first = files.open()
    for (let i = 0; i < 5_000; i++) first.decideSync([checkOf(perYear, `subject ${i}`)])
    const saved = first.save()
    await sleep(1)
    for (let i = 0; i < 5_000; i++) first.decideSync([checkOf(perYear, `subject ${i}`)])
    first.decideSync([checkOf(perYear, 'subject 7', { op: Op.reset })])
    await saved
    await first.close()
    const second = files.open()
    expect(second.stats().keys).toBe(4_999)
    expect(remaining(second, perYear, 'subject 8')).toBe(999_998)
  })

  test('can be read by nobody but its owner, for subjects may be addresses of people', async () => {
    const engine = files.open()
    engine.decideSync([checkOf(perYear, 'ada')])
    await engine.close()
    expect(statSync(files.path).mode & 0o777).toBe(0o600)
  })

  test('replaces the file that a symbolic link names, not the link', async () => {
    const link = join(files.folder, 'link.json')
    const first = files.open()
    first.decideSync([checkOf(perYear, 'ada')])
    await first.close()
    symlinkSync(files.path, link)
    const second = files.open({ path: link })
    second.decideSync([checkOf(perYear, 'grace')])
    await second.close()
    expect(readFileSync(files.path, 'utf8')).toContain('"grace"')
  })
})

describe('options', () => {
  test('that cannot be accepted are named', () => {
    expect(() => files.open({ path: '', intervalMs: 0 })).toThrow(
      /path[\s\S]*intervalMs|intervalMs[\s\S]*path/,
    )
    expect(() => files.open({ pathh: 'x' } as never)).toThrow('pathh')
  })

  test('a folder that is missing is an error with the reason', () => {
    expect(() => files.open({ path: join(files.folder, 'missing', 'limits.json') })).toThrow(
      expect.objectContaining({
        code: 'ERR_SLUICE_SNAPSHOT',
        message: expect.stringMatching(/missing\/limits.json cannot be opened: ENOENT/),
      }),
    )
  })

  test('a folder that cannot be written in is an error with the reason', () => {
    chmodSync(files.folder, 0o555)
    // Nothing is forbidden to root, so this is told of another user.
    const isRoot = process.geteuid?.() === 0
    if (isRoot) process.seteuid?.(65_534)
    try {
      expect(() => files.open()).toThrow(
        expect.objectContaining({
          code: 'ERR_SLUICE_SNAPSHOT',
          message: expect.stringMatching(/limits.json cannot be (locked|opened): EACCES/),
        }),
      )
    } finally {
      if (isRoot) process.seteuid?.(0)
      chmodSync(files.folder, 0o755)
    }
  })
})

test('an engine that has something to save keeps no process alive, and its lock is free for the next', async () => {
  const child = spawn(process.execPath, files.program('file-leaver.ts'), { stdio: 'inherit' })
  expect(await once(child, 'exit')).toEqual([0, null])
  expect(readdirSync(files.folder)).toEqual(['limits.json', 'limits.json.lock'])
  expect(remaining(files.open({ clock: systemClock }), perYear, 'ada')).toBe(999_999)
})
