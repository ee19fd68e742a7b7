import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Op, Status } from '../../../src/core/step.js'
import { systemClock } from '../../../src/core/time.js'
import { FileEngine, type FileEngineOptions } from '../../../src/engine/file-engine.js'
import type { Limit } from '../../../src/policy.js'
import { Random } from '../../fuzz/random.js'
import { checkOf, DAY_US, limitOf, MINUTE_US, perYear, SECOND_US, StandingClock } from './limits.js'

const NEVER_MS = 1_000_000_000

let folder: string
let path: string
let clock: StandingClock
let warnings: string[]
let opened: FileEngine[]
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-file-'))
  path = join(folder, 'limits.json')
  clock = new StandingClock()
  warnings = []
  opened = []
})
afterEach(async () => {
  await Promise.allSettled(opened.map(engine => engine.close()))
  rmSync(folder, { recursive: true, force: true })
})

function open(options: Partial<FileEngineOptions> = {}): FileEngine {
  const onWarning = (message: string) => warnings.push(message)
  const engine = new FileEngine({ path, clock, intervalMs: NEVER_MS, onWarning, ...options })
  opened.push(engine)
  return engine
}

const remaining = (engine: FileEngine, limit: Limit, subject: string) =>
  engine.decideSync([checkOf(limit, subject, { op: Op.peek })]).checks[0]?.remaining

describe('an engine that is closed and opened again', () => {
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

  test.each(limits.map(limit => [limit.plan.algorithm, limit] as const))(
    'answers as if it had never been closed: %s',
    async (_, limit) => {
      const first = open()
      const twin = open({ path: join(folder, 'twin.json') })
      for (const engine of [first, twin]) {
        clock.us = new StandingClock().us
        engine.decideSync([checkOf(limit, 'ada', { n: 3, leaseId: 'one' })])
        clock.us += MINUTE_US
        engine.decideSync([checkOf(limit, 'ada', { n: 2, leaseId: 'two' })])
        engine.decideSync([checkOf(limit, 'Zoë "quoted" \n \u0000', { n: 10, leaseId: 'one' })])
      }
      await first.close()
      const second = open()
      for (const pauseUs of [0, MINUTE_US, 30 * MINUTE_US, DAY_US]) {
        clock.us += pauseUs
        for (const subject of ['ada', 'Zoë "quoted" \n \u0000']) {
          const request = [checkOf(limit, subject, { n: 4, leaseId: 'three' })]
          expect(second.decideSync(request)).toEqual(twin.decideSync(request))
        }
      }
      expect(warnings).toEqual([])
    },
  )

  test('counts the time in between as elapsed', async () => {
    const limit = limits[0] as Limit
    const first = open()
    first.decideSync([checkOf(limit, 'ada', { n: 10 })])
    await first.close()
    clock.us += DAY_US / 2
    const second = open()
    expect(remaining(second, limit, 'ada')).toBe(5)
    await second.close()
    clock.us += DAY_US
    expect(open().stats().keys).toBe(0)
  })

  test('keeps blocks, over a state and alone', async () => {
    const limit = limits[1] as Limit
    const first = open()
    first.decideSync([checkOf(limit, 'ada', { n: 3 })])
    for (const subject of ['ada', 'grace']) {
      first.decideSync([checkOf(limit, subject, { op: Op.block, n: MINUTE_US })])
    }
    await first.close()
    clock.us += SECOND_US
    const second = open()
    for (const subject of ['ada', 'grace']) {
      expect(second.decideSync([checkOf(limit, subject)]).checks[0]).toMatchObject({
        status: Status.blocked,
        waitUs: MINUTE_US - SECOND_US,
      })
    }
    clock.us += MINUTE_US
    expect([remaining(second, limit, 'ada'), remaining(second, limit, 'grace')]).toEqual([7, 10])
  })

  test('keeps the counters of a policy that was away for a run', async () => {
    const [gcra, fixed] = limits as [Limit, Limit]
    const first = open()
    first.decideSync([checkOf(gcra, 'ada'), checkOf(fixed, 'ada')])
    await first.close()
    const second = open()
    second.decideSync([checkOf(fixed, 'ada')])
    await second.close()
    const third = open()
    expect([remaining(third, gcra, 'ada'), remaining(third, fixed, 'ada')]).toEqual([9, 8])
  })

  test('holds no more than maxKeys, whatever the snapshot has', async () => {
    const first = open()
    for (let i = 0; i < 50; i++) first.decideSync([checkOf(limits[1] as Limit, `subject ${i}`)])
    await first.close()
    expect(open({ maxKeys: 20 }).stats().keys).toBe(20)
  })
})

