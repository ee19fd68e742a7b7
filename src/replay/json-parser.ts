import { fieldAt, fieldText, JSON_FIELDS } from './json-fields.js'
import { parseLogTime } from './log-time.js'
import {
  isKnownPart,
  known,
  type LineFault,
  type LineParser,
  type ParsedLine,
  pathOf,
  splitRequestLine,
} from './logged-request.js'

const NO_OBJECT: LineFault = { reason: 'not a JSON object' }
const NO_TIME: LineFault = { reason: 'no field with the time' }

/** Which field of a JSON line to read for the time or a part, instead of the usual names. */
export type FieldNames = Readonly<Record<string, string>>

/**
 * Parser of JSON lines: one object a line. A part is looked for under its usual names (`JSON_FIELDS`), or under its own
 * name where it is none of the known parts; `fields` overrules both.
 */
export function createJsonParser(parts: readonly string[], fields: FieldNames = {}): LineParser {
  const timeNames = namesOf('time', fields)
  const partNames = parts.map(part => namesOf(part, fields))

  function parse(line: string): ParsedLine {
    const object = parseObject(line)
    if (object === undefined) return NO_OBJECT
    const time = firstOf(object, timeNames)
    if (time === undefined) return NO_TIME
    const timeUs = parseLogTime(time)
    if (typeof timeUs !== 'number') return timeUs
    return {
      timeUs,
      parts: parts.map((part, index) => readPart(object, part, partNames[index] as readonly string[])),
    }
  }

  return { format: 'json', parse }
}

function namesOf(part: string, fields: FieldNames): readonly string[] {
  const chosen = Object.hasOwn(fields, part) ? fields[part] : undefined
  if (chosen !== undefined) return [chosen]
  return part === 'time' || isKnownPart(part) ? JSON_FIELDS[part] : [part]
}

function parseObject(line: string): object | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined
  } catch {
    return undefined
  }
}

function firstOf(object: object, names: readonly string[]): unknown {
  for (const name of names) {
    const value = fieldAt(object, name)
    if (value !== undefined && value !== null) return value
  }
  return undefined
}

function readPart(object: object, part: string, names: readonly string[]): string | undefined {
  for (const name of names) {
    const text = known(fieldText(fieldAt(object, name)))
    if (text !== undefined) return part === 'path' ? pathOf(text) : text
  }
  // nginx logs often keep the whole request line in one field.
  if (part !== 'method' && part !== 'path') return undefined
  const request = fieldAt(object, 'request')
  return typeof request === 'string' ? splitRequestLine(request)[part] : undefined
}
