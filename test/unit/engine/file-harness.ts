import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach } from 'vitest'
import { Op } from '../../../src/core/step.js'
import { FileEngine, type FileEngineOptions } from '../../../src/engine/file-engine.js'
import type { Limit } from '../../../src/policy.js'
import { checkOf, StandingClock } from './limits.js'

/** So long that no snapshot is saved but when it is asked for. */
const NEVER_MS = 1_000_000_000

/** A folder for each test with a file in it, engines on the file, and what they warned of. */
export class FileHarness {
  folder = ''
  path = ''
  clock = new StandingClock()
  warnings: string[] = []
  #opened: FileEngine[] = []

  constructor() {
    beforeEach(() => {
      this.folder = mkdtempSync(join(tmpdir(), 'sluice-file-'))
      this.path = join(this.folder, 'limits.json')
      this.clock = new StandingClock()
      this.warnings = []
      this.#opened = []
    })
    afterEach(async () => {
      await Promise.allSettled(this.#opened.map(engine => engine.close()))
      rmSync(this.folder, { recursive: true, force: true })
    })
  }

  open(options: Partial<FileEngineOptions> = {}): FileEngine {
    const { path, clock } = this
    const onWarning = (message: string) => this.warnings.push(message)
    const engine = new FileEngine({ path, clock, intervalMs: NEVER_MS, onWarning, ...options })
    this.#opened.push(engine)
    return engine
  }

  /** Files that were set aside. */
  aside(): readonly string[] {
    return readdirSync(this.folder).filter(name => name.startsWith(`${basename(this.path)}.corrupt-`))
  }

  /** What makes Node run a program of this folder's `programs` on the file. */
  program(name: string): readonly string[] {
    return ['--import', './scripts/run-source.ts', join(import.meta.dirname, 'programs', name), this.path]
  }

  /** A process that counts in the file; resolves once it has saved a snapshot. */
  async startCounter(): Promise<{ readonly child: ChildProcess; readonly saved: () => number }> {
    const child = spawn(process.execPath, this.program('file-counter.ts'), {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let saved = 0
    const lines = createInterface({ input: child.stdout })
    lines.on('line', line => {
      saved = Number(line)
    })
    await once(lines, 'line')
    return { child, saved: () => saved }
  }
}

export async function kill(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL')
  await once(child, 'close')
}

export const remaining = (engine: FileEngine, limit: Limit, subject: string): number =>
  engine.decideSync([checkOf(limit, subject, { op: Op.peek })]).checks[0]?.remaining as number
