import { StringDecoder } from 'node:string_decoder'

/** Characters of a line that are kept; a longer line is a fault, and the rest of it is dropped as it arrives. */
export const LINE_LENGTH_MAX = 65_536

export interface LogLine {
  /** Counted from 1, as editors do. */
  readonly number: number
  /** Without its end of line. Empty for a line that was too long. */
  readonly text: string
  readonly tooLong: boolean
}

/**
 * Cuts a stream of bytes into lines, holding one line at most. Yields the lines of each chunk together: a promise a
 * line would cost more than the line.
 */
export async function* readLines(chunks: AsyncIterable<Buffer>): AsyncGenerator<LogLine[]> {
  const decoder = new StringDecoder('utf8')
  let number = 0
  let held = ''
  let tooLong = false

  const line = (text: string): LogLine => {
    number++
    if (number === 1 && text.charCodeAt(0) === 0xfeff) text = text.slice(1)
    if (text.endsWith('\r')) text = text.slice(0, -1)
    const dropped = tooLong || text.length > LINE_LENGTH_MAX
    tooLong = false
    return { number, text: dropped ? '' : text, tooLong: dropped }
  }

  for await (const chunk of chunks) {
    const text = decoder.write(chunk)
    const lines: LogLine[] = []
    let start = 0
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', start)) {
      lines.push(line(held + text.slice(start, end)))
      held = ''
      start = end + 1
    }
    held += text.slice(start)
    if (held.length > LINE_LENGTH_MAX) {
      held = ''
      tooLong = true
    }
    if (lines.length > 0) yield lines
  }
  held += decoder.end()
  if (held !== '' || tooLong) yield [line(held)]
}
