import { crc32 } from 'node:zlib'
import { z } from 'zod'
import { type CircuitState, circuitNumbers, circuitOf, Phase } from '../core/circuit-state.js'
import type { Timers } from '../core/timers.js'
import { FileStore } from '../engine/file-store.js'
import { SnapshotError } from '../errors.js'
import type { Circuit } from './circuit.js'

/**
 * A snapshot is two lines of JSON: the circuits, and the checksum of the line before it.
 *
 *     {"format":"sluice-circuits","version":1,"circuits":[["identity","name",[…numbers]],…]}
 *     {"crc32":"0f3c…"}
 *
 * Times are absolute, so the time between saving and reading counts.
 */
const FORMAT = 'sluice-circuits'

const Line = z.object({
  format: z.literal(FORMAT),
  version: z.literal(1),
  circuits: z.array(z.tuple([z.string(), z.string(), z.array(z.number())])),
})
const Footer = z.object({ crc32: z.string() })

export interface FileCircuitsOptions {
  readonly path: string
  /** ms from a change to the snapshot that has it. */
  readonly intervalMs: number
  readonly timers: Timers
  /** Those to be saved. */
  circuits(): Iterable<Circuit>
  onWarning(message: string, error: unknown): void
}

/** The file that circuits of one process survive in. */
export class FileCircuits {
  readonly #options: FileCircuitsOptions
  readonly #file: FileStore
  #changed = false
  #cancel: () => void = () => {}
  #saving: Promise<void> = Promise.resolve()
  #failing = false

  /** @throws FileLockedError, SnapshotError when the file cannot be had */
  constructor(options: FileCircuitsOptions) {
    this.#options = options
    this.#file = new FileStore(options.path)
  }

  /**
   * Hands over what the file has. One that is cut off, damaged or no snapshot is set aside with a warning.
   *
   * @throws SnapshotError when it cannot be read
   */
  restore(add: (identity: string, name: string, state: CircuitState) => void): void {
    try {
      const bytes = this.#file.read()
      if (bytes === undefined) return
      const circuits = read(bytes.toString('utf8'))
      if (circuits !== undefined) {
        for (const [identity, name, state] of circuits) add(identity, name, state)
        return
      }
    } catch (error) {
      this.#file.release()
      throw error
    }
    const { path } = this.#file
    const aside = this.#file.setAside()
    const message = `${path} is no snapshot of circuits that can be read: it was set aside as ${aside}, and all are closed`
    // Not yet: whoever makes the breaker has had no time to listen.
    queueMicrotask(() => this.#options.onWarning(message, new SnapshotError(path, message)))
  }

  /** Something changed: a snapshot is due. */
  note(): void {
    if (this.#changed) return
    this.#changed = true
    this.#cancel = this.#options.timers.after(this.#options.intervalMs, () => {
      this.save().catch(error => {
        // Told once, not every second that a disk is full.
        if (!this.#failing) this.#options.onWarning(`${(error as Error).message}; it is tried again`, error)
        this.#failing = true
      })
    })
  }

  /** Saves what has changed, now. @throws SnapshotError; the snapshot before it is untouched then */
  save(): Promise<void> {
    const saved = this.#saving.then(() => this.#replace())
    this.#saving = saved.catch(() => {})
    return saved
  }

  /** Saves what has changed and lets the file go. @throws SnapshotError when it could not be saved */
  async close(): Promise<void> {
    try {
      await this.save()
    } finally {
      this.#cancel()
      this.#file.release()
    }
  }

  async #replace(): Promise<void> {
    if (!this.#changed) return
    this.#changed = false
    this.#cancel()
    try {
      await this.#file.replace([Buffer.from(textOf(this.#options.circuits()))])
      this.#failing = false
    } catch (error) {
      this.note()
      throw error
    }
  }
}

function textOf(circuits: Iterable<Circuit>): string {
  const rows = []
  for (const { identity, name, state } of circuits) {
    if (state !== undefined) rows.push([identity, name, circuitNumbers(state)])
  }
  const line = `${JSON.stringify({ format: FORMAT, version: 1, circuits: rows })}\n`
  return `${line}${JSON.stringify({ crc32: crc32(line).toString(16) })}\n`
}

/** Undefined where the text cannot be trusted. */
function read(text: string): readonly (readonly [string, string, CircuitState])[] | undefined {
  const end = text.indexOf('\n') + 1
  const line = text.slice(0, end)
  try {
    const footer = Footer.parse(JSON.parse(text.slice(end)))
    if (footer.crc32 !== crc32(line).toString(16)) return undefined
    return Line.parse(JSON.parse(line)).circuits.map(([identity, name, numbers]) => {
      const state = circuitOf(numbers)
      if (state === undefined) throw new Error('a row is no circuit')
      return [identity, name, afterRestart(state)] as const
    })
  } catch {
    return undefined
  }
}

/** Calls and probes ended with their process: what they would tell counts no more, and the next probe may go at once. */
function afterRestart(state: CircuitState): CircuitState {
  const isHalfOpen = state.phase === Phase.halfOpen
  return {
    ...state,
    phase: isHalfOpen ? Phase.open : state.phase,
    untilUs: isHalfOpen ? 0 : state.untilUs,
    generation: state.generation + 1,
    successes: 0,
    probes: [],
  }
}
