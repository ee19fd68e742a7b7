import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { createKeyBuilder, DEFAULT_SHARDS, metaKeyOf } from '../../../src/keys.js'
import { STATE_VERSION } from '../../../src/redis/meta.js'
import { hourly } from '../../support/checks.js'

const lua = new URL('../../../lua/', import.meta.url)
const text = (path: string) => readFileSync(new URL(path, lua), 'utf8')
const manifest = JSON.parse(text('manifest.json'))

test('the manifest says what the code does with keys and states', () => {
  expect(manifest).toMatchObject({ stateVersion: STATE_VERSION, keys: { shards: DEFAULT_SHARDS } })
  expect(metaKeyOf()).toBe(`${manifest.keys.layout}:meta`)
  expect(createKeyBuilder()(hourly(1), 'alice')).toMatch(new RegExp(`^${manifest.keys.layout}:\\{`))
})

test('the library holds the scripts line by line, and nothing else', () => {
  const library = text('dist/functions.lua')
  const indented = (name: string) => text(`dist/${name}.lua`).trimEnd().replace(/^/gm, '  ')
  const body = ['decide', 'inspect'].map(
    name => `local function ${name}(KEYS, ARGV)\n${indented(name)}\nend\n`,
  )
  expect(library.startsWith(`#!lua name=${manifest.functions.library}\n${body.join('')}`)).toBe(true)
  expect(library.split('\n').slice(-3)).toEqual([
    expect.stringMatching(/^redis\.register_function\{.*_decide', callback = decide, flags = \{\} \}$/),
    expect.stringMatching(
      /^redis\.register_function\{.*_inspect', callback = inspect, flags = \{ 'no-writes' \} \}$/,
    ),
    '',
  ])
})
