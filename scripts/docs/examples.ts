/**
 * The examples of the documents are held to the code. What a fence says after its language decides how:
 *
 *   ts, js       type-checked against the sources, as a module of its own
 *   … continues  is a part of the example before it on the page
 *   … run        is run as well and must end with 0; an address redis://localhost:6379 becomes that of a real server
 *   … no-check   is left alone: a fragment, or another package's code
 *   sh           must parse, and each script of this repository it names must exist
 *   sh run       is run as well, in a scratch folder; `sluice` is the command line of this checkout
 *   json         must parse
 */
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { build } from 'rolldown'
import { startRedis } from '../../test/support/redis-server.ts'
import { OLDEST_TARGET, publicModules } from '../entries.ts'
import { type Finding, readText, root } from '../files.ts'
import type { Fence, Page } from './markdown.ts'

const CODE = new Set(['ts', 'js', 'typescript', 'javascript'])
const SHELL = new Set(['sh', 'bash', 'shell'])
const LOCAL_REDIS = 'redis://localhost:6379'
const RUN_LIMIT_MS = 60_000
const scratch = join(root, '.cache/docs')

interface Example {
  page: string
  line: number
  kind: 'code' | 'shell'
  run: boolean
  text: string
  /** Where it was written to, to be checked and run. */
  file: string
}

export async function checkExamples(pages: ReadonlyMap<string, Page>): Promise<Finding[]> {
  rmSync(scratch, { recursive: true, force: true })
  prepareScratch()
  const findings: Finding[] = []
  const examples: Example[] = []
  for (const [path, page] of pages) findings.push(...collect(path, page, examples))
  for (const { file, text } of examples) {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
  }
  findings.push(...typeCheck(examples), ...examples.flatMap(checkShell))
  // What does not even parse needs no run.
  if (findings.length === 0) findings.push(...(await runAll(examples.filter(example => example.run))))
  return findings
}

function collect(page: string, { fences }: Page, examples: Example[]): Finding[] {
  const findings: Finding[] = []
  for (const fence of fences) {
    const { line, language, flags, text } = fence
    if (flags.includes('no-check')) continue
    if (language === 'json') findings.push(...checkJson(page, fence))
    const kind = CODE.has(language) ? 'code' : SHELL.has(language) ? 'shell' : undefined
    if (kind === undefined) continue
    const run = flags.includes('run')
    const before = examples.at(-1)
    if (flags.includes('continues')) {
      if (before?.page !== page || before.kind !== kind) {
        findings.push({
          place: `${page}:${line}`,
          problem: 'continues an example, and there is none before it.',
        })
        continue
      }
      before.text = pad(before.text, line) + text
      before.run ||= run
      continue
    }
    const file = join(scratch, page, `line-${line}.${kind === 'code' ? 'ts' : 'sh'}`)
    // Empty lines in front make the line numbers of messages those of the page.
    examples.push({ page, line, kind, run, file, text: pad('', line) + text })
  }
  return findings
}

/** As a user's compiler does it: `await using` is TypeScript's on every Node, and Node's own from 24 on. */
async function compile(file: string): Promise<string> {
  const compiled = file.replace(/\.ts$/, '.mjs')
  await build({
    input: file,
    platform: 'node',
    external: id => id !== file && !id.includes('@oxc-project'),
    transform: { target: OLDEST_TARGET },
    output: { file: compiled, sourcemap: 'inline' },
    logLevel: 'silent',
  })
  return compiled
}

/** Lines up to the fence at `line`, so that the text after it stands where it stands on the page. */
function pad(text: string, line: number): string {
  const have = text.split('\n').length - 1
  return text + '\n'.repeat(line - have)
}

function checkJson(page: string, { line, text }: Fence): Finding[] {
  try {
    JSON.parse(text)
    return []
  } catch (error) {
    return [{ place: `${page}:${line}`, problem: `is not JSON: ${String(error)}` }]
  }
}

