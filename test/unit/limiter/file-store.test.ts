import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it, vi } from 'vitest'
import { createLimiter } from '../../../src/limiter.js'

const folder = mkdtempSync(join(tmpdir(), 'sluice-file-store-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const policies = { perDay: '100/d' }

describe('a limiter on a file', () => {
  it('goes on where the one before it was closed', async () => {
    const store = { file: join(folder, 'kept'), interval: '1h' } as const
    const before = createLimiter({ store, policies })
    expect(before.checkSync('perDay', 'ada', { cost: 30 })).toMatchObject({ source: 'file', remaining: 70 })
    await before.close()
    const after = createLimiter({ store: `file:${store.file}`, policies })
    expect(after.checkSync('perDay', 'ada').remaining).toBe(69)
    await after.close()
  })

  it('refuses a second limiter on the same file', async () => {
    const store = `file:${join(folder, 'shared')}` as const
    const first = createLimiter({ store, policies })
    expect(() => createLimiter({ store, policies })).toThrow(
      expect.objectContaining({ code: 'ERR_SLUICE_FILE_LOCKED' }),
    )
    await first.close()
  })

  it('sets a damaged file aside and tells those who listen from the start', async () => {
    const file = join(folder, 'heard')
    writeFileSync(file, 'not a snapshot')
    const limiter = createLimiter({ store: { file }, policies })
    const heard = vi.fn()
    limiter.on('warning', heard)
    expect(limiter.checkSync('perDay', 'ada').remaining).toBe(99)
    await limiter.close()
    expect(heard).toHaveBeenCalledExactlyOnceWith({
      message: expect.stringContaining('it was set aside as'),
      error: expect.objectContaining({ code: 'ERR_SLUICE_SNAPSHOT' }),
    })
    expect(readdirSync(folder)).toContain('heard.corrupt-1')
  })

  it('warns by the process where nobody listens', async () => {
    const emitWarning = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    const file = join(folder, 'unheard')
    writeFileSync(file, 'not a snapshot')
    await createLimiter({ store: { file }, policies }).close()
    const options = { type: 'SluiceWarning', code: 'ERR_SLUICE_SNAPSHOT' }
    expect(emitWarning).toHaveBeenCalledExactlyOnceWith(expect.stringContaining('unheard'), options)
    emitWarning.mockRestore()
  })
})
