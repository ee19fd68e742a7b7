import { Writable } from 'node:stream'
import { type Logger, pino } from 'pino'

/** A logger of pino's at its most talkative, and the lines that it wrote. */
export function pinoLines(level = 'trace'): { readonly logger: Logger; readonly lines: readonly string[] } {
  const lines: string[] = []
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(chunk.toString())
      done()
    },
  })
  return { logger: pino({ level, base: null, timestamp: false }, stream), lines }
}

/** Level and sentence of each line, as pino numbers levels. */
export const sentencesOf = (lines: readonly string[]): readonly string[] =>
  lines.map(line => {
    const { level, msg }: { level: number; msg: string } = JSON.parse(line)
    return `${level} ${msg}`
  })
