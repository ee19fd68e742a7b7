import { createHash } from 'node:crypto'
import { codeAt } from './core/text.js'

/**
 * The text of one part of a key. Everything but `A-Za-z0-9_-.` is written as `%XX` of its UTF-8 bytes, so distinct
 * parts never read alike, and no part can hold a separator (`:`), a hash tag (`{}`), a glob character or a NUL.
 */

/** A part that would be longer becomes `~` and the SHA-256 of its raw bytes; `~` itself is always written `%7E`. */
export const PART_BYTES_MAX = 256

const SAFE = /^[A-Za-z0-9_.-]{1,256}$/
const HASHED = /^~[0-9a-f]{64}$/
const ENCODED = /^(?:[A-Za-z0-9_.-]|%[0-9A-F]{2})+$/

const PERCENT = 0x25
const HEX = Buffer.from('0123456789ABCDEF', 'latin1')
/** By code of a character: 1 where it is written as it is. */
const IS_SAFE = Uint8Array.from({ length: 128 }, (_, code) => (SAFE.test(String.fromCharCode(code)) ? 1 : 0))
/** Bytes that a part may take before it is known to be too long. */
const PART_ROOM = 3 * PART_BYTES_MAX

/** `encodeURIComponent` leaves these as they are. */
const encodeRest = (character: string): string =>
  `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`

/**
 * Writes parts one behind the other, as bytes that become a text at once: one that is put together of pieces is copied as a
 * whole by whoever reads it first, which takes as long again.
 */
export class PartWriter {
  #bytes = Buffer.alloc(4 * PART_ROOM)
  #length = 0

  begin(): void {
    this.#length = 0
  }

  /** @param code of an ASCII character that stands between parts */
  mark(code: number): void {
    this.#makeRoom(1)
    this.#bytes[this.#length++] = code
  }

  /**
   * @param part well-formed (no lone surrogates) and not empty: the callers refuse the others, each in its own words
   */
  part(part: string): void {
    this.#makeRoom(PART_ROOM)
    const start = this.#length
    // Each UTF-16 unit takes at least one byte: what is too long is told without encoding it.
    const isWritten = part.length <= PART_BYTES_MAX && this.#percentEncode(part)
    if (isWritten && this.#length - start <= PART_BYTES_MAX) return
    this.#length = start + this.#bytes.write(hashed(part), start, 'latin1')
  }

  text(): string {
    return this.#bytes.toString('latin1', 0, this.#length)
  }

  /** @returns false where it is too long */
  #percentEncode(part: string): boolean {
    const bytes = this.#bytes
    let at = this.#length
    for (let i = 0; i < part.length; i++) {
      const code = codeAt(part, i)
      if (IS_SAFE[code] === 1) {
        bytes[at++] = code
      } else if (code < 128) {
        bytes[at++] = PERCENT
        bytes[at++] = HEX[code >> 4] as number
        bytes[at++] = HEX[code & 15] as number
      } else {
        return this.#percentEncodeUtf8(part)
      }
    }
    this.#length = at
    return true
  }

  #percentEncodeUtf8(part: string): boolean {
    const encoded = encodeURIComponent(part).replace(/[!'()*~]/g, encodeRest)
    if (encoded.length > PART_BYTES_MAX) return false
    this.#length += this.#bytes.write(encoded, this.#length, 'latin1')
    return true
  }

  #makeRoom(more: number): void {
    if (this.#length + more <= this.#bytes.length) return
    this.#bytes = Buffer.concat([this.#bytes], 2 * this.#bytes.length)
  }
}

const hashed = (part: string): string => `~${createHash('sha256').update(part, 'utf8').digest('hex')}`

const writer = new PartWriter()

/**
 * @param part well-formed (no lone surrogates) and not empty: the callers refuse the others, each in its own words
 */
export function encodePart(part: string): string {
  if (SAFE.test(part)) return part
  writer.begin()
  writer.part(part)
  return writer.text()
}

/** A part as a key tells it: its text, or the SHA-256 in hex where only that was kept. */
export type KeyText = string | { readonly sha256: string }

/**
 * What `encodePart` was given, or its hash where only that was kept; undefined where the text is not one that
 * `encodePart` writes.
 */
export function decodePart(encoded: string): KeyText | undefined {
  if (HASHED.test(encoded)) return { sha256: encoded.slice(1) }
  if (!ENCODED.test(encoded)) return undefined
  try {
    const part = decodeURIComponent(encoded)
    return encodePart(part) === encoded ? part : undefined
  } catch {
    return undefined
  }
}

/**
 * The part of a key that names a limit. The first limit of a policy is named as the policy alone, so a policy that gains
 * a second limit keeps the counters of its first (`docs/adr/0002-key-names.md`). Inside an encoded part `~` stands only
 * first, before a hash, so `~1` at the end cannot be part of a name.
 *
 * @param index of the limit within its policy, from 0
 */
export const limitKeyName = (policy: string, index: number): string =>
  index === 0 ? encodePart(policy) : `${encodePart(policy)}~${index}`

const LIMIT_KEY_NAME = /^(~?[^~]+)(?:~([1-9][0-9]*))?$/

/** What `limitKeyName` was given: the policy still encoded; undefined where the text is not one that it writes. */
export function splitLimitKeyName(
  keyName: string,
): { readonly policy: string; readonly index: number } | undefined {
  const [, policy, index = '0'] = LIMIT_KEY_NAME.exec(keyName) ?? []
  return policy === undefined ? undefined : { policy, index: Number(index) }
}
