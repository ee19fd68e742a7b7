import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'

/** Called with the bytes read so far, before decompression, and their total where it is known. */
export type OnBytes = (readBytes: number, totalBytes: number | undefined) => void

export interface LogSource {
  /** For people: the name of the file without its folders, or `stdin`. */
  readonly name: string
  /** The bytes of the log, decompressed where they are gzip. */
  readonly chunks: AsyncIterable<Buffer>
}

/**
 * Opens a log: a file, or standard input for `-`. Gzip is told by its first two bytes, not by the name.
 *
 * @throws the system's error (`ENOENT`, `EACCES`, `EISDIR`, …) when the file cannot be read
 */
export async function openLog(path: string, onBytes: OnBytes = () => {}): Promise<LogSource> {
  if (path === '-') return { name: 'stdin', chunks: decompressed(counted(process.stdin, undefined, onBytes)) }
  const stats = await stat(path)
  // A pipe or a device has no size to count towards.
  const totalBytes = stats.isFile() ? stats.size : undefined
  return { name: basename(path), chunks: decompressed(counted(createReadStream(path), totalBytes, onBytes)) }
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