describe('a snapshot', () => {
  test('is saved some time after a change, without being asked, and not again without a change', async () => {
    const engine = open({ intervalMs: 1 })
    engine.decideSync([checkOf(perYear, 'ada')])
    while (!readdirSync(folder).includes('limits.json')) await sleep(1)
    const { length } = readFileSync(path)
    expect(length).toBeGreaterThan(0)
    writeFileSync(path, '')
    engine.decideSync([checkOf(perYear, 'ada', { op: Op.peek })])
    await engine.close()
    expect(readFileSync(path)).toHaveLength(0)
  })

  test('holds what was decided before it was asked for', async () => {
    const engine = open()
    engine.decideSync([checkOf(perYear, 'ada')])
    await engine.save()
    expect(readFileSync(path, 'utf8')).toContain('"ada"')
  })

  test('that cannot be saved leaves the one before it, warns once, and is tried again', async () => {
    const engine = open({ intervalMs: 1 })
    engine.decideSync([checkOf(perYear, 'ada')])
    await engine.save()
    const before = readFileSync(path)
    mkdirSync(`${path}.tmp`)
    engine.decideSync([checkOf(perYear, 'ada')])
    await expect(engine.save()).rejects.toMatchObject({ code: 'ERR_SLUICE_SNAPSHOT', path: engine.path })
    expect(readFileSync(path)).toEqual(before)
    while (warnings.length === 0) await sleep(1)
    await sleep(20)
    expect(warnings).toEqual([
      expect.stringMatching(/limits.json cannot be saved: EISDIR.*; it is tried again/),
    ])
    rmSync(`${path}.tmp`, { recursive: true })
    while (readFileSync(path).equals(before)) await sleep(1)
  })

  test('that does not fit on the disk leaves the one before it', async () => {
    const first = open()
    first.decideSync([checkOf(perYear, 'ada')])
    await first.close()
    const before = readFileSync(path)
    // The system refuses to let any file of this process grow beyond 8 KiB, in the middle of a write.
    const shell = spawn('bash', [
      '-c',
      'ulimit -f 8; exec "$0" "$@"',
      process.execPath,
      ...program('file-counter.ts'),
    ])
    const errors = shell.stderr.setEncoding('utf8').toArray()
    const [code] = await once(shell, 'exit')
    expect(code).toBe(1)
    expect((await errors).join('')).toMatch(/limits.json cannot be saved: EFBIG/)
    expect(readFileSync(path).subarray(0, 40)).toEqual(before.subarray(0, 40))
    expect(open().stats().keys).toBeGreaterThan(0)
    expect(warnings).toEqual([])
  })

  test('replaces the file that a symbolic link names, not the link', async () => {
    const link = join(folder, 'link.json')
    const first = open()
    first.decideSync([checkOf(perYear, 'ada')])
    await first.close()
    symlinkSync(path, link)
    const second = open({ path: link })
    second.decideSync([checkOf(perYear, 'grace')])
    await second.close()
    expect(readFileSync(path, 'utf8')).toContain('"grace"')
  })
})

describe('a file that is no whole snapshot', () => {
  test.each([
    ['empty', ''],
    ['something else', 'Dear diary,\n'],
    [
      'of a later version',
      '{"format":"sluice-snapshot","version":2,"savedAtUs":0}\n{"keys":0,"crc32":"00000000"}\n',
    ],
  ])('is set aside with a warning: %s', (_, text) => {
    writeFileSync(path, text)
    expect(open().stats().keys).toBe(0)
    const aside = readdirSync(folder).filter(name => name.startsWith('limits.json.corrupt-'))
    expect(aside).toHaveLength(1)
    expect(readFileSync(join(folder, aside[0] as string), 'utf8')).toBe(text)
    expect(warnings).toEqual([
      expect.stringMatching(/limits.json is no snapshot that can be read \(.*\): it was set aside as/),
    ])
  })

  test('is told from a whole one wherever it is cut off or damaged', async () => {
    const first = open()
    for (let i = 0; i < 20; i++) first.decideSync([checkOf(perYear, `subject ${i}`)])
    await first.close()
    const whole = readFileSync(path)
    const random = new Random(3)
    for (let length = 0; length < whole.length; length += random.between(1, 9)) {
      writeFileSync(path, whole.subarray(0, length))
      const engine = open()
      expect(engine.stats().keys).toBe(0)
      await engine.close()
    }
    for (let place = 0; place < whole.length; place += random.between(1, 9)) {
      const damaged = Buffer.from(whole)
      damaged[place] = (damaged[place] as number) ^ (1 << random.below(8))
      writeFileSync(path, damaged)
      const engine = open()
      expect(engine.stats().keys).toBe(0)
      await engine.close()
    }
    const aside = readdirSync(folder).filter(name => name.startsWith('limits.json.corrupt-'))
    expect(aside).toHaveLength(warnings.length)
  })
})

const program = (name: string): string[] => [
  '--import',
  './scripts/run-source.ts',
  join(import.meta.dirname, 'programs', name),
  path,
]

/** A process that counts in the file; resolves once it has saved a snapshot. */
async function startCounter(): Promise<{ child: ChildProcess; saved: () => number }> {
  const child = spawn(process.execPath, program('file-counter.ts'), { stdio: ['ignore', 'pipe', 'inherit'] })
  let saved = 0
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })
  lines.on('line', line => {
    saved = Number(line)
  })
  await once(lines, 'line')
  return { child, saved: () => saved }
}

