/** Values of HTTP structured fields (RFC 9651): what a policy is called and counts must not become a field of its own. */

/** What a String of RFC 9651 can hold as it is, `%` apart, which begins what it cannot. */
const NOT_PLAIN = /[^\x20-\x24\x26-\x7e]/gu

/** Names of policies are few and come with every response. */
const written = new Map<string, string>()
const WRITTEN_MAX = 1_000

/**
 * A String. Characters outside printable ASCII, line ends among them, become `%XX` of their UTF-8 bytes, and so does `%`: no
 * two texts read the same.
 */
export function fieldString(text: string): string {
  const known = written.get(text)
  if (known !== undefined) return known
  const plain = text.toWellFormed().replace(NOT_PLAIN, encodeURIComponent)
  const field = `"${plain.replace(/["\\]/g, '\\$&')}"`
  if (written.size >= WRITTEN_MAX) written.clear()
  written.set(text, field)
  return field
}

/** Largest Integer of RFC 9651: 15 digits. */
const INTEGER_MAX = 999_999_999_999_999

/** An Integer >= 0. */
export const fieldInteger = (value: number): string => String(Math.min(INTEGER_MAX, Math.max(0, value)))
