import type { PolicyReport, ReplayReport } from '../report.js'
import { type Column, cutToWidth, layoutColumns } from './text-columns.js'
import {
  countText,
  durationText,
  minuteText,
  noteTexts,
  percentText,
  plural,
  policyText,
  printable,
  subjectText,
} from './wording.js'

export type TextStyle = 'bold' | 'dim' | 'red' | 'green' | 'yellow'

export interface TextOptions {
  /** Width of the terminal in columns. */
  readonly width: number
  /** Marks up a text, or answers it as it is where there is no colour. */
  readonly style: (style: TextStyle, text: string) => string
}

const BARS = ' ▁▂▃▄▅▆▇█'
const INDENT = '  '
const LABEL_WIDTH = 10

/** The report as a table for a terminal, ending with a newline. Nothing of the log reaches the terminal unescaped. */
export function renderText(report: ReplayReport, options: TextOptions): string {
  const notes = noteTexts(report).map(note => printable(note))
  const lines = [
    ...headLines(report, options),
    ...report.policies.flatMap(policy => ['', ...policyLines(policy, report.bucketMs, options)]),
    ...(notes.length === 0 ? [] : ['', ...notes.map(note => options.style('yellow', `note: ${note}`))]),
  ]
  return `${lines.join('\n')}\n`
}

function headLines({ log, cost }: ReplayReport, { style }: TextOptions): string[] {
  const name = style('bold', printable(log.name))
  if (log.from === null || log.to === null) return [`${name}: no requests`]
  const span = `${minuteText(log.from)} to ${minuteText(log.to)} UTC`
  const costs = cost === 1 ? '' : `, each costs ${countText(cost)}`
  return [`${name}: ${plural(log.requests, 'request')}, ${span}, ${log.format} format${costs}`]
}

function policyLines(policy: PolicyReport, bucketMs: number, options: TextOptions): string[] {
  const { style } = options
  return [
    `${style('bold', printable(policy.name))}: ${printable(policyText(policy))}`,
    `${INDENT}${verdictText(policy, options)}`,
    ...(policy.delayed === 0
      ? []
      : [
          `${INDENT}${plural(policy.delayed, 'request')} delayed, by ${durationText(policy.longestDelayMs)} at most`,
        ]),
    ...offenderLines(policy, options),
    ...timelineLines(policy, bucketMs, options),
  ]
}

function verdictText(policy: PolicyReport, { style }: TextOptions): string {
  if (policy.refused === 0) {
    return style(
      'green',
      `nothing refused: ${plural(policy.requests, 'request')} of ${plural(policy.subjects, 'subject')}`,
    )
  }
  const refused = style('red', `${countText(policy.refused)} refused (${percentText(policy.refusedShare)})`)
  const limited = `${countText(policy.limitedSubjects)} of ${plural(policy.subjects, 'subject')} limited`
  return `${refused}, ${countText(policy.allowed)} allowed; ${limited}; longest wait ${durationText(policy.longestWaitMs)}`
}

function offenderLines({ by, top, limitedSubjects }: PolicyReport, { width, style }: TextOptions): string[] {
  if (top.length === 0) return []
  const columns: Column[] = [
    { title: printable(by.join(' and ')), align: 'left', dispensable: 0 },
    { title: 'requests', align: 'right', dispensable: 1 },
    { title: 'refused', align: 'right', dispensable: 0 },
    { title: 'share', align: 'right', dispensable: 2 },
    { title: 'longest wait', align: 'right', dispensable: 3 },
    { title: 'first', align: 'left', dispensable: 4 },
    { title: 'last', align: 'left', dispensable: 5 },
  ]
  const rows = top.map(offender => [
    printable(subjectText(offender.subject)),
    countText(offender.requests),
    countText(offender.refused),
    percentText(offender.refusedShare),
    durationText(offender.longestWaitMs),
    minuteText(offender.first),
    minuteText(offender.last),
  ])
  const [titles, ...lines] = layoutColumns(columns, rows, width - INDENT.length) as [string, ...string[]]
  const rest = limitedSubjects - top.length
  return [
    '',
    `${INDENT}${style('dim', titles)}`,
    ...lines.map(line => INDENT + line),
    ...(rest === 0 ? [] : [`${INDENT}${style('dim', `and ${countText(rest)} more`)}`]),
  ]
}

/** Two rows of bars on scales of their own, since refusals are few beside requests. */
function timelineLines(
  { timeline, refused }: PolicyReport,
  bucketMs: number,
  options: TextOptions,
): string[] {
  if (timeline.length < 2) return []
  const { width, style } = options
  const room = Math.max(8, width - INDENT.length - LABEL_WIDTH)
  const joined = Math.ceil(timeline.length / room)
  const size = durationText(bucketMs * joined)
  const requests = joinedSums(
    timeline.map(bucket => bucket.allowed + bucket.refused),
    joined,
  )
  const rows: [string, number[], TextStyle][] = [['requests', requests, 'dim']]
  if (refused > 0)
    rows.push([
      'refused',
      joinedSums(
        timeline.map(bucket => bucket.refused),
        joined,
      ),
      'red',
    ])
  const peaks = rows.map(([, counts]) => countText(Math.max(...counts))).join(' and ')
  return [
    '',
    ...rows.map(
      ([label, counts, mark]) =>
        `${INDENT}${label.padEnd(LABEL_WIDTH)}${style(mark, bars(counts).trimEnd())}`,
    ),
    `${INDENT}${' '.repeat(LABEL_WIDTH)}${style('dim', cutToWidth(`a bar is ${size}, the highest ${peaks}`, room))}`,
  ]
}

function joinedSums(counts: readonly number[], joined: number): number[] {
  const sums = new Array<number>(Math.ceil(counts.length / joined)).fill(0)
  for (const [index, count] of counts.entries()) {
    const target = Math.floor(index / joined)
    sums[target] = (sums[target] as number) + count
  }
  return sums
}

/** One character a count; whatever is not 0 shows. */
function bars(counts: readonly number[]): string {
  const peak = Math.max(...counts)
  const top = BARS.length - 1
  return counts.map(count => BARS[Math.ceil((count / peak) * top)]).join('')
}
