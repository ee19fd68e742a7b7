/** What `verify.ts` does with the Rust workspace, and whether this machine can. */
import { spawnSync } from 'node:child_process'
import { readText } from './files.ts'

const MANIFEST = 'native/Cargo.toml'
const cargo = (...args: string[]): string[] => ['cargo', ...args]

/** First, and alone with the network: all later steps find everything on disk. */
const fetchCrates = { name: 'Rust: crates', command: cargo('fetch', '--locked', '--manifest-path', MANIFEST) }

export const nativeChecks: ReadonlyArray<{ name: string; command: readonly string[] }> = [
  fetchCrates,
  { name: 'Rust: format', command: cargo('fmt', '--all', '--check', '--manifest-path', MANIFEST) },
  {
    name: 'Rust: lint',
    command: [
      ...cargo('clippy', '--locked', '--manifest-path', MANIFEST, '--workspace', '--all-targets'),
      ...['--', '-D', 'warnings'],
    ],
  },
  {
    name: 'Rust: licenses, sources, advisories',
    command: cargo('run', '--quiet', '--locked', '--manifest-path', MANIFEST, '--package', 'sluice-audit'),
  },
]

/** Builds everything that tests use, the examples included, and runs all tests of the workspace but the benchmarks. */
export const nativeTests: readonly string[] = cargo(
  ...['test', '--locked', '--no-fail-fast', '--manifest-path', MANIFEST],
)

/** Why the Rust workspace cannot be built here; `undefined` when it can. */
export function whyNoCargo(): string | undefined {
  for (const args of [['fmt'], ['clippy'], []]) {
    const { error, status, stdout } = spawnSync('cargo', [...args, '--version'], { encoding: 'utf8' })
    if (error !== undefined) return 'there is no cargo in PATH'
    if (status !== 0) return `there is no \`${['cargo', ...args].join(' ')}\``
    if (args.length > 0) continue
    const version = /\d+\.\d+/.exec(stdout)?.[0] ?? '0.0'
    const oldest = /^rust-version = "(\d+\.\d+)"$/m.exec(readText(MANIFEST))?.[1] ?? '0.0'
    if (minor(version) < minor(oldest)) return `cargo is ${version}, and the crates need ${oldest}`
  }
  return undefined
}

/** `1.88` → 1088 */
const minor = (version: string): number => {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return 1000 * major + minor
}

/** Sums up what each program of `cargo test` said in its last line. */
export function countCargoTests(output: string): { passed: number; failed: number; skipped: number } {
  const sum = { passed: 0, failed: 0, skipped: 0 }
  for (const [, passed, failed, ignored] of output.matchAll(
    /^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored;/gm,
  )) {
    sum.passed += Number(passed)
    sum.failed += Number(failed)
    sum.skipped += Number(ignored)
  }
  return sum
}
