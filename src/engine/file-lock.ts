import { randomUUID } from 'node:crypto'
import {
  closeSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { FileLockedError } from '../errors.js'
import { describeHolder, isRunning, ownHolder, parseHolder } from './file-lock-holder.js'

/** How often a holder touches its lock. */
const TOUCH_EVERY_MS = 1_000
/** A lock whose holder cannot be seen from here is watched for this long, and this often looked at. */
const WATCHED_MS = 5_000
const LOOK_EVERY_MS = 100
/** Untouched for this long it needs no watching: machines that share a folder agree on the time better than that. */
const LEFT_BEHIND_AFTER_MS = 60_000
const ATTEMPTS_MAX = 10

/**
 * A lock file beside a file: one process at a time. A lock that a crashed process left is taken over: at once where the
 * system tells that no such process runs; from another machine or container, where pids say nothing, when it is not touched
 * any more. Whoever holds a lock could stand still for that long, and therefore makes sure with `isHeld` before it
 * writes.
 */
export class FileLock {
  readonly #path: string
  readonly #token = randomUUID()
  readonly #timer: NodeJS.Timeout

  /**
   * Blocks for up to five seconds when it has to see whether a lock is still touched.
   *
   * @throws FileLockedError naming the holder, when another one holds it
   */
  constructor(file: string) {
    this.#path = `${file}.lock`
    acquire(file, this.#path, JSON.stringify(ownHolder(this.#token)))
    this.#timer = setInterval(() => this.#touch(), TOUCH_EVERY_MS).unref()
  }

  /** Whether the lock is still this one: it may have been taken over from a process that stood still for long. */
  isHeld(): boolean {
    return parseHolder(readText(this.#path) ?? '')?.token === this.#token
  }

  release(): void {
    clearInterval(this.#timer)
    if (this.isHeld()) rmSync(this.#path, { force: true })
  }

  #touch(): void {
    const now = new Date()
    try {
      if (this.isHeld()) utimesSync(this.#path, now, now)
    } catch {
      // The next snapshot meets the same trouble and tells of it.
    }
  }
}

function acquire(file: string, lockPath: string, own: string): void {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    if (create(lockPath, own)) return
    const found = readText(lockPath)
    if (found === undefined) continue
    if (isLeftBehind(lockPath, found)) removeLeftBehind(lockPath, found)
    else if (readText(lockPath) === found) throw new FileLockedError(file, describeHolder(parseHolder(found)))
  }
  throw new FileLockedError(file, 'processes that take the lock from one another')
}

/** @returns false when there is a lock */
function create(lockPath: string, own: string): boolean {
  let file: number
  try {
    file = openSync(lockPath, 'wx')
  } catch (error) {
    if (isCode(error, 'EEXIST')) return false
    throw error
  }
  try {
    writeFileSync(file, own)
  } catch (error) {
    // The disk is full. An empty lock would keep others out for nothing.
    rmSync(lockPath, { force: true })
    throw error
  } finally {
    closeSync(file)
  }
  return true
}

/** Moves the lock away rather than deleting it, to see whether it is still the one that was judged. */
function removeLeftBehind(lockPath: string, judged: string): void {
  const aside = `${lockPath}.${randomUUID()}`
  try {
    renameSync(lockPath, aside)
  } catch (error) {
    if (isCode(error, 'ENOENT')) return
    throw error
  }
  try {
    // Another process was faster, and this is its new lock: it gets it back.
    if (readText(aside) !== judged) linkSync(aside, lockPath)
  } catch (error) {
    if (!isCode(error, 'EEXIST')) throw error
  } finally {
    rmSync(aside, { force: true })
  }
}

function isLeftBehind(lockPath: string, found: string): boolean {
  const holder = parseHolder(found)
  const running = holder && isRunning(holder)
  return running === undefined ? isUntouched(lockPath) : !running
}

/** Blocks: the engine has to be ready when its constructor returns, and a lock to watch is rare. */
function isUntouched(lockPath: string): boolean {
  const firstMs = touchedMs(lockPath)
  if (Date.now() - firstMs > LEFT_BEHIND_AFTER_MS) return true
  const sleeper = new Int32Array(new SharedArrayBuffer(4))
  for (let watchedMs = 0; watchedMs < WATCHED_MS; watchedMs += LOOK_EVERY_MS) {
    Atomics.wait(sleeper, 0, 0, LOOK_EVERY_MS)
    if (touchedMs(lockPath) !== firstMs) return false
  }
  return true
}

/** When the lock was last touched or written; 0 when there is none any more. */
const touchedMs = (lockPath: string): number => statSync(lockPath, { throwIfNoEntry: false })?.mtimeMs ?? 0

/** Undefined when there is no such file. */
function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined
    throw error
  }
}

const isCode = (error: unknown, code: string): boolean => (error as NodeJS.ErrnoException).code === code
