import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { loadScripts } from '../../../src/redis/scripts.js'

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-scripts-'))
  cpSync(new URL('../../../lua/', import.meta.url), folder, { recursive: true })
})

afterEach(() => rmSync(folder, { recursive: true }))

const load = () => loadScripts('evalsha', pathToFileURL(`${folder}/`))

test('scripts come from the package, with the digest of their source', () => {
  expect(loadScripts()).toEqual(load())
  expect(load().decide).toMatchObject({ name: 'decide', sha1: expect.stringMatching(/^[0-9a-f]{40}$/) })
})

test('a script that was changed is refused', () => {
  writeFileSync(join(folder, 'dist/decide.lua'), 'return 1')
  expect(load).toThrow(/dist\/decide\.lua was changed: its SHA-1 is .* install the package anew/)
})

test('a missing script is refused with the way out', () => {
  rmSync(join(folder, 'dist/inspect.lua'))
  expect(load).toThrow(/cannot read .*dist\/inspect\.lua.*must be installed with its 'lua' folder/)
})

test('a manifest of another version is refused', () => {
  writeFileSync(join(folder, 'manifest.json'), '{ "wireVersion": 2 }')
  expect(load).toThrow(/manifest\.json is not one of this version/)
})