function prepareScratch(): void {
  mkdirSync(join(scratch, 'bin'), { recursive: true })
  for (const name of ['examples', 'scripts', 'node_modules', 'package.json']) {
    if (existsSync(join(root, name))) symlinkSync(join(root, name), join(scratch, name))
  }
  const program = join(scratch, 'bin/sluice')
  const source = [`--import '${root}/scripts/run-source.ts'`, `'${root}/src/cli/main.ts'`].join(' ')
  writeFileSync(program, `#!/bin/sh\nexec '${process.execPath}' ${source} "$@"\n`)
  chmodSync(program, 0o755)
}

function typeCheck(examples: readonly Example[]): Finding[] {
  const files = examples.filter(({ kind }) => kind === 'code').map(({ file }) => file)
  if (files.length === 0) return []
  const config = {
    extends: join(root, 'tsconfig.json'),
    compilerOptions: {
      rootDir: root,
      // A page shows how a value comes about and need not use it.
      noUnusedLocals: false,
      noUnusedParameters: false,
      typeRoots: [join(root, 'node_modules/@types')],
      paths: Object.fromEntries(
        Object.entries(publicModules).map(([name, path]) => [name, [join(root, path)]]),
      ),
    },
    include: [],
    files,
  }
  const configFile = join(scratch, 'tsconfig.json')
  writeFileSync(configFile, JSON.stringify(config))
  const tsc = spawnSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', configFile], {
    cwd: scratch,
    encoding: 'utf8',
  })
  if (tsc.status === 0) return []
  return tsc.stdout
    .split(/\n(?! )/) // a message goes on in indented lines
    .filter(line => line !== '')
    .map(line => {
      const [, page, at, problem] = /^(.+)\/line-\d+\.ts\((\d+),\d+\): (.*)$/s.exec(line) ?? []
      return { place: page === undefined ? 'examples' : `${page}:${at}`, problem: problem ?? line }
    })
}

function checkShell({ kind, page, line, file, text }: Example): Finding[] {
  if (kind !== 'shell') return []
  const place = `${page}:${line}`
  const parsed = spawnSync('bash', ['-n', file], { encoding: 'utf8' })
  if (parsed.status !== 0) return [{ place, problem: `does not parse: ${parsed.stderr.trim()}` }]
  const named = [...text.matchAll(/\bscripts\/[\w.-]+|\bnpm run [\w:-]+/g)].map(match => match[0])
  return named
    .filter(name =>
      name.startsWith('npm') ? !npmScripts().has(name.slice(8)) : !existsSync(join(root, name)),
    )
    .map(name => ({ place, problem: `names ${name}, which does not exist.` }))
}

function npmScripts(): Set<string> {
  return new Set(Object.keys((JSON.parse(readText('package.json')) as { scripts: object }).scripts))
}

async function runAll(examples: readonly Example[]): Promise<Finding[]> {
  const needsRedis = examples.some(({ text }) => text.includes(LOCAL_REDIS))
  const redis = needsRedis ? await startRedis() : undefined
  try {
    const findings: Finding[] = []
    for (const example of examples) findings.push(...(await runOne(example, redis?.url)))
    return findings
  } finally {
    await redis?.stop()
  }
}

async function runOne(
  { page, line, kind, file, text }: Example,
  redisUrl: string | undefined,
): Promise<Finding[]> {
  if (redisUrl !== undefined) writeFileSync(file, text.replaceAll(LOCAL_REDIS, redisUrl))
  const source = ['--enable-source-maps', '--import', join(root, 'scripts/run-source.ts')]
  const command = kind === 'code' ? [process.execPath, ...source, await compile(file)] : ['bash', '-e', file]
  const [program = '', ...args] = command
  const ended = spawnSync(program, args, {
    cwd: scratch,
    encoding: 'utf8',
    timeout: RUN_LIMIT_MS,
    env: {
      ...process.env,
      PATH: `${join(scratch, 'bin')}:${dirname(process.execPath)}:${process.env.PATH}`,
    },
  })
  if (ended.status === 0) return []
  const why =
    ended.status === null
      ? `was ended by ${ended.signal} (${RUN_LIMIT_MS} ms at most)`
      : `ended with ${ended.status}`
  return [{ place: `${page}:${line}`, problem: `${why}:\n${ended.stderr}${ended.stdout}`.trimEnd() }]
}
