import type { MigrationOutcome, MigrationReport } from '../../compat/migrate/migrate.js'
import { countText, plural, printable } from '../../replay/render/wording.js'
import type { Output } from '../output.js'

const MEANING: Readonly<Record<MigrationOutcome, string>> = {
  carried: 'the new key is as strict as the old one now',
  stricter: 'the new key was as strict already, and stays as it is',
  unused: 'the old key has nothing used',
  expired: 'the old key ended meanwhile',
  unknown: 'not in a form of this limiter, or no subject of its policy: left alone',
  wrongType: 'holds another type of value: left alone',
}
const LABELS: Readonly<Record<MigrationOutcome, string>> = {
  carried: 'carried',
  stricter: 'stricter already',
  unused: 'unused',
  expired: 'expired',
  unknown: 'unknown form',
  wrongType: 'wrong type',
}

/** What a person reads at the end. */
export function describeReport(report: MigrationReport, from: string, to: string, { style }: Output): string {
  const { applied, scanned, counts, examples, live } = report
  const rows = (Object.keys(LABELS) as MigrationOutcome[]).map(outcome => {
    const label = outcome === 'carried' && !applied ? 'to carry' : LABELS[outcome]
    return [label, countText(counts[outcome]), MEANING[outcome]] as const
  })
  const widths = [0, 1].map(column => Math.max(...rows.map(row => (row[column] as string).length)))
  const table = rows.map(
    ([label, count, meaning]) =>
      `  ${label.padEnd(widths[0] as number)}  ${count.padStart(widths[1] as number)}  ${style('dim', meaning)}`,
  )
  const kept = [...examples.unknown, ...examples.wrongType].map(key => `    ${printable(key)}`)
  return `${[
    `${from} to ${to}: ${plural(scanned, 'key')}`,
    ...table,
    ...(scanned > 0
      ? []
      : [`  no key begins as those of ${from} do; 'sluice compat live' shows what is there`]),
    ...(kept.length > 0 ? ['  left alone, for example:', ...kept] : []),
    ...(live === undefined
      ? []
      : [
          style(
            'red',
            `still in use: '${printable(live.key)}' (${live.sign}); stop the old limiter before --apply`,
          ),
        ]),
    ...(applied ? [] : ['nothing was written; --apply carries it over']),
  ].join('\n')}\n`
}