async function kill(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL')
  await once(child, 'close')
}

describe('a second process on the file', () => {
  test('is refused with the pid of the first, and let in when that was killed', async () => {
    const { child } = await startCounter()
    try {
      expect(() => open()).toThrow(
        expect.objectContaining({
          code: 'ERR_SLUICE_FILE_LOCKED',
          message: expect.stringContaining(`is in use by the process with pid ${child.pid};`),
        }),
      )
    } finally {
      await kill(child)
    }
    expect(open({ clock: systemClock }).stats().keys).toBeGreaterThan(0)
  })

  test('a second engine of the same process is refused too', () => {
    open()
    expect(() => open()).toThrow(`is in use by this very process (pid ${process.pid})`)
  })

  test('the file is free again after close, and after an engine that could not be opened', async () => {
    await open().close()
    expect(() => open({ maxKeys: 0 })).toThrow('maxKeys: 0')
    mkdirSync(path)
    expect(() => open()).toThrow(/limits.json cannot be read: EISDIR/)
    rmSync(path, { recursive: true })
    expect(open().stats().keys).toBe(0)
  })

  test.each([
    ['of a process that has ended', { pid: 2 ** 22 + 1, host: hostname(), token: 'x' }],
    [
      'of an earlier process with a pid that was given again',
      { pid: process.pid, host: hostname(), started: '1', token: 'x' },
    ],
  ])('a lock %s is taken over', (_, holder) => {
    writeFileSync(`${path}.lock`, JSON.stringify(holder))
    expect(open().stats().keys).toBe(0)
  })

  test('a lock of another machine holds as long as it is touched', () => {
    writeFileSync(`${path}.lock`, JSON.stringify({ pid: 1, host: 'elsewhere', token: 'x' }))
    expect(() => open()).toThrow('is in use by the process with pid 1 on elsewhere')
  })

  test('a lock of another machine that nobody has touched for long is taken over', () => {
    writeFileSync(`${path}.lock`, JSON.stringify({ pid: 1, host: 'elsewhere', token: 'x' }))
    const then = new Date(0)
    utimesSync(`${path}.lock`, then, then)
    expect(open().stats().keys).toBe(0)
  })

  test('of four processes that find a lock left behind, one takes it over', async () => {
    writeFileSync(`${path}.lock`, JSON.stringify({ pid: 2 ** 22 + 1, host: hostname(), token: 'x' }))
    const children = Array.from({ length: 4 }, () =>
      spawn(process.execPath, program('file-opener.ts'), { stdio: ['pipe', 'pipe', 'inherit'] }),
    )
    const answers = await Promise.all(
      children.map(async ({ stdout }) => String((await once(stdout, 'data'))[0])),
    )
    for (const { stdin } of children) stdin.end()
    await Promise.all(children.map(child => once(child, 'close')))
    expect(answers.sort()).toEqual(['locked\n', 'locked\n', 'locked\n', 'open\n'])
  })

  test('an engine whose lock was taken away saves no more', async () => {
    const engine = open()
    engine.decideSync([checkOf(perYear, 'ada')])
    rmSync(`${path}.lock`)
    await expect(engine.save()).rejects.toThrow('its lock was removed, or taken over')
    expect(readdirSync(folder)).toEqual([])
  })
})

describe('a process that is killed at any instant', () => {
  test('leaves a whole snapshot, with all that it had told to be saved', { timeout: 60_000 }, async () => {
    const random = new Random(17)
    for (let round = 0; round < 4; round++) {
      const { child, saved } = await startCounter()
      await sleep(random.between(1, 120))
      await kill(child)
      const told = saved()
      const engine = open({ clock: systemClock })
      expect(warnings).toEqual([])
      const used = 1_000_000 - (remaining(engine, perYear, 'all') as number)
      expect(used).toBeGreaterThanOrEqual(told)
      await engine.close()
      rmSync(path)
    }
  })
})

describe('options', () => {
  test('that cannot be accepted are named', () => {
    expect(() => open({ path: '', intervalMs: 0 })).toThrow(/path[\s\S]*intervalMs|intervalMs[\s\S]*path/)
    expect(() => open({ pathh: 'x' } as never)).toThrow('pathh')
  })

  test('a folder that is missing is made', () => {
    expect(open({ path: join(folder, 'deep', 'er', 'limits.json') }).stats().keys).toBe(0)
  })

  test('a folder that cannot be made is an error with the reason', () => {
    writeFileSync(join(folder, 'file'), '')
    chmodSync(join(folder, 'file'), 0o400)
    expect(() => open({ path: join(folder, 'file', 'limits.json') })).toThrow(
      expect.objectContaining({
        code: 'ERR_SLUICE_SNAPSHOT',
        message: expect.stringMatching(/cannot be opened: (EEXIST|ENOTDIR)/),
      }),
    )
  })
})
