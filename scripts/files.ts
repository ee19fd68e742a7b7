import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The checkout's root, without a slash at its end. */
export const root = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '')

/** What a check has to say about one place; a check that passes has nothing to say. */
export interface Finding {
  /** `src/limiter.ts` or `src/limiter.ts:12` */
  place: string
  problem: string
}

/** Paths from the root of every file that is tracked, or new and not ignored, and is really there. */
export function projectFiles(...patterns: string[]): string[] {
  const listed = git('ls-files', '--cached', '--others', '--exclude-standard', '--', ...patterns)
  return [...new Set(listed)].filter(path => existsSync(join(root, path))).sort()
}

export function git(...args: string[]): string[] {
  const out = execFileSync('git', args, { cwd: root, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 })
  return out.split('\n').filter(line => line !== '')
}

export function readText(path: string): string {
  return readFileSync(join(root, path), 'utf8')
}

/** Prints the findings and sets the exit code. `checked` says what was looked at: "120 files". */
export function report(name: string, checked: string, findings: readonly Finding[]): void {
  for (const { place, problem } of findings) console.error(`${place}: ${problem}`)
  if (findings.length > 0) process.exitCode = 1
  else console.log(`${name}: ${checked}, nothing to say`)
}
