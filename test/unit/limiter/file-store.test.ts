import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
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

  it('sets a damaged file aside, warns whoever listens, and counts anew', async () => {
    const file = join(folder, 'damaged')
    writeFileSync(file, 'not a snapshot')
    const limiter = createLimiter({ store: { file }, policies })
    const warnings: string[] = []
    limiter.on('warning', ({ message }) => warnings.push(message))
    expect((await limiter.check('perDay', 'ada')).remaining).toBe(99)
    await limiter.close()
    expect(warnings).toEqual([expect.stringContaining('damaged is no snapshot that can be read')])
    expect(readdirSync(folder)).toContainEqual(expect.stringMatching(/^damaged\.corrupt-/))
  })
})
