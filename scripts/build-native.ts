/** What `scripts/build-native` runs. */
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { z } from 'zod'
import { platformName } from '../src/native/load.ts'
import { MANIFEST, whyNoCargo } from './cargo.ts'
import { readText, root } from './files.ts'

/** A line of cargo's about what it has made. */
const Artifact = z.object({
  reason: z.literal('compiler-artifact'),
  target: z.object({ name: z.literal('sluice_node') }),
  filenames: z.tuple([z.string()]),
})
const Package = z.object({
  version: z.string(),
  license: z.string(),
  author: z.string(),
  engines: z.unknown(),
})

const { values } = parseArgs({ options: { 'if-possible': { type: 'boolean' }, package: { type: 'string' } } })
const platform = platformName()

const missing = whyNoCargo()
if (missing !== undefined) {
  const isMeant = values['if-possible'] === true
  console.error(
    isMeant
      ? `The native engine is not built, and TypeScript decides: ${missing}.`
      : `${missing}. Install Rust of the version that ${MANIFEST} names (with rustup, or from the system) and run this again.`,
  )
  process.exit(isMeant ? 0 : 1)
}
const binary = join(root, 'native/bin', `sluice.${platform}.node`)
install(build(), binary)
if (values.package !== undefined) writePackage(values.package)

/** Answers the library that cargo made. */
function build(): string {
  const what = ['--manifest-path', MANIFEST, '--profile', 'node', '--package', 'sluice-node', '--locked']
  const { status, stdout } = spawnSync(
    'cargo',
    ['build', '--message-format=json-render-diagnostics', ...what],
    {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
      maxBuffer: Number.POSITIVE_INFINITY,
    },
  )
  if (status !== 0) process.exit(1)
  const lines = stdout.split('\n').filter(line => line !== '')
  const made = lines.map(line => Artifact.safeParse(JSON.parse(line)).data).find(data => data !== undefined)
  if (made === undefined) throw new Error('cargo made no library sluice_node')
  return made.filenames[0]
}

/** In one step: a process may have the one before it loaded. */
function install(from: string, to: string): void {
  mkdirSync(join(to, '..'), { recursive: true })
  copyFileSync(from, `${to}.new`)
  renameSync(`${to}.new`, to)
}

/** The npm package that has the module ready-made: `src/native/load.ts` looks for it by its name. */
function writePackage(folder: string): void {
  const { version, license, author, engines } = Package.parse(JSON.parse(readText('package.json')))
  const name = `sluice-native-${platform}`
  const [os, cpu, libc] = platform.split('-')
  const manifest = {
    name,
    version,
    description: `The native engine of sluice for ${platform}`,
    license,
    author,
    main: 'sluice.node',
    files: ['sluice.node'],
    engines,
    os: [os],
    cpu: [cpu],
    ...(libc !== undefined && { libc: [libc === 'gnu' ? 'glibc' : libc] }),
  }
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`)
  writeFileSync(
    join(folder, 'README.md'),
    `# ${name}\n\nThe native engine of \`sluice\` ${version}, ready-made for ${platform}. Install the same version of both.\n`,
  )
  copyFileSync(join(root, 'LICENSE'), join(folder, 'LICENSE'))
  install(binary, join(folder, 'sluice.node'))
  console.error(`Made ${name} ${version} in ${folder}`)
}
