import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { systemClock } from '../../../src/core/time.js'
import { ownHolder } from '../../../src/engine/file-lock-holder.js'
import { FileHarness, kill } from './file-harness.js'
import { checkOf, perYear } from './limits.js'

const files = new FileHarness()

/** A pid that no process can have. */
const NO_PID = 2 ** 22 + 1
const here = ownHolder('x')
/** A process with our pid in another container. */
const elsewhere = { ...here, place: 'another container', host: 'elsewhere' }

const leave = (holder: object): void => writeFileSync(`${files.path}.lock`, JSON.stringify(holder))

describe('A9: the lock of a file', () => {
  test('keeps a second process out, with the pid of the first, until that is killed', async () => {
    const { child } = await files.startCounter()
    try {
      expect(() => files.open()).toThrow(
        expect.objectContaining({
          code: 'ERR_SLUICE_FILE_LOCKED',
          message: expect.stringContaining(`is in use by the process with pid ${child.pid};`),
        }),
      )
    } finally {
      await kill(child)
    }
    expect(files.open({ clock: systemClock }).stats().keys).toBeGreaterThan(0)
  })

  test('keeps a second engine of the same process out', () => {
    files.open()
    expect(() => files.open()).toThrow(`is in use by this very process (pid ${process.pid})`)
  })

  test('is given back by close, and by an engine that could not be opened', async () => {
    await files.open().close()
    expect(() => files.open({ maxKeys: 0 })).toThrow('maxKeys: 0')
    mkdirSync(files.path)
    expect(() => files.open()).toThrow(/limits.json cannot be read: EISDIR/)
    rmSync(files.path, { recursive: true })
    expect(files.open().stats().keys).toBe(0)
  })

  test.each([
    ['of a process that has ended', { ...here, pid: NO_PID }],
    ['of an earlier process whose pid was given again', { ...here, started: '1' }],
  ])('is taken over at once: %s', (_, holder) => {
    leave(holder)
    expect(files.open().stats().keys).toBe(0)
  })

  test('is taken over by one of four processes that find it left behind', async () => {
    leave({ ...here, pid: NO_PID })
    const children = Array.from({ length: 4 }, () =>
      spawn(process.execPath, files.program('file-opener.ts'), { stdio: ['pipe', 'pipe', 'inherit'] }),
    )
    const answers = await Promise.all(
      children.map(async ({ stdout }) => String((await once(stdout, 'data'))[0])),
    )
    for (const { stdin } of children) stdin.end()
    await Promise.all(children.map(child => once(child, 'close')))
    expect(answers.sort()).toEqual(['locked\n', 'locked\n', 'locked\n', 'open\n'])
  })

  test('that was taken away lets its engine save no more', async () => {
    const engine = files.open()
    engine.decideSync([checkOf(perYear, 'ada')])
    rmSync(`${files.path}.lock`)
    await expect(engine.save()).rejects.toThrow('its lock was removed, or taken over')
    expect(readdirSync(files.folder)).toEqual([])
  })
})

describe('a lock of another container or machine, where our pid is of another process', () => {
  /** Touches the lock as its holder would: this process stands still while it watches. */
  async function startToucher(): Promise<ChildProcess> {
    const touch = `
      const { utimesSync } = require('node:fs')
      let seconds = 2_000_000_000
      setInterval(() => utimesSync(process.argv[1], ++seconds, seconds), 200)
      console.log('started')`
    const child = spawn(process.execPath, ['--eval', touch, `${files.path}.lock`])
    await once(child.stdout, 'data')
    return child
  }

  test('holds as long as it is touched', async () => {
    leave(elsewhere)
    const toucher = await startToucher()
    try {
      expect(() => files.open()).toThrow(`is in use by the process with pid ${process.pid} on elsewhere`)
    } finally {
      await kill(toucher)
    }
  })

  test('is taken over when it is watched and nobody touches it', () => {
    leave(elsewhere)
    expect(files.open().stats().keys).toBe(0)
  })

  test.each([
    ['a holder', JSON.stringify(elsewhere)],
    ['nothing, as after a power failure', ''],
  ])('is taken over at once when nobody has touched it for long: %s', (_, text) => {
    writeFileSync(`${files.path}.lock`, text)
    const then = new Date(0)
    utimesSync(`${files.path}.lock`, then, then)
    expect(files.open().stats().keys).toBe(0)
  })
})
