import { createTimeParser } from './log-time.js'
import {
  type KnownPart,
  known,
  type LineFault,
  type LineParser,
  type ParsedLine,
  splitRequestLine,
} from './logged-request.js'

const NO_CLIENT: LineFault = { reason: 'no client address at the start' }
const NO_TIME: LineFault = { reason: 'no [time] after the client address' }
const NO_REQUEST: LineFault = { reason: 'no "request" in quotes after the time' }
const OPEN_REQUEST: LineFault = { reason: 'the quoted request does not end' }
const NO_STATUS: LineFault = { reason: 'no status code after the request' }

/**
 * Parser of the Common Log Format, `host ident user [time] "request" status bytes`, and of the combined one, which adds
 * `"referer" "user agent"`. What follows is ignored, and so is a tail that was cut off: the request itself is told.
 *
 * It walks the line once, from mark to mark: no regular expression runs over text that a client chose.
 */
export function createClfParser(format: 'common' | 'combined', parts: readonly KnownPart[]): LineParser {
  const parseTime = createTimeParser()
  const wantsRequest = parts.includes('method') || parts.includes('path')
  const wantsTail = format === 'combined' && (parts.includes('referer') || parts.includes('user-agent'))

  function parse(line: string): ParsedLine {
    const hostEnd = line.indexOf(' ')
    if (hostEnd < 1) return NO_CLIENT
    const identEnd = line.indexOf(' ', hostEnd + 1)
    // A user name may hold spaces: Apache writes it as it is.
    const timeStart = identEnd === -1 ? -1 : line.indexOf(' [', identEnd)
    const timeEnd = timeStart === -1 ? -1 : line.indexOf(']', timeStart)
    if (timeEnd === -1) return NO_TIME
    const timeUs = parseTime(line.slice(timeStart + 2, timeEnd))
    if (typeof timeUs !== 'number') return timeUs

    if (line[timeEnd + 1] !== ' ' || line[timeEnd + 2] !== '"') return NO_REQUEST
    const requestStart = timeEnd + 3
    const requestEnd = closingQuote(line, requestStart)
    if (requestEnd === -1) return OPEN_REQUEST
    const status = statusAt(line, requestEnd + 1)
    if (status === undefined) return NO_STATUS

    const { method, path } = wantsRequest
      ? splitRequestLine(unescaped(line.slice(requestStart, requestEnd)))
      : {}
    const tail = wantsTail ? parseTail(line, requestEnd + 2 + status.length) : undefined
    return {
      timeUs,
      parts: parts.map(part => {
        switch (part) {
          case 'ip':
            return known(line.slice(0, hostEnd))
          case 'user':
            return known(line.slice(identEnd + 1, timeStart))
          case 'method':
            return method
          case 'path':
            return path
          case 'status':
            return known(status)
          case 'referer':
            return tail?.referer
          case 'user-agent':
            return tail?.userAgent
          default:
            return undefined
        }
      }),
    }
  }

  return { format, parse }
}

/** Whether the line has the quoted referer and user agent that make a common line a combined one. */
export function hasCombinedTail(line: string): boolean {
  return /" (?:\d{3}|-) (?:\d+|-) "/.test(line)
}

function statusAt(line: string, index: number): string | undefined {
  if (line[index] !== ' ') return undefined
  const end = line.indexOf(' ', index + 1)
  const status = line.slice(index + 1, end === -1 ? line.length : end)
  return status === '-' || /^\d{3}$/.test(status) ? status : undefined
}

/** Reads `bytes "referer" "user agent"` from the space before the bytes on. */
function parseTail(
  line: string,
  index: number,
): { referer?: string | undefined; userAgent?: string | undefined } {
  const refererStart = line.indexOf(' "', index) + 2
  if (refererStart === 1) return {}
  const refererEnd = closingQuote(line, refererStart)
  if (refererEnd === -1) return {}
  const referer = known(unescaped(line.slice(refererStart, refererEnd)))
  if (line[refererEnd + 1] !== ' ' || line[refererEnd + 2] !== '"') return { referer }
  const agentEnd = closingQuote(line, refererEnd + 3)
  if (agentEnd === -1) return { referer }
  return { referer, userAgent: known(unescaped(line.slice(refererEnd + 3, agentEnd))) }
}

/** The index of the first `"` from `start` on that no backslash escapes, or -1. */
function closingQuote(line: string, start: number): number {
  for (let quote = line.indexOf('"', start); quote !== -1; quote = line.indexOf('"', quote + 1)) {
    let backslashes = 0
    while (quote - backslashes > start && line[quote - backslashes - 1] === '\\') backslashes++
    if (backslashes % 2 === 0) return quote
  }
  return -1
}

/** Undoes what servers do inside quotes: Apache writes `\"`, `\\`, `\t`; Apache and nginx write other bytes as `\xHH`. */
function unescaped(text: string): string {
  if (!text.includes('\\')) return text
  return text.replace(/((?:\\x[0-9A-Fa-f]{2})+)|\\([\s\S])/g, (_, bytes: string | undefined, char: string) =>
    // A run of bytes is one piece of UTF-8.
    bytes === undefined
      ? (ESCAPES[char] ?? char)
      : Buffer.from(bytes.replaceAll('\\x', ''), 'hex').toString(),
  )
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b', v: '\v', f: '\f' }
