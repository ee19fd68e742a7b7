import { existsSync, readFileSync, realpathSync, renameSync } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { SluiceError, SnapshotError } from '../errors.js'
import { FileLock } from './file-lock.js'

/**
 * A file that is replaced as a whole: after a crash at any instant it holds what it held before, or all that is new.
 * One process at a time holds it.
 */
export class FileStore {
  /** Absolute, without symbolic links: what is replaced is the file and not a link to it. */
  readonly path: string
  readonly #lock: FileLock

  /**
   * @throws FileLockedError when another process holds the file
   * @throws SnapshotError when the folder is missing or cannot be written in
   */
  constructor(path: string) {
    this.path = this.#try(
      'opened',
      () => {
        const folder = realpathSync(dirname(resolve(path)))
        return existsSync(path) ? realpathSync(path) : join(folder, basename(path))
      },
      path,
    )
    this.#lock = this.#try('locked', () => new FileLock(this.path))
  }

  /** What the file holds; undefined when there is none. @throws SnapshotError */
  read(): Buffer | undefined {
    return this.#try('read', () => (existsSync(this.path) ? readFileSync(this.path) : undefined))
  }

  /** Moves the file away, and tells where to. @throws SnapshotError */
  setAside(): string {
    let number = 1
    while (existsSync(`${this.path}.corrupt-${number}`)) number++
    const aside = `${this.path}.corrupt-${number}`
    this.#try('set aside', () => renameSync(this.path, aside))
    return aside
  }

  /** Replaces what the file holds. @throws SnapshotError; the file is then as it was */
  async replace(pieces: Iterable<Buffer>): Promise<void> {
    const fresh = `${this.path}.tmp`
    try {
      this.#assertHeld()
      const file = await open(fresh, 'w', 0o600)
      try {
        for (const piece of pieces) await file.appendFile(piece)
        await file.sync()
      } finally {
        await file.close()
      }
      this.#assertHeld()
      await rename(fresh, this.path)
      await syncFolder(dirname(this.path))
    } catch (error) {
      // A full disk gets its room back; the error is the one that matters.
      await rm(fresh, { force: true }).catch(() => {})
      throw this.#failure('saved', error)
    }
  }

  /** Lets another process have the file. */
  release(): void {
    this.#lock.release()
  }

  #assertHeld(): void {
    if (this.#lock.isHeld()) return
    throw new SnapshotError(
      this.path,
      `${this.path} is not saved any more: its lock was removed, or taken over by another process while this one stood still`,
    )
  }

  #try<T>(done: string, action: () => T, path = this.path): T {
    try {
      return action()
    } catch (error) {
      throw this.#failure(done, error, path)
    }
  }

  #failure(done: string, error: unknown, path = this.path): unknown {
    if (error instanceof SluiceError) return error
    const reason = error instanceof Error ? error.message : String(error)
    return new SnapshotError(path, `${path} cannot be ${done}: ${reason}`, { cause: error })
  }
}

/** Makes a rename last through a power failure. Windows cannot open folders, and does it by itself. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
