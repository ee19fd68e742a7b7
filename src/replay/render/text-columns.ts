import stringWidth from 'string-width'

export interface Column {
  readonly title: string
  readonly align: 'left' | 'right'
  /** Left out first when the terminal is too narrow: the highest goes first; 0 always stays. */
  readonly dispensable: number
}

const GAP = 2
/** The first column is cut rather than the table made wider, down to this. */
const FIRST_WIDTH_MIN = 24

/**
 * Lays out rows in columns that fit a width: leaves out columns that can be spared, then cuts the first one.
 *
 * @returns lines without indentation; the first one holds the titles
 */
export function layoutColumns(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width: number,
): string[] {
  const natural = columns.map((column, index) =>
    Math.max(...[column.title, ...rows.map(row => row[index] as string)].map(text => stringWidth(text))),
  )
  const kept = columns.map((_, index) => index)
  const total = (): number => kept.reduce((sum, index) => sum + (natural[index] as number) + GAP, -GAP)
  const firstMin = Math.min(natural[0] as number, FIRST_WIDTH_MIN)
  while (total() - (natural[0] as number) + firstMin > width) {
    const next = kept.reduce((worst, index) => (rank(columns, index) > rank(columns, worst) ? index : worst))
    if (rank(columns, next) === 0) break
    kept.splice(kept.indexOf(next), 1)
  }
  const spare = width - (total() - (natural[0] as number))
  const widths = natural.map((size, index) =>
    index === 0 ? Math.max(firstMin, Math.min(size, spare)) : size,
  )
  return [columns.map(column => column.title), ...rows].map(row =>
    kept
      .map(index => pad(row[index] as string, widths[index] as number, (columns[index] as Column).align))
      .join(' '.repeat(GAP))
      .trimEnd(),
  )
}

const rank = (columns: readonly Column[], index: number): number => (columns[index] as Column).dispensable

function pad(text: string, width: number, align: 'left' | 'right'): string {
  const cut = cutToWidth(text, width)
  const space = ' '.repeat(Math.max(0, width - stringWidth(cut)))
  return align === 'left' ? cut + space : space + cut
}

/** Cuts in the middle of nothing: by whole characters, wide ones counted as two, with `…` at the end. */
export function cutToWidth(text: string, width: number): string {
  if (stringWidth(text) <= width) return text
  let cut = ''
  let used = 0
  for (const char of text) {
    const charWidth = stringWidth(char)
    if (used + charWidth > width - 1) break
    cut += char
    used += charWidth
  }
  return `${cut}…`
}
