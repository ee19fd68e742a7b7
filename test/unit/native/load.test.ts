import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { loadNativeFrom } from '../../../src/native/load.js'
import { withoutNative } from '../../support/native.js'

const own = (path: string) => join(import.meta.dirname, '../../..', path)

/** A package of its own, with the files that a module is compared with. */
let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'sluice-native-'))
  mkdirSync(join(root, 'native/bin'), { recursive: true })
  mkdirSync(join(root, 'lua'))
  for (const path of ['package.json', 'lua/manifest.json']) copyFileSync(own(path), join(root, path))
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

const load = () => loadNativeFrom(pathToFileURL(`${root}/`))

/** What the message of a package without a module calls it. */
function wantedFile(): string {
  return /native\/bin\/[\w.-]+\.node/.exec(load().problem ?? '')?.[0] ?? ''
}

test('says what there is none of, where it was looked for, and how it is made', () => {
  const { problem } = load()
  expect(problem).toContain(`${process.platform}-${process.arch}`)
  expect(problem).toMatch(/native\/bin\/sluice\.[\w-]+\.node.*scripts\/build-native.*sluice-native-/)
})

test('says that a file cannot be loaded which is no module at all', () => {
  writeFileSync(join(root, wantedFile()), 'not a library')
  expect(load().problem).toMatch(/sluice\.[\w-]+\.node cannot be loaded: /)
})

describe.skipIf(withoutNative !== undefined)('a module that was built', () => {
  beforeEach(() => {
    const [built = ''] = readdirSync(own('native/bin')).filter(name => wantedFile().endsWith(name))
    copyFileSync(own(`native/bin/${built}`), join(root, wantedFile()))
  })

  test('is loaded by the package it was built for, and has what its declaration says', () => {
    const { binding, problem } = load()
    expect(problem).toBeUndefined()
    expect(binding?.about()).toMatchObject({ interface: 2 })
    expect(Object.keys(binding ?? {}).sort()).toEqual(['NativeMemory', 'NativeRedis', 'about'])
    const methods = Object.getOwnPropertyNames(binding?.NativeMemory.prototype).sort()
    expect(methods).toEqual(['attach', 'clear', 'constructor', 'decider', 'define', 'stats'])
  })

  test('is stale in a package of another version', () => {
    const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
    writeFileSync(join(root, 'package.json'), JSON.stringify({ ...manifest, version: '77.0.0' }))
    expect(load().problem).toMatch(
      /is stale: it was built for version \d.*, and this is 77\.0\.0; run scripts\/build-native/,
    )
  })

  test('is stale where the scripts are others', () => {
    writeFileSync(join(root, 'lua/manifest.json'), '{}')
    expect(load().problem).toMatch(
      /is stale: it was built with other scripts than those of lua\/manifest\.json/,
    )
  })
})
