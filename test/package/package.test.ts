import { execFile } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { z } from 'zod'
import { withoutNative } from '../support/native.js'

const root = fileURLToPath(new URL('../../', import.meta.url))
const fixtures = fileURLToPath(new URL('./fixtures/', import.meta.url))
const run = promisify(execFile)

const packed = z.tuple([
  z.object({ filename: z.string(), version: z.string(), files: z.array(z.object({ path: z.string() })) }),
])

const manifest = z
  .object({
    exports: z.record(
      z.string(),
      z.union([z.string(), z.record(z.string(), z.record(z.string(), z.string()))]),
    ),
    peerDependencies: z.record(z.string(), z.string()),
    typesVersions: z.object({ '*': z.record(z.string(), z.array(z.string())) }),
  })
  .parse(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')))

/** Peers that an entry of the package imports when it runs; of the others it takes what it is given. */
const NEEDED_BY_ENTRIES = ['prom-client', '@opentelemetry/api', '@nestjs/common']

let project: string
let shipped: { version: string; paths: string[] }

async function node(...args: string[]): Promise<unknown> {
  const { stdout } = await run(process.execPath, args, { cwd: project })
  return JSON.parse(stdout)
}

beforeAll(async () => {
  project = mkdtempSync(join(tmpdir(), 'sluice-package-'))
  await run(process.execPath, ['scripts/build.ts'], { cwd: root })
  const pack = ['pack', '--ignore-scripts', '--json', '--pack-destination', project]
  const { stdout } = await run('npm', pack, { cwd: root })
  const [tarball] = packed.parse(JSON.parse(stdout))
  shipped = { version: tarball.version, paths: tarball.files.map(({ path }) => path) }

  writeFileSync(join(project, 'package.json'), '{ "private": true }\n')
  await run(
    'npm',
    ['install', '--prefer-offline', '--no-audit', '--no-fund', join(project, tarball.filename)],
    {
      cwd: project,
    },
  )
  cpSync(fixtures, project, { recursive: true })
})

afterAll(() => rmSync(project, { recursive: true, force: true }))

describe('the packed package, installed in an empty project', () => {
  test('ships the scripts, the builds and their types, and nothing of the workshop', () => {
    expect(shipped.paths).toEqual(
      expect.arrayContaining([
        ...[
          'lua/manifest.json',
          'lua/golden.json',
          'lua/releases/0.9.0/manifest.json',
          'LICENSE',
          'README.md',
        ],
        ...['lua/dist/decide.lua', 'lua/dist/inspect.lua', 'lua/dist/breaker.lua', 'lua/dist/functions.lua'],
        ...[
          'dist/esm/index.js',
          'dist/esm/index.d.ts',
          'dist/cjs/index.js',
          'dist/cjs/index.d.ts',
          'dist/esm/cli.js',
        ],
      ]),
    )
    expect(shipped.paths.filter(path => !/^(dist|lua)\/|^[A-Z]+(\.md)?$|^package\.json$/.test(path))).toEqual(
      [],
    )
  })

  test('has code and types for every way in, for both module systems', () => {
    const paths = Object.values(manifest.exports).flatMap(entry =>
      typeof entry === 'string' ? [entry] : Object.values(entry).flatMap(files => Object.values(files)),
    )
    expect(paths.length).toBeGreaterThan(4 * 15)
    expect(paths.map(path => path.replace('./', '')).filter(path => !shipped.paths.includes(path))).toEqual(
      [],
    )
  })

  test('has the same types where TypeScript still resolves as Node 10 did, by no exports', () => {
    const required = Object.entries(manifest.exports).flatMap(([name, entry]) =>
      typeof entry === 'string' || name === '.' ? [] : [[name.slice(2), [entry.require?.types]]],
    )
    expect(manifest.typesVersions['*']).toEqual(Object.fromEntries(required))
  })

  test('can be asked for by every way in, where the peers are', async () => {
    const names = Object.keys(manifest.exports).filter(name => name !== './package.json' && name !== '.')
    const peers = new Set(Object.keys(manifest.peerDependencies))
    const needed = [...peers].filter(peer => NEEDED_BY_ENTRIES.includes(peer))
    await run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', ...needed], { cwd: project })
    const program = `Promise.all(${JSON.stringify(names)}.map(name => import('sluice' + name.slice(1)))).then(all => console.log(all.length))`
    expect(await node('--input-type=module', '--eval', program)).toBe(names.length)
    const required = `console.log(${JSON.stringify(names)}.map(name => require('sluice' + name.slice(1))).length)`
    expect(await node('--input-type=commonjs', '--eval', required)).toBe(names.length)
  })

  const expected = () => ({
    allowed: [true, true, false],
    version: shipped.version,
    breaker: 'passed',
    engine: 'object',
    testing: 'object',
    compat: 'function',
  })

  test('limits when it is imported', async () => {
    expect(await node('esm.mjs')).toEqual(expected())
  })

  test('limits when it is required', async () => {
    expect(await node('cjs.cjs')).toEqual(expected())
  })

  test.each(['redis.mjs', 'redis.cjs'])('finds its scripts and limits by Redis in %s', async file => {
    const database = file.endsWith('.mjs') ? 1 : 2
    expect(await node(file, `${inject('redisUrl')}/${database}`)).toEqual({ allowed: [true, true, false] })
  })

  test.skipIf(withoutNative !== undefined)(
    'has no native engine, and needs none, until the one for its platform stands beside it',
    async () => {
      const told = () => Promise.all(['native.mjs', 'native.cjs'].map(file => node(file)))
      expect(await told()).toEqual([{ source: 'ERR_SLUICE_NATIVE' }, { source: 'ERR_SLUICE_NATIVE' }])
      const beside = join(project, 'native')
      await run('scripts/build-native', ['--package', beside], { cwd: root })
      await run('npm', ['install', '--offline', '--no-audit', '--no-fund', beside], { cwd: project })
      expect(await told()).toEqual([{ source: 'native' }, { source: 'native' }])
    },
  )

  test('gives its version by its command', async () => {
    const { stdout } = await run(join(project, 'node_modules/.bin/sluice'), ['--version'], { cwd: project })
    expect(stdout).toBe(`${shipped.version}\n`)
  })

  test('tells by its command whether its releases may share keys, and what is on a server', async () => {
    const sluice = join(project, 'node_modules/.bin/sluice')
    const lua = join(project, 'node_modules/sluice/lua')
    const compared = await run(sluice, ['compat', 'check', `${lua}/releases/0.9.0`, lua, '--shards', '128'])
    expect(compared.stdout).toMatch(/^compatible/)
    const live = await run(sluice, ['compat', 'live', '--redis', inject('redisUrl'), '--json'])
    expect(JSON.parse(live.stdout)).toMatchObject({ nodes: [expect.anything()] })
  })

  test.each([
    { module: 'nodenext', type: 'module' },
    { module: 'nodenext', type: 'commonjs' },
    { module: 'node16', type: 'module' },
    { module: 'node16', type: 'commonjs' },
    { module: 'preserve', type: 'module' },
  ])(
    'has types for TypeScript in module mode $module, of a project of type $type',
    async ({ module, type }) => {
      const strict = ['--strict', '--exactOptionalPropertyTypes', '--noEmit', '--skipLibCheck', 'false']
      const node24 = [
        '--types',
        'node',
        '--typeRoots',
        join(root, 'node_modules/@types'),
        '--target',
        'es2023',
      ]
      const lib = ['--lib', 'es2024,esnext.disposable']
      writeFileSync(join(project, 'package.json'), JSON.stringify({ private: true, type }))
      const tsc = join(root, 'node_modules/typescript/bin/tsc')
      const checked = run(
        process.execPath,
        [tsc, ...strict, ...node24, ...lib, '--module', module, 'typed.ts'],
        {
          cwd: project,
        },
      )
      await checked.catch((error: { stdout?: string }) => expect.fail(error.stdout ?? String(error)))
    },
  )
})
