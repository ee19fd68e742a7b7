import { z } from 'zod'
import type { Plan } from '../core/plan.js'
import { Op, type Step, Write } from '../core/step.js'
import { type Clock, systemClock } from '../core/time.js'
import { OptionError, SnapshotError } from '../errors.js'
import { warnProcess } from '../events.js'
import type { Limit } from '../policy.js'
import type { Check, CheckOutcome, DecideOptions, Outcome, Source, SyncEngine } from './engine.js'
import { readSnapshot, UnknownVersion, writeSnapshot } from './file-snapshot.js'
import { FileStore } from './file-store.js'
import {
  DEFAULT_MAX_KEYS,
  MemoryEngine,
  type MemoryEngineOptions,
  type MemoryStats,
} from './memory-engine.js'
import { MemoryKeys } from './memory-keys.js'
import { CorruptState } from './stored-state.js'

export interface FileEngineOptions extends MemoryEngineOptions {
  /** Where the snapshot is kept, in a folder that exists. Beside it stand `<path>.lock` and, for a moment, `<path>.tmp`. */
  readonly path: string
  /** ms from the first change after a snapshot to the next one: what a crash can lose. Default: 1000. */
  readonly intervalMs?: number
  /**
   * Told when a snapshot could not be read (it was set aside, and counting began anew) or could not be saved (it is tried
   * again), never before the constructor has returned. Default: a process warning.
   */
  readonly onWarning?: (message: string, error: unknown) => void
}

/** The longest delay that a timer of Node takes. */
const TIMER_MS_MAX = 2 ** 31 - 1

const Options = z.strictObject({
  path: z.string().min(1),
  intervalMs: z.int().min(1).max(TIMER_MS_MAX).optional(),
  maxKeys: z.int().optional(),
  clock: z.custom<Clock>(isClock, "must have a method 'nowUs'").optional(),
  onWarning: z.custom<() => void>(value => typeof value === 'function', 'must be a function').optional(),
})

function isClock(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'nowUs' in value && typeof value.nowUs === 'function'
}

/** Those that change a key though they take nothing. */
const isOnWholeKey = (op: Op): boolean => op >= Op.reset && op <= Op.unblock

/**
 * Decides in this process and keeps its counters in a file: a snapshot is saved some time after a change, and by
 * `close`. The next engine on the file goes on with them; the time between counts as elapsed. A crash loses what was
 * counted since the last snapshot, never more: the file is replaced as a whole or not at all. The timer of the
 * next snapshot keeps no process alive, so a process that ends by itself should `close` first.
 */
export class FileEngine implements SyncEngine {
  readonly source: Source = 'file'
  readonly #store: FileStore
  readonly #keys: MemoryKeys
  readonly #memory: MemoryEngine
  readonly #clock: Clock
  readonly #intervalMs: number
  readonly #warn: (message: string, error: unknown) => void
  /** Whether something changed since the last snapshot was begun. */
  #changed = false
  #timer: NodeJS.Timeout | undefined
  #saving: Promise<void> = Promise.resolve()
  #failing = false
  #closing: Promise<void> | undefined

  /**
   * Opens the file and reads the snapshot at once, so that no check is decided without it. A file that is cut off, damaged
   * or no snapshot at all is set aside as `<path>.corrupt-1`, `-2`, …, with a warning.
   *
   * @throws FileLockedError when another process, or another engine of this one, has the file
   * @throws SnapshotError when the file cannot be read, a newer version saved it, or its folder is missing or cannot be written
   * @throws OptionError naming each option that cannot be accepted
   */
  constructor(options: FileEngineOptions) {
    const parsed = Options.safeParse(options)
    if (!parsed.success)
      throw new OptionError(`options of the file engine:\n${z.prettifyError(parsed.error)}`)
    const { path, clock = systemClock, maxKeys = DEFAULT_MAX_KEYS } = options
    this.#clock = clock
    this.#intervalMs = options.intervalMs ?? 1000
    this.#warn = options.onWarning ?? warnProcess
    const empty = new MemoryKeys(maxKeys)
    this.#store = new FileStore(path)
    try {
      this.#keys = this.#restore(empty)
    } catch (error) {
      this.#store.release()
      throw error
    }
    this.#memory = MemoryEngine.on(this.#keys, clock)
  }

