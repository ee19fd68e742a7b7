/** What `verify.ts` does with the Rust workspace. */
import { MANIFEST } from './cargo.ts'

const cargo = (subcommand: string, ...args: string[]): readonly string[] => [
  ...['cargo', subcommand, '--manifest-path', MANIFEST],
  ...args,
]

export const nativeChecks: ReadonlyArray<{ name: string; command: readonly string[] }> = [
  // First, and alone with the network: all later steps find everything on disk.
  { name: 'Rust: crates', command: cargo('fetch', '--locked') },
  { name: 'Rust: format', command: cargo('fmt', '--all', '--check') },
  {
    name: 'Rust: lint',
    command: cargo('clippy', '--locked', '--workspace', '--all-targets', '--', '-D', 'warnings'),
  },
  {
    name: 'Rust: licenses, sources, advisories',
    command: cargo('run', '--quiet', '--locked', '--package', 'sluice-audit'),
  },
]

/** Builds what all tests use, and runs those of the whole workspace but the benchmarks. */
export const nativeTests = cargo('test', '--locked', '--no-fail-fast')

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
