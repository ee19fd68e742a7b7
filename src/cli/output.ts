import { styleText } from 'node:util'
import type { TextStyle } from '../replay/render/text-report.js'

/** Columns of a text that goes to a file or another program. */
const WIDTH_WITHOUT_TERMINAL = 100

/** The streams of a process, or others in their place. */
export interface Streams {
  readonly stdout: NodeJS.WritableStream & { readonly columns?: number | undefined }
  readonly stderr: NodeJS.WritableStream & { readonly isTTY?: boolean | undefined }
}

/** Where a command writes: results to standard output, everything else to standard error. */
export interface Output {
  /** Width of the terminal in columns. */
  readonly width: number
  /** Marks a text up, where standard output is a terminal and NO_COLOR does not say otherwise. */
  style(style: TextStyle, text: string): string
  write(text: string): void
  writeJson(value: unknown): void
  note(text: string): void
}

export function createOutput({ stdout, stderr }: Streams): Output {
  return {
    width: stdout.columns ?? WIDTH_WITHOUT_TERMINAL,
    style: (style, text) => styleText(style, text, { stream: stdout }),
    write: text => void stdout.write(text),
    writeJson: value => void stdout.write(`${JSON.stringify(value, null, 2)}\n`),
    note: text => void stderr.write(`${text}\n`),
  }
}
