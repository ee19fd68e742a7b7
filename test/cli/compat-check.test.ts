import { afterEach, expect, test } from 'vitest'
import { copyRelease, type ReleaseFolder } from '../support/release-folder.js'
import { runHere } from './run-cli.js'

const copies: ReleaseFolder[] = []
afterEach(() => {
  for (const copy of copies.splice(0)) copy.remove()
})

function broken(): ReleaseFolder {
  const copy = copyRelease()
  copies.push(copy)
  copy.rebuild('golden.json', text => text.replaceAll('perUser:gcra', 'peruser:gcra'))
  return copy
}

test('compatible releases end with 0 and say so in one line', async () => {
  const { code, stdout, stderr } = await runHere([
    ...['compat', 'check', 'lua/releases/0.9.0', 'lua', '--shards', '128'],
  ])
  expect([code, stderr]).toEqual([0, ''])
  expect(stdout).toMatch(/^compatible: replicas of lua\/releases\/0\.9\.0 and lua may share keys/)
  expect((await runHere(['compat', 'check', 'lua', 'lua'])).stdout.trim().split('\n')).toHaveLength(1)
})

test('a broken release ends with 1 and names the difference', async () => {
  const { code, stdout } = await runHere(['compat', 'check', 'lua', broken().path])
  expect(code).toBe(1)
  expect(stdout).toMatch(/^incompatible: /)
  expect(stdout.replace(/\s+/g, ' ')).toContain('perUser:gcra:alice and sl1:{5b}:peruser:gcra:alice')
})

test('--json tells all of it, what is the same included', async () => {
  const { code, stdout } = await runHere(['compat', 'check', 'lua/manifest.json', broken().path, '--json'])
  expect(code).toBe(1)
  const report = JSON.parse(stdout)
  expect(report).toMatchObject({ old: 'lua/manifest.json', compatible: false })
  expect(report.findings.map(({ verdict }: { verdict: string }) => verdict)).toEqual(
    expect.arrayContaining(['same', 'breaks']),
  )
})

test('what is no release is a mistake of the command line', async () => {
  const { code, stdout, stderr } = await runHere(['compat', 'check', 'lua/releases/0.0.1', 'lua'])
  expect([code, stdout]).toEqual([2, ''])
  expect(stderr).toMatch(/'lua\/releases\/0\.0\.1' is no release/)
})
