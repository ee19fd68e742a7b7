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

/** By code of an ASCII character: itself, or `%XX`. */
const WRITTEN = Array.from({ length: 128 }, (_, code) => {
  const character = String.fromCharCode(code)
  return SAFE.test(character) ? character : `%${code.toString(16).toUpperCase().padStart(2, '0')}`
})

/**
 * @param part well-formed (no lone surrogates) and not empty: the callers refuse the others, each in its own words
 */
export function encodePart(part: string): string {
  if (SAFE.test(part)) return part
  // Each UTF-16 unit takes at least one byte: what is too long is told without encoding it.
  if (part.length <= PART_BYTES_MAX) {
    const encoded = percentEncoded(part)
    if (encoded.length <= PART_BYTES_MAX) return encoded
  }
  return `~${createHash('sha256').update(part, 'utf8').digest('hex')}`
}

/** Character by character, with the UTF-8 of what is not ASCII left to `encodeURIComponent`. */
function percentEncoded(part: string): string {
  let encoded = ''
  let plainFrom = 0
  for (let i = 0; i < part.length; i++) {
    const code = codeAt(part, i)
    const written = WRITTEN[code]
    // It leaves some of ASCII as they are.
    if (written === undefined)
      return encodeURIComponent(part).replace(/[!'()*~]/g, mark => WRITTEN[codeAt(mark, 0)] as string)
    if (written.length === 1) continue
    encoded += part.slice(plainFrom, i) + written
    plainFrom = i + 1
  }
  return encoded + part.slice(plainFrom)
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
