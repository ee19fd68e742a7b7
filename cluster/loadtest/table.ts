import type { Verdict } from './verdict.js'

const COLUMNS: readonly { readonly head: string; readonly cell: (verdict: Verdict) => string }[] = [
  { head: 'store', cell: ({ store }) => store },
  { head: 'scenario', cell: ({ scenario }) => scenario },
  { head: 'algorithm', cell: ({ algorithm }) => algorithm },
  { head: 'sent', cell: ({ sent }) => String(sent) },
  { head: 'allowed', cell: ({ allowed }) => String(allowed) },
  { head: 'refused', cell: ({ refused }) => String(refused) },
  { head: 'errors', cell: ({ errors }) => String(errors) },
  {
    head: 'expected',
    cell: ({ expected, uncertain }) => (uncertain === 0 ? String(expected) : `${expected} ± ${uncertain}`),
  },
  { head: 'difference', cell: ({ difference }) => String(difference) },
  { head: 'bound', cell: ({ bound }) => bound },
  { head: 'p50 / ms', cell: ({ p50Ms }) => p50Ms.toFixed(1) },
  { head: 'p99 / ms', cell: ({ p99Ms }) => p99Ms.toFixed(1) },
  { head: 'verdict', cell: ({ problems }) => (problems.length === 0 ? 'right' : 'WRONG') },
]

/** The verdicts as a table of Markdown, and below it every problem of each that is wrong. */
export function renderTable(verdicts: readonly Verdict[]): string {
  const rows = [COLUMNS.map(({ head }) => head), ...verdicts.map(v => COLUMNS.map(({ cell }) => cell(v)))]
  const widths = COLUMNS.map((_, i) => Math.max(...rows.map(row => (row[i] as string).length)))
  const line = (row: readonly string[]) =>
    `| ${row.map((text, i) => text.padEnd(widths[i] as number)).join(' | ')} |`
  const [head, ...body] = rows.map(line)
  const rule = `|${widths.map(width => '-'.repeat(width + 2)).join('|')}|`
  const problems = verdicts.flatMap(({ store, scenario, algorithm, problems }) =>
    problems.map(problem => `${store}, ${scenario}, ${algorithm}: ${problem}`),
  )
  return [head, rule, ...body, ...problems.map(problem => `\n${problem}`)].join('\n')
}
