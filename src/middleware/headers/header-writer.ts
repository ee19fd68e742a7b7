import { list, Refusal, show } from '../../policy/refusal.js'
import { readWord } from '../../policy/values.js'
import { FORMATS, type SetField, type WriteFields } from './rate-limit-fields.js'
import { type Told, toSeconds } from './told.js'

type Format = keyof typeof FORMATS

/** How clients are told: one of the formats, or `none`. */
export type HeaderFormat = Format | 'none'

const FORMAT_NAMES = Object.keys(FORMATS) as readonly Format[]
const readFormat = readWord<HeaderFormat>([...FORMAT_NAMES, 'none'])

/** Reads `headers`: a format, several that write no field in common, or `none`. */
export function readHeaderFormats(value: unknown): readonly Format[] | Refusal {
  const values: readonly unknown[] = Array.isArray(value) ? value : [value]
  if (values.length === 0)
    return new Refusal(`${show(value)} names no format; write 'none' where none is meant`)
  const formats: Format[] = []
  const writers = new Map<string, Format>()
  for (const entry of values) {
    const format = readFormat(entry)
    if (format instanceof Refusal) {
      const isOlder = typeof entry === 'string' && /^draft-(8|9|10)$/.test(entry)
      return isOlder ? new Refusal(`${show(entry)} has the syntax of 'draft-11'; write that`) : format
    }
    if (format === 'none') {
      if (values.length > 1) return new Refusal(`'none' stands beside other formats; write it alone`)
      continue
    }
    for (const field of FORMATS[format].fields) {
      const other = writers.get(field)
      if (other !== undefined) {
        return new Refusal(
          `'${other}' and '${format}' both write ${field}; choose one of ${list(FORMAT_NAMES.slice(1))}, with or without 'x'`,
        )
      }
      writers.set(field, format)
    }
    formats.push(format)
  }
  return formats
}

/**
 * Writes the fields of these formats, and `Retry-After` (s, rounded up, at least 1) beside a refusal that ends.
 *
 * @param formats none: nothing is written
 */
export function headerWriter(formats: readonly Format[]): WriteFields {
  const writers = formats.map(format => FORMATS[format].write)
  if (writers.length === 0) return () => {}
  return (told: Told, nowMs: number, set: SetField): void => {
    for (const write of writers) write(told, nowMs, set)
    if (!told.allowed) set('Retry-After', retryAfter(told.retryAfterMs))
  }
}

/** Delay seconds of RFC 9110. */
const retryAfter = (retryAfterMs: number): string => String(Math.max(1, toSeconds(retryAfterMs)))
