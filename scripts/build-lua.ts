/**
 * Expands `lua/*.lua` and `lua/compat/*.lua` to `lua/dist`, makes the library of functions of them, and writes
 * `lua/golden.json` and `lua/manifest.json`.
 *
 *   node scripts/build-lua.ts            write
 *   node scripts/build-lua.ts --check    fail when what is committed differs
 *   node scripts/build-lua.ts --freeze 1.0.0    also copy what was built to lua/releases/1.0.0, once, by the version
 *                                               of package.json: the library of functions is named after it
 *
 * An include is expanded in place, at the indentation of its line, out of `include/` beside the file. Comments and blank lines stay in the source. A name
 * in capitals that `include/constants.lua` or `circuit_constants.lua` defines becomes its number.
 */
import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { z } from 'zod'
import { buildGolden } from './lua-golden.ts'
import { buildLibrary } from './lua-library.ts'

const luaDir = fileURLToPath(new URL('../lua/', import.meta.url))
const INCLUDE = /^(\s*)--- @include "([a-z_]+)"$/
const DEPTH_MAX = 8

/** What the manifest says of a script beyond its digests. `reply` and `args` name sections of `lua/README.md`. */
const CONTRACTS: Record<string, { keys: string; args: string; reply: string }> = {
  breaker: { keys: 'one per step', args: 'block', reply: 'block' },
  decide: { keys: 'one per check', args: 'block, lease ids', reply: 'block' },
  inspect: { keys: 'one per key', args: 'none', reply: 'array' },
  // Of other systems' keys; each says its own in its header.
  'compat/carry': { keys: 'one', args: 'form, five numbers, state', reply: 'number' },
  'compat/read': { keys: 'one', args: 'none', reply: 'array' },
  'compat/mcp_gateway': { keys: 'one per dimension', args: 'four numbers, three per key', reply: 'array' },
  'compat/rate_limiter_flexible': { keys: 'one', args: 'eight numbers', reply: 'array' },
  'compat/rate_limit_redis': { keys: 'one', args: 'seven numbers', reply: 'array' },
}
/** Scripts that deal with the keys of other systems. */
const COMPAT = 'compat/'
/** What the library of functions holds. `decide` has no flags: a full server or a replica refuses it before it runs. */
const FUNCTIONS = [
  { script: 'decide', flags: [] },
  { script: 'inspect', flags: ['no-writes'] },
]
const WIRE_VERSION = 1
const STATE_VERSION = 1
/** Version of the keys, as they begin, and the shards where nobody names a number: `src/keys.ts`. */
const KEYS = { layout: 'sl1', shards: 32 }
const { version } = z
  .object({ version: z.string() })
  .parse(JSON.parse(readFileSync(join(luaDir, '../package.json'), 'utf8')))

const constants = new Map(
  ['include/constants', 'include/circuit_constants']
    .flatMap(readLines)
    .map(line => /^([A-Z][A-Z0-9_]+) = (-?\d+|'[^']+')$/.exec(line))
    .filter(match => match !== null)
    .map(([, name, value]) => [name as string, value as string]),
)

function readLines(name: string): string[] {
  return readFileSync(join(luaDir, `${name}.lua`), 'utf8').split('\n')
}

function expand(name: string, indent: string, depth: number): string[] {
  if (depth > DEPTH_MAX)
    throw new Error(`lua/${name}.lua: includes nest deeper than ${DEPTH_MAX}; is there a cycle?`)
  return readLines(name).flatMap(line => {
    const include = INCLUDE.exec(line)
    if (include) return expand(`${folderOf(name)}include/${include[2]}`, indent + include[1], depth + 1)
    const code = line.replace(/(^|\s)--.*$/, '').trimEnd()
    return code === '' ? [] : [indent + substitute(code, name)]
  })
}

const folderOf = (name: string): string => (name.startsWith(COMPAT) ? COMPAT : '')

/** Values for names. A name in capitals that nothing defines would be a global, which scripts may not read. */
function substitute(code: string, file: string): string {
  return code.replace(/\b[A-Z][A-Z0-9_]{2,}\b(?=[^']*(?:'[^']*'[^']*)*$)/g, name => {
    if (name === 'KEYS' || name === 'ARGV') return name
    const value = constants.get(name)
    if (value === undefined)
      throw new Error(`lua/${file}.lua: ${name} is not defined in lua/include/constants.lua`)
    return value
  })
}

function build(): Map<string, string> {
  const files = new Map<string, string>()
  const scripts: Record<string, object> = {}
  const texts = new Map<string, string>()
  const sources = ['', COMPAT].flatMap(folder =>
    readdirSync(join(luaDir, folder))
      .filter(entry => entry.endsWith('.lua'))
      .sort()
      .map(entry => `${folder}${entry}`),
  )
  for (const file of sources) {
    const name = file.replace(/\.lua$/, '')
    const contract = CONTRACTS[name]
    if (!contract) throw new Error(`lua/${file}: say its contract in scripts/build-lua.ts`)
    const text = `${expand(name, '', 0).join('\n')}\n`
    texts.set(name, text)
    files.set(`dist/${file}`, text)
    scripts[name] = { ...digests(text), ...contract }
  }
  const library = buildLibrary(version, FUNCTIONS, texts)
  files.set('dist/functions.lua', library.text)
  const golden = buildGolden(new URL('../test/vectors/', import.meta.url))
  files.set('golden.json', golden)
  const manifest = {
    release: version,
    wireVersion: WIRE_VERSION,
    stateVersion: STATE_VERSION,
    keys: KEYS,
    // Examples of another script would say nothing of this one.
    golden: { ...digests(golden), decide: digests(texts.get('decide') as string).sha256 },
    scripts,
    functions: { library: library.name, ...digests(library.text), functions: library.functions },
  }
  files.set('manifest.json', `${JSON.stringify(manifest, null, 2)}\n`)
  return files
}

const digests = (text: string) => ({
  sha1: createHash('sha1').update(text).digest('hex'),
  sha256: createHash('sha256').update(text).digest('hex'),
  bytes: Buffer.byteLength(text),
})

const { values } = parseArgs({ options: { check: { type: 'boolean' }, freeze: { type: 'string' } } })
const files = build()
mkdirSync(join(luaDir, 'dist', COMPAT), { recursive: true })
for (const [path, text] of files) {
  const target = join(luaDir, path)
  if (existsSync(target) && readFileSync(target, 'utf8') === text) continue
  if (values.check) {
    console.error(
      `lua/${path} is not what its source builds: run \`npm run build:lua\` and commit the result`,
    )
    process.exitCode = 1
  } else {
    writeFileSync(target, text)
    console.log(`lua/${path}: ${Buffer.byteLength(text)} bytes`)
  }
}
if (values.freeze) {
  const release = join(luaDir, 'releases', values.freeze)
  if (values.freeze !== version)
    throw new Error(`package.json has version ${version}: set it to ${values.freeze} first`)
  if (existsSync(release)) throw new Error(`lua/releases/${values.freeze} exists: a release is frozen once`)
  cpSync(join(luaDir, 'dist'), join(release, 'dist'), { recursive: true })
  for (const file of ['manifest.json', 'golden.json']) cpSync(join(luaDir, file), join(release, file))
}
