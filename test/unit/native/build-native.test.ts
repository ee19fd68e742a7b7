import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

/** A folder with what the script needs, and no cargo. */
let programs: string
beforeAll(() => {
  programs = mkdtempSync(join(tmpdir(), 'sluice-programs-'))
  for (const name of ['bash', 'dirname', 'env', 'uname']) symlinkSync(pathOf(name), join(programs, name))
  symlinkSync(process.execPath, join(programs, 'node'))
})
afterAll(() => rmSync(programs, { recursive: true, force: true }))

function pathOf(name: string): string {
  return spawnSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).stdout.trim()
}

const SCRIPT = join(import.meta.dirname, '../../../scripts/build-native')

const build = (...args: string[]) =>
  spawnSync(SCRIPT, args, { encoding: 'utf8', env: { ...process.env, PATH: programs } })

describe('scripts/build-native, where there is no cargo', () => {
  test('says so, and what to do', () => {
    const { status, stderr } = build()
    expect(stderr).toMatch(/^there is no cargo in PATH\. Install Rust .* and run this again\.\n$/)
    expect(status).toBe(1)
  })

  test('says who decides instead, and ends well, where that will do', () => {
    const { status, stderr } = build('--if-possible')
    expect(stderr).toBe(
      'The native engine is not built, and TypeScript decides: there is no cargo in PATH.\n',
    )
    expect(status).toBe(0)
  })
})
