import { crc32 } from 'node:zlib'
import { z } from 'zod'
import { ALGORITHMS } from '../core/plan.js'
import type { KeyTable, MemoryKeys } from './memory-keys.js'
import { CorruptState, restoreKey, storedState } from './stored-state.js'

/**
 * A snapshot is text, a line of JSON for each thing:
 *
 *     {"format":"sluice-snapshot","version":1,"savedAtUs":…}
 *     {"limit":"per-user","algorithm":"gcra"}                         a limit, from here on number 0, then 1, …
 *     [0,"ada",<end of the state in us>,<end of a block in us, or 0>,<numbers of the state> …]
 *     {"crc32":"0f3c…"}                                                checksum of all before this line
 *
 * The first two members of the first line and the last line are the same in every version, so that a version that is not
 * known is told from damage.
 *
 * Times are absolute, so the time between saving and reading counts as elapsed. A limit is known by its name and algorithm,
 * so policies may come and go between two runs.
 */
const FORMAT = 'sluice-snapshot'
const VERSION = 1
const LINE_FEED = 0x0a

/** A piece of text ends after so many keys or so many characters: about a millisecond of work. */
const PIECE_KEYS = 1_000
const PIECE_LENGTH = 65_536

const HeaderLine = z.object({ format: z.literal(FORMAT), version: z.int().positive() })
const LimitLine = z.strictObject({ limit: z.string(), algorithm: z.enum(ALGORITHMS) })
const FooterLine = z.object({ crc32: z.string() })

/** The snapshot is whole, and of a version that this code does not know. */
export class UnknownVersion extends Error {}

/**
 * The text of a snapshot, in pieces. Keys may change between two pieces: each key is as it was at one instant, and what
 * changed after its piece was made is for the next snapshot.
 */
export function* writeSnapshot(keys: MemoryKeys, nowUs: () => number): Generator<Buffer> {
  const limits = new Map<KeyTable, number>()
  let checksum = 0
  let lines = [JSON.stringify({ format: FORMAT, version: VERSION, savedAtUs: nowUs() })]
  for (let key = 0; key < keys.numbersUsed; ) {
    const now = nowUs()
    const pieceEnd = Math.min(key + PIECE_KEYS, keys.numbersUsed)
    for (let length = 0; key < pieceEnd && length < PIECE_LENGTH; key++) {
      if (keys.endOf(key) <= now) continue
      const table = keys.tableOf(key)
      let limit = limits.get(table)
      if (limit === undefined) {
        limit = limits.size
        limits.set(table, limit)
        lines.push(JSON.stringify({ limit: table.keyName, algorithm: table.algorithm }))
      }
      const line = keyLine(keys, table, limit, key)
      lines.push(line)
      length += line.length
    }
    const piece = textOf(lines)
    lines = []
    checksum = crc32(piece, checksum)
    yield piece
  }
  if (lines.length > 0) {
    const rest = textOf(lines)
    checksum = crc32(rest, checksum)
    yield rest
  }
  yield Buffer.from(`${JSON.stringify({ crc32: hex(checksum) })}\n`)
}

const textOf = (lines: readonly string[]): Buffer => Buffer.from(lines.map(line => `${line}\n`).join(''))

function keyLine(keys: MemoryKeys, table: KeyTable, limit: number, key: number): string {
  return JSON.stringify([limit, keys.subjectOf(key), ...storedState(keys, table, key)])
}

/**
 * Puts the keys of a snapshot into `keys`, but those that have ended.
 *
 * @throws CorruptState when the text is cut off, damaged, or of another kind; some keys may be in then
 * @throws UnknownVersion when another version of Sluice has to read it
 */
export function readSnapshot(bytes: Buffer, keys: MemoryKeys, nowUs: number): void {
  const lines = linesOf(bytes.subarray(0, vouchedFor(bytes)))
  const { version } = parse(HeaderLine, lines.next().value)
  if (version !== VERSION) {
    throw new UnknownVersion(`it has version ${version} of the format, and this Sluice knows ${VERSION}`)
  }
  const tables: KeyTable[] = []
  for (const line of lines) {
    const value = parseJson(line)
    if (Array.isArray(value)) {
      readKey(value, tables, keys, nowUs)
    } else {
      const { limit, algorithm } = parse(LimitLine, line)
      tables.push(keys.openTable(limit, algorithm))
    }
  }
}

/** How many bytes the last line vouches for: all before it. */
function vouchedFor(bytes: Buffer): number {
  const end = bytes.lastIndexOf('\n', -2) + 1
  if (end === 0 || bytes.at(-1) !== LINE_FEED) throw new CorruptState('it is cut off')
  const footer = parse(FooterLine, bytes.toString('utf8', end, bytes.length - 1))
  if (footer.crc32 !== hex(crc32(bytes.subarray(0, end)))) throw new CorruptState('its checksum is wrong')
  return end
}

/** One by one: all together could be more than a string can hold. */
function* linesOf(bytes: Buffer): Generator<string, undefined> {
  for (let from = 0; from < bytes.length; ) {
    const to = bytes.indexOf(LINE_FEED, from)
    yield bytes.toString('utf8', from, to)
    from = to + 1
  }
}

function readKey(
  line: readonly unknown[],
  tables: readonly KeyTable[],
  keys: MemoryKeys,
  nowUs: number,
): void {
  const [limit, subject, ...stored] = line
  const table = typeof limit === 'number' ? tables[limit] : undefined
  if (table === undefined || typeof subject !== 'string')
    throw new CorruptState(strange(JSON.stringify(line)))
  // A key that ended and came again while the snapshot was being made stands in it twice; the second is the later one.
  restoreKey(stored, subject, table, keys, nowUs)
}

function parse<T>(schema: z.ZodType<T>, line: string | undefined): T {
  const parsed = schema.safeParse(parseJson(line ?? ''))
  if (parsed.success) return parsed.data
  throw new CorruptState(strange(line), { cause: parsed.error })
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch (error) {
    throw new CorruptState(strange(line), { cause: error })
  }
}

/** The file may be anything: a line of it can be long, and hold what is nobody's business. */
const strange = (line: string | undefined): string => `it has a strange line: ${line?.slice(0, 60)}`

const hex = (checksum: number): string => checksum.toString(16).padStart(8, '0')
