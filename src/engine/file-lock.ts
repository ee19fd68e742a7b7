import { randomUUID } from 'node:crypto'
import { linkSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { z } from 'zod'
import { FileLockedError } from '../errors.js'

/** How often a holder touches its lock, and after how long an untouched one of another machine counts as left behind. */
const TOUCH_EVERY_MS = 10_000
const LEFT_BEHIND_AFTER_MS = 60_000
/** A lock is written a moment after it is made; one that stays unreadable for longer was left by a crash in between. */
const WRITTEN_AFTER_MS = 5_000
const ATTEMPTS_MAX = 10

const Holder = z.strictObject({
  pid: z.int().positive(),
  host: z.string(),
  /** When the process started, in the words of the system, where it tells: pids are given again. */
  started: z.string().optional(),
  token: z.string(),
})

type Holder = z.infer<typeof Holder>

/**
 * A lock file beside a file: one process at a time. A lock that a crashed process left is taken over: on this machine
 * when no such process runs, from another machine when it was not touched for a minute. Whoever holds a lock therefore
 * makes sure with `isHeld` before it writes.
 */
export class FileLock {
  readonly #path: string
  readonly #token: string
  readonly #timer: NodeJS.Timeout

  /** @throws FileLockedError naming the holder, when another one holds it */
  constructor(file: string) {
    this.#path = `${file}.lock`
    this.#token = randomUUID()
    const started = startOf(process.pid)
    const own: Holder = {
      pid: process.pid,
      host: hostname(),
      token: this.#token,
      ...(started && { started }),
    }
    acquire(file, this.#path, JSON.stringify(own))
    this.#timer = setInterval(() => this.#touch(), TOUCH_EVERY_MS).unref()
  }

  /** Whether the lock is still this one: it may have been taken over from a process that stood still for long. */
  isHeld(): boolean {
    return readHolder(this.#path)?.token === this.#token
  }

  release(): void {
    clearInterval(this.#timer)
    if (this.isHeld()) rmSync(this.#path, { force: true })
  }

  #touch(): void {
    const now = new Date()
    if (this.isHeld()) utimesSync(this.#path, now, now)
  }
}

function acquire(file: string, lockPath: string, own: string): void {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    try {
      writeFileSync(lockPath, own, { flag: 'wx' })
      return
    } catch (error) {
      if (!isCode(error, 'EEXIST')) throw error
    }
    const found = readText(lockPath)
    if (found === undefined) continue
    const holder = parseHolder(found)
    if (!isLeftBehind(lockPath, holder)) throw new FileLockedError(file, describe(holder))
    removeLeftBehind(lockPath, found)
  }
  throw new FileLockedError(file, 'processes that take the lock from one another')
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

function isLeftBehind(lockPath: string, holder: Holder | undefined): boolean {
  const untouchedMs = Date.now() - (statSync(lockPath, { throwIfNoEntry: false })?.mtimeMs ?? 0)
  if (holder === undefined) return untouchedMs > WRITTEN_AFTER_MS
  if (holder.host !== hostname()) return untouchedMs > LEFT_BEHIND_AFTER_MS
  return !isRunning(holder.pid) || startOf(holder.pid) !== holder.started
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: it runs, under another user.
    return !isCode(error, 'ESRCH')
  }
}

/** When a process started; undefined where the system has no /proc. */
function startOf(pid: number): string | undefined {
  const stat = readText(`/proc/${pid}/stat`)
  // The 22nd field. The second is the name in parentheses, which may itself hold spaces and parentheses.
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
}

const describe = (holder: Holder | undefined): string =>
  holder === undefined
    ? 'a process that is just starting'
    : holder.pid === process.pid && holder.host === hostname()
      ? `this very process (pid ${holder.pid})`
      : `the process with pid ${holder.pid}${holder.host === hostname() ? '' : ` on ${holder.host}`}`

const readHolder = (lockPath: string): Holder | undefined => parseHolder(readText(lockPath) ?? '')

function parseHolder(text: string): Holder | undefined {
  try {
    return Holder.safeParse(JSON.parse(text)).data
  } catch {
    // Cut off, or not written yet.
    return undefined
  }
}

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
