import stringWidth from 'string-width'
import type { TextStyle } from '../replay/render/text-report.js'
import { printable } from '../replay/render/wording.js'
import type { Output } from './output.js'

/** One thing that was looked at, and what came of it. */
export interface VerdictLine {
  readonly verdict: string
  readonly style: TextStyle
  readonly about: string
  readonly found: string
  /** What follows, and what to do; empty where nothing does. */
  readonly meaning: string
}

const GAP = '  '
/** Text beside the columns is never narrower than this. */
const TEXT_WIDTH_MIN = 40

/** A line each, its text folded at the width of the terminal, with its meaning below. */
export function verdictLines(lines: readonly VerdictLine[], { width, style }: Output): string {
  const verdictWidth = Math.max(...lines.map(line => line.verdict.length))
  const aboutWidth = Math.max(...lines.map(line => stringWidth(printable(line.about))))
  const indent = ' '.repeat(verdictWidth + aboutWidth + 2 * GAP.length)
  const textWidth = Math.max(TEXT_WIDTH_MIN, width - indent.length)
  return lines
    .map(line => {
      const about = printable(line.about)
      const head = style(line.style, line.verdict.padEnd(verdictWidth))
      const label = about + ' '.repeat(aboutWidth - stringWidth(about))
      const found = fold(printable(line.found), textWidth)
      const meaning = fold(printable(line.meaning), textWidth).map(text => style('dim', text))
      return `${head}${GAP}${label}${GAP}${[...found, ...meaning].join(`\n${indent}`)}\n`
    })
    .join('')
}

/** Folds at spaces; a word that is too long keeps a line of its own. */
function fold(text: string, width: number): string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last !== undefined && stringWidth(last) + 1 + stringWidth(word) <= width)
      lines[lines.length - 1] = `${last} ${word}`
    else if (word !== '') lines.push(word)
  }
  return lines
}
