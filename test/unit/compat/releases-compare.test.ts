import { afterEach, describe, expect, test } from 'vitest'
import { readRelease } from '../../../src/compat/releases.js'
import { compareReleases, type Finding } from '../../../src/compat/releases-compare.js'
import { copyRelease, type ReleaseFolder } from '../../support/release-folder.js'

const LUA = 'lua'
const copies: ReleaseFolder[] = []

afterEach(() => {
  for (const copy of copies.splice(0)) copy.remove()
})

function copyOf(release?: string): ReleaseFolder {
  const copy = copyRelease(release)
  copies.push(copy)
  return copy
}

const compare = (before: string, after: string, shards?: number) =>
  compareReleases(readRelease(before), readRelease(after), { shards })
const about = (findings: readonly Finding[], subject: string) =>
  findings.find(found => found.about === subject)
const breaking = (findings: readonly Finding[]) => findings.filter(({ verdict }) => verdict === 'breaks')

describe('releases whose replicas may share keys', () => {
  test('are a release and itself, where nothing differs', () => {
    const { compatible, findings } = compare(LUA, LUA)
    expect(compatible).toBe(true)
    expect(new Set(findings.map(({ verdict }) => verdict))).toEqual(new Set(['same']))
  })

  test('are 0.9.0 and this one, forth and back, where the configuration names the shards', () => {
    for (const [before, after] of [
      ['lua/releases/0.9.0', LUA],
      [LUA, 'lua/releases/0.9.0'],
    ] as const) {
      expect(compare(before, after, 128).compatible).toBe(true)
      // 0.9.0 has no examples: those of 1.0.0, which has the same script, speak for it.
      expect(about(compare(before, after, 128).findings, 'state of gcra')?.found).toMatch(
        /^\d+ examples leave the same/,
      )
      // Nor does it say how many shards it has by itself.
      const { compatible, findings } = compare(before, after)
      expect(compatible).toBe(false)
      expect(about(findings, 'key layout')).toMatchObject({
        verdict: 'unknown',
        meaning: expect.stringContaining('tell it here by --shards: 0.9.0 had 128'),
      })
    }
  })

  test('are two with different scripts that keep the same keys and states', () => {
    const next = copyOf()
    next.rebuild('dist/decide.lua', text => `${text}\n`)
    next.vouch()
    next.manifest(manifest => Object.assign(manifest.functions as object, { library: 'sluice_99_0_0' }))
    const { compatible, findings } = compare(LUA, next.path)
    expect(compatible).toBe(true)
    expect(about(findings, 'script decide')).toMatchObject({
      verdict: 'note',
      meaning: expect.stringContaining('interchangeable'),
    })
    expect(about(findings, 'state of gcra')?.found).toMatch(/^\d+ examples leave the same bytes in both$/)
  })

  test('may speak with their own scripts in their own way', () => {
    const next = copyOf()
    next.manifest(manifest => Object.assign(manifest, { wireVersion: 2 }))
    const { compatible, findings } = compare(LUA, next.path)
    expect(compatible).toBe(true)
    expect(about(findings, 'wire version')).toMatchObject({ verdict: 'note', found: '1 and 2' })
  })
})

describe('releases whose replicas must not share keys', () => {
  test('have another version of the states', () => {
    const next = copyOf()
    next.manifest(manifest => Object.assign(manifest, { stateVersion: 2 }))
    const { compatible, findings } = compare(LUA, next.path)
    expect(compatible).toBe(false)
    expect(breaking(findings)).toMatchObject([{ about: 'state version', found: '1 and 2' }])
  })

  test('have another layout of the keys, or another number of shards', () => {
    const next = copyOf()
    next.manifest(manifest => Object.assign(manifest.keys as object, { layout: 'sl2' }))
    expect(breaking(compare(LUA, next.path).findings)).toMatchObject([
      { about: 'key layout', found: "'sl1' and 'sl2'" },
    ])
    next.manifest(manifest => Object.assign(manifest.keys as object, { layout: 'sl1', shards: 64 }))
    expect(breaking(compare(LUA, next.path).findings)).toMatchObject([
      { about: 'key layout', meaning: expect.stringContaining('set shards: 32 in all replicas') },
    ])
  })

  test('build other keys without saying so, and the first example is told', () => {
    const next = copyOf()
    next.rebuild('golden.json', text => text.replaceAll('perUser:gcra', 'peruser:gcra'))
    const [found, ...others] = breaking(compare(LUA, next.path).findings)
    expect(others).toEqual([])
    expect(found?.found).toMatch(
      /^\d+ of \d+ examples have another key; 'a plain subject': sl1:\{5b\}:perUser:gcra:alice and sl1:\{5b\}:peruser:gcra:alice$/,
    )
  })

  test('leave another state without saying so, and the algorithm and both values are told', () => {
    const next = copyOf()
    next.rebuild('dist/decide.lua', text => `${text}\n`)
    next.vouch()
    next.rebuild('golden.json', text =>
      text.replace('"state":"1697305601600000"', '"state":"212163200200000"'),
    )
    const [found, ...others] = breaking(compare(LUA, next.path).findings).filter(({ about }) =>
      about.startsWith('state'),
    )
    expect(others).toEqual([])
    expect(found).toMatchObject({ about: 'state of gcra' })
    expect(found?.found).toMatch(/after 2 calls: "1697305601600000" and "212163200200000"$/)
  })

  test('were changed after they were built', () => {
    const next = copyOf()
    next.tamper('dist/decide.lua', text => text.replace('= 1', '= 2'))
    next.tamper('golden.json', text => `${text}\n`)
    const found = about(compare(LUA, next.path).findings, `files of ${next.path}`)
    expect(found?.verdict).toBe('breaks')
    expect(found?.found).toMatch(/dist\/decide\.lua has \d+ bytes and SHA-256 .*golden\.json has/)
  })

  test('give their library of functions one name and two texts', () => {
    const next = copyOf()
    next.rebuild('dist/functions.lua', text => `${text}\n`)
    expect(breaking(compare(LUA, next.path).findings)).toMatchObject([{ about: 'library of functions' }])
  })
})

test.each(['releases/0.9.0', '.'])(
  'where a changed script has no examples of its own, nothing is promised: %s',
  release => {
    const next = copyOf(release)
    next.rebuild('dist/decide.lua', text => `${text}\n`)
    const { compatible, findings } = compare(LUA, next.path)
    expect(compatible).toBe(false)
    expect(about(findings, 'states')).toMatchObject({
      verdict: 'unknown',
      meaning: expect.stringContaining('--store'),
    })
  },
)

describe('what is no release', () => {
  test.each(['nowhere', 'docs'])('%s', path => {
    expect(() => readRelease(path)).toThrow(/no release|no manifest of a release/)
  })

  test('a folder whose manifest is another file', () => {
    const copy = copyOf()
    copy.tamper('manifest.json', () => '{"name":"left-pad"}')
    expect(() => readRelease(copy.path)).toThrow(/manifest\.json is no manifest of a release:.*wireVersion/s)
    copy.tamper('manifest.json', () => 'not json')
    expect(() => readRelease(copy.path)).toThrow(/is no manifest of a release/)
  })
})
