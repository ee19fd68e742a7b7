/**
 * Runs every check of the project and every test, and ends with one line: `N passed, N failed`, where each check
 * counts as one and each test as one. A check shows what it printed only when it fails.
 *   node scripts/verify.ts [--project unit]...    some projects' tests only, after all checks; `native` is the Rust tests
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { z } from 'zod'
import { whyNoCargo } from './cargo.ts'
import { root } from './files.ts'
import { countCargoTests, nativeChecks, nativeTests } from './verify-native.ts'

const node = process.execPath
const bin = (name: string) => join(root, 'node_modules/.bin', name)

/** In order: what is quick and tells most comes first. */
const checks: ReadonlyArray<{ name: string; command: readonly string[] }> = [
  { name: 'format and lint', command: [bin('biome'), 'check', '--error-on-warnings', '.'] },
  { name: 'types', command: [bin('tsc'), '--noEmit'] },
  { name: 'imports go one way', command: [node, 'scripts/check-imports.ts'] },
  { name: 'files and clocks', command: [node, 'scripts/check-tree.ts'] },
  { name: 'nothing unused', command: [bin('knip'), '--no-progress', '--treat-config-hints-as-errors'] },
  { name: 'Lua is built', command: [node, 'scripts/build-lua.ts', '--check'] },
  { name: 'documents', command: [node, 'scripts/check-docs.ts'] },
]

/** What `--project` calls the tests of the Rust workspace. */
const NATIVE = 'native'

const vitestReport = z.object({
  numPassedTests: z.number(),
  numFailedTests: z.number(),
  numPendingTests: z.number(),
  numTodoTests: z.number(),
  testResults: z.array(
    z.object({ status: z.string(), assertionResults: z.array(z.object({ status: z.string() })) }),
  ),
})

// Everything temporary of this run is in one folder, and every process in the group of a child of ours: whatever
// ends the run, nothing is left behind.
const scratch = mkdtempSync(join(tmpdir(), 'sluice-test-'))
let running: ChildProcess | undefined

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, signal)
  } catch {
    // The group is gone already.
  }
}

process.on('exit', () => {
  if (running !== undefined) signalGroup(running, 'SIGKILL')
  rmSync(scratch, { recursive: true, force: true, maxRetries: 3 })
})
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const) {
  process.on(signal, () => process.exit(code))
}

interface Ended {
  code: number
  /** Empty when it was shown as it came. */
  output: string
}

function run(command: readonly string[], show: boolean): Promise<Ended> {
  return new Promise(resolve => {
    const [program = '', ...args] = command
    const child = spawn(program, args, {
      cwd: root,
      detached: true,
      stdio: ['ignore', show ? 'inherit' : 'pipe', show ? 'inherit' : 'pipe'],
      env: { ...process.env, TMPDIR: scratch },
    })
    running = child
    let output = ''
    const keep = (chunk: Buffer) => {
      output += chunk.toString()
    }
    child.stdout?.on('data', keep)
    child.stderr?.on('data', keep)
    child.once('error', cause => resolve({ code: 127, output: `${program}: ${cause.message}\n` }))
    child.once('close', code => {
      // Servers that its processes started and did not stop go with it.
      signalGroup(child, 'SIGKILL')
      running = undefined
      resolve({ code: code ?? 1, output })
    })
  })
}

const total = { passed: 0, failed: 0, skipped: 0 }

async function runCheck({ name, command }: (typeof checks)[number]): Promise<void> {
  const { code, output } = await run(command, false)
  if (code === 0) {
    total.passed++
    console.log(`ok      ${name}`)
  } else {
    total.failed++
    console.log(`FAILED  ${name}\n${output.trimEnd()}\n`)
  }
}

async function runNativeTests(): Promise<void> {
  const { code, output } = await run(nativeTests, false)
  const counted = countCargoTests(output)
  // What does not compile fails without a test that does.
  const failed = counted.failed === 0 && code !== 0 ? 1 : counted.failed
  total.passed += counted.passed
  total.failed += failed
  total.skipped += counted.skipped
  if (failed > 0) console.log(`FAILED  Rust: tests\n${output.trimEnd()}\n`)
  else console.log(`ok      Rust: ${counted.passed} tests`)
}

async function runTests(projects: readonly string[]): Promise<void> {
  const file = join(scratch, 'vitest.json')
  const command = [bin('vitest'), 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${file}`]
  const { code } = await run([...command, ...projects.map(project => `--project=${project}`)], true)

  let told: z.infer<typeof vitestReport>
  try {
    told = vitestReport.parse(JSON.parse(readFileSync(file, 'utf8')))
  } catch {
    console.log(`FAILED  the tests ended with code ${code} and without a report`)
    total.failed++
    return
  }
  // A file can fail without a test that does: by its imports, or by what it prepares for all of them.
  const brokenFiles = told.testResults.filter(
    file => file.status === 'failed' && !file.assertionResults.some(({ status }) => status === 'failed'),
  ).length
  const failed = told.numFailedTests + brokenFiles
  total.passed += told.numPassedTests
  total.skipped += told.numPendingTests + told.numTodoTests
  // An error outside every test fails the run and none of its tests.
  total.failed += failed === 0 && code !== 0 ? 1 : failed
}

const { values } = parseArgs({ options: { project: { type: 'string', multiple: true, default: [] } } })
const projects = values.project.filter(project => project !== NATIVE)
for (const check of checks) await runCheck(check)

const noCargo = whyNoCargo()
if (noCargo === undefined) {
  for (const check of nativeChecks) await runCheck(check)
  if (values.project.length === 0 || values.project.includes(NATIVE)) await runNativeTests()
} else {
  total.skipped++
  console.log(
    `NOT RUN the checks and tests of the Rust workspace: ${noCargo}. Everything else runs without it.`,
  )
}
if (values.project.length === 0 || projects.length > 0) await runTests(projects)

console.log(
  `${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ''}`,
)
process.exitCode = total.failed > 0 ? 1 : 0
