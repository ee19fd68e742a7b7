import { spawn } from 'node:child_process'
import { PassThrough } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { vi } from 'vitest'
import { run } from '../../src/cli/program.js'

const root = new URL('../../', import.meta.url)

export const exampleLog = fileURLToPath(new URL('examples/access.log', root))

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  /** What stands on standard input, which ends after it. */
  readonly input?: string | Buffer
  readonly env?: Readonly<Record<string, string>>
}

/** Starts the command line of this checkout as a process of its own, without a terminal. */
export function spawnCli(args: readonly string[], env: RunOptions['env'] = {}) {
  const { SLUICE_STORE: _, FORCE_COLOR: __, ...inherited } = process.env
  const source = ['--import', fileURLToPath(new URL('scripts/run-source.ts', root))]
  return spawn(process.execPath, [...source, fileURLToPath(new URL('src/cli/main.ts', root)), ...args], {
    env: { ...inherited, NO_COLOR: '1', ...env },
    stdio: 'pipe',
  })
}

// Whoever runs the tests may have asked for colours; the commands are not at a terminal.
vi.stubEnv('FORCE_COLOR', undefined)

/** Runs the command line in this process, where what matters is what it says: fifty times as fast. */
export async function runHere(args: readonly string[]): Promise<Ended> {
  const printed = {
    stdout: new PassThrough({ encoding: 'utf8' }),
    stderr: new PassThrough({ encoding: 'utf8' }),
  }
  const code = await run(args, printed)
  return { code, stdout: printed.stdout.read() ?? '', stderr: printed.stderr.read() ?? '' }
}

/** Runs the command line to its end. */
export function runCli(args: readonly string[], { input = '', env }: RunOptions = {}): Promise<Ended> {
  const child = spawnCli(args, env)
  const printed = { stdout: '', stderr: '' }
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (text: string) => {
      printed[stream] += text
    })
  }
  // A program that has failed already does not read on.
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', code => resolve({ code, ...printed }))
  })
}
