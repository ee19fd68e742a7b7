import { createClfParser, hasCombinedTail } from './clf-parser.js'
import { createJsonParser, type FieldNames } from './json-parser.js'
import { isFault, isKnownPart, type LineParser, type LogFormat } from './logged-request.js'

/** Lines that are looked at to tell the format. */
export const SAMPLE_LINES = 50

/**
 * Tells the format of a log from its first lines: the one that reads most of them. `undefined` when no line is a request
 * in any format.
 */
export function detectFormat(lines: readonly string[], fields: FieldNames = {}): LogFormat | undefined {
  const common = countReadable(lines, createClfParser('common', []))
  const json = countReadable(lines, createJsonParser([], fields))
  if (common === 0 && json === 0) return undefined
  if (json > common) return 'json'
  return lines.some(hasCombinedTail) ? 'combined' : 'common'
}

function countReadable(lines: readonly string[], parser: LineParser): number {
  return lines.filter(line => !isFault(parser.parse(line))).length
}

/**
 * The parser of a format for the parts a replay counts by.
 *
 * @returns undefined with the part that the format cannot tell
 */
export function createLineParser(
  format: LogFormat,
  parts: readonly string[],
  fields: FieldNames,
): LineParser | { readonly unknownPart: string } {
  if (format === 'json') return createJsonParser(parts, fields)
  const tellable = parts.filter(isKnownPart).filter(part => partsOf(format).includes(part))
  const unknownPart = parts.find(part => !(tellable as string[]).includes(part))
  return unknownPart === undefined ? createClfParser(format, tellable) : { unknownPart }
}

/** The parts a format tells; for JSON these are the ones with usual names, every other field being one as well. */
export function partsOf(format: LogFormat): readonly string[] {
  const common = ['ip', 'user', 'method', 'path', 'status']
  if (format === 'common') return common
  return format === 'combined'
    ? [...common, 'referer', 'user-agent']
    : [...common, 'referer', 'user-agent', 'host']
}