  /** Of the snapshot: absolute, without symbolic links. */
  get path(): string {
    return this.#store.path
  }

  get lastNowUs(): number {
    return this.#memory.lastNowUs
  }

  decideOne(
    limit: Limit,
    plan: Plan,
    subject: string,
    op: Op,
    n: number,
    at: number,
    leaseId?: string,
  ): Readonly<Step> {
    const step = this.#memory.decideOne(limit, plan, subject, op, n, at, leaseId)
    if (step.write !== Write.none || isOnWholeKey(op)) this.#note()
    return step
  }

  consumeLive(limit: Limit, plan: Plan, text: string, n: number): Readonly<Step> | undefined {
    const step = this.#memory.consumeLive(limit, plan, text, n)
    if (step !== undefined && step.write !== Write.none) this.#note()
    return step
  }

  decideSync(request: readonly Check[]): Outcome {
    const outcome = this.#memory.decideSync(request)
    const changed = request.some(
      ({ op }, i) => isOnWholeKey(op) || (op !== Op.peek && (outcome.checks[i] as CheckOutcome).granted > 0),
    )
    // A refused request may have repaired a state. That is done again when it is needed, so it asks for no snapshot.
    if (changed) this.#note()
    return outcome
  }

  async decide(request: readonly Check[], options?: DecideOptions): Promise<Outcome> {
    options?.signal?.throwIfAborted()
    return this.decideSync(request)
  }

  ready(): Promise<void> {
    return this.#memory.ready()
  }

  stats(): MemoryStats {
    return this.#memory.stats()
  }

  /** Saves what has changed, now. @throws SnapshotError; the snapshot before it is untouched then */
  save(): Promise<void> {
    const saved = this.#saving.then(() => this.#save())
    this.#saving = saved.catch(() => {})
    return saved
  }

  /** Saves what has changed and lets the file go. @throws SnapshotError when it could not be saved */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await this.#memory.close()
    clearTimeout(this.#timer)
    try {
      await this.save()
    } finally {
      this.#store.release()
    }
  }

  #restore(keys: MemoryKeys): MemoryKeys {
    const bytes = this.#store.read()
    if (bytes === undefined) return keys
    try {
      readSnapshot(bytes, keys, this.#clock.nowUs())
      return keys
    } catch (error) {
      const { path } = this.#store
      if (error instanceof UnknownVersion) {
        throw new SnapshotError(
          path,
          `${path} cannot be read: ${error.message}; install the Sluice that saved it, or use another file`,
          { cause: error },
        )
      }
      if (!(error instanceof CorruptState)) throw error
      const aside = this.#store.setAside()
      const message =
        `${path} is no snapshot that can be read (${error.message}): it was set aside as ${aside}, ` +
        `and counting begins anew`
      // Not yet: whoever makes the engine has had no time to listen.
      queueMicrotask(() => this.#warn(message, new SnapshotError(path, message, { cause: error })))
      return new MemoryKeys(keys.maxKeys)
    }
  }

  /** Something changed: a snapshot is due. */
  #note(): void {
    if (this.#changed) return
    this.#changed = true
    // What closes saves without being asked.
    if (this.#closing !== undefined) return
    this.#timer = setTimeout(() => void this.#saveInTime(), this.#intervalMs).unref()
  }

  async #saveInTime(): Promise<void> {
    try {
      await this.save()
    } catch (error) {
      // Told once, not every second that a disk is full.
      if (!this.#failing) this.#warn(`${(error as Error).message}; it is tried again`, error)
      this.#failing = true
    }
  }

  async #save(): Promise<void> {
    if (!this.#changed) return
    this.#changed = false
    clearTimeout(this.#timer)
    try {
      await this.#store.replace(writeSnapshot(this.#keys, () => this.#clock.nowUs()))
      this.#failing = false
    } catch (error) {
      this.#note()
      throw error
    }
  }
}
