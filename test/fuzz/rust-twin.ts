import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { MANIFEST, whyNoCargo } from '../../scripts/cargo.js'
import type { Run } from '../support/observed-decide.js'
import { LEASE_IDS } from './draws.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** The Rust workspace's program for this fuzz (`native/differential`), fed with the runs that `decide` gets. */
export class RustTwin {
  readonly #program: ChildProcessByStdio<Writable, Readable, null>
  readonly #ended: Promise<unknown>
  #received = Buffer.alloc(0)
  #wake = () => {}
  /** Answers are read one after the other, in the order of what was asked. */
  #last: Promise<unknown> = Promise.resolve()

  private constructor(kind: 'tracks' | 'sessions') {
    const run = [
      'run',
      '--quiet',
      '--locked',
      '--manifest-path',
      MANIFEST,
      '--package',
      'sluice-differential',
    ]
    this.#program = spawn('cargo', [...run, '--', kind, ...LEASE_IDS], {
      cwd: ROOT,
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    // What the program was sent when it ended is told by its code.
    this.#program.stdin.on('error', () => {})
    this.#program.stdout.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk])
      this.#wake()
    })
    this.#ended = once(this.#program, 'close').finally(() => this.#wake())
  }

  /**
   * Builds and starts the program; without a cargo that can, says so and answers `undefined`.
   *
   * @param kind `tracks`: single checks on one key, answered as `ObservedDecide` does; `sessions`: requests to a memory
   * engine, answered by the replies alone
   */
  static async start(kind: 'tracks' | 'sessions'): Promise<RustTwin | undefined> {
    const why = whyNoCargo()
    if (why !== undefined) {
      console.log(`NOT RUN: Rust as the third in the differential fuzz: ${why}`)
      return undefined
    }
    const twin = new RustTwin(kind)
    await twin.run([])
    return twin
  }

  /** Makes the runs one after the other on new keys, and answers what they did. */
  run(runs: readonly Run[]): Promise<Buffer> {
    const numbers = runs.map(({ keys, block }) => [
      Buffer.from(new Float64Array([keys.length, ...keys, block.length / 8]).buffer),
      block,
    ])
    const body = Buffer.concat(numbers.flat())
    this.#program.stdin.write(Buffer.concat([double(body.length / 8), body]))
    const answer = this.#last.then(async () => this.#take((await this.#take(8)).readDoubleLE()))
    this.#last = answer.catch(() => {})
    return answer
  }

  async close(): Promise<void> {
    this.#program.stdin.end()
    await this.#ended
  }

  async #take(length: number): Promise<Buffer> {
    while (this.#received.length < length) {
      if (this.#program.exitCode !== null || this.#program.signalCode !== null) {
        throw new Error(`the Rust program ended with ${this.#program.exitCode ?? this.#program.signalCode}`)
      }
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    }
    const taken = this.#received.subarray(0, length)
    this.#received = this.#received.subarray(length)
    return taken
  }
}

const double = (value: number): Buffer => Buffer.from(new Float64Array([value]).buffer)
