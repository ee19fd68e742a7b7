import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { addAbortSignal, Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { LogError } from '../errors.js'

/** Called with the bytes read so far, before decompression, and their total where it is known. */
export type OnBytes = (readBytes: number, totalBytes: number | undefined) => void

export interface OpenOptions {
  readonly onBytes?: OnBytes
  /** Ends the reading, also while it waits for input: `chunks` then rejects with the signal's reason. */
  readonly signal?: AbortSignal
}

export interface LogSource {
  /** For people: the name of the file without its folders, or `stdin`. */
  readonly name: string
  /** The bytes of the log, decompressed where they are gzip. */
  readonly chunks: AsyncIterable<Buffer>
}

/**
 * Opens a log: a file, or standard input for `-`. Gzip is told by its first two bytes, not by the name.
 *
 * @throws LogError when the file cannot be read; so do `chunks`, for a failing disk and for damaged gzip data
 */
export async function openLog(
  path: string,
  { onBytes = () => {}, signal }: OpenOptions = {},
): Promise<LogSource> {
  if (path === '-') {
    const stdin = signal === undefined ? process.stdin : addAbortSignal(signal, process.stdin)
    return { name: 'stdin', chunks: named('stdin', decompressed(counted(stdin, undefined, onBytes)), signal) }
  }
  const stats = await stat(path).catch(error => {
    throw unreadable(path, error)
  })
  // A pipe or a device has no size to count towards.
  const totalBytes = stats.isFile() ? stats.size : undefined
  const bytes = counted(createReadStream(path, { signal }), totalBytes, onBytes)
  return { name: basename(path), chunks: named(path, decompressed(bytes), signal) }
}

/** Says of every failure which log it was. */
async function* named(
  path: string,
  chunks: AsyncIterable<Buffer>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Buffer> {
  try {
    yield* chunks
  } catch (error) {
    signal?.throwIfAborted()
    throw unreadable(path, error as NodeJS.ErrnoException)
  }
}

function unreadable(path: string, error: NodeJS.ErrnoException): LogError {
  if (error.code?.startsWith('Z_') === true) {
    return new LogError(
      `${path}: the gzip data is damaged or cut off (${error.message}); ` +
        `what can be read of it: gzip -dc FILE | sluice replay -`,
      { cause: error },
    )
  }
  return new LogError(`${path}: cannot be read (${error.message})`, { cause: error })
}

async function* counted(
  stream: AsyncIterable<Buffer>,
  totalBytes: number | undefined,
  onBytes: OnBytes,
): AsyncGenerator<Buffer> {
  let readBytes = 0
  for await (const chunk of stream) {
    readBytes += chunk.length
    onBytes(readBytes, totalBytes)
    yield chunk
  }
}

async function* decompressed(chunks: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  let head = Buffer.alloc(0)
  while (head.length < 2) {
    const next = await chunks.next()
    if (next.done === true) break
    head = Buffer.concat([head, next.value])
  }
  const whole = rejoined(head, chunks)
  if (head[0] !== 0x1f || head[1] !== 0x8b) {
    yield* whole
    return
  }
  const gunzip = createGunzip()
  const input = Readable.from(whole)
  // `pipe` does not carry errors on; without this a failing disk would look like a log that never ends.
  input.once('error', error => gunzip.destroy(error))
  yield* input.pipe(gunzip)
}

async function* rejoined(head: Buffer, rest: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  if (head.length > 0) yield head
  yield* rest
}
