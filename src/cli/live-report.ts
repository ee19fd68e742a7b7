import type { Agreement, LiveReport } from '../compat/live.js'
import type { KeyGroup } from '../compat/live-sample.js'
import { type Column, layoutColumns } from '../replay/render/text-columns.js'
import { countText, plural, printable } from '../replay/render/wording.js'
import type { Output } from './output.js'

const COLUMNS: readonly Column[] = [
  { title: 'counts', align: 'left', dispensable: 0 },
  { title: 'system', align: 'left', dispensable: 0 },
  { title: 'algorithm', align: 'left', dispensable: 1 },
  { title: 'prefix', align: 'left', dispensable: 2 },
  { title: 'keys', align: 'right', dispensable: 0 },
  { title: 'without end', align: 'right', dispensable: 0 },
  { title: 'wrong type', align: 'right', dispensable: 0 },
]
const INDENT = '  '

/** What is on a store, for a terminal. */
export function renderLive(report: LiveReport, { width, style }: Output): string {
  const sections = [
    ['servers', nodeLines(report)],
    ['keys', keyLines(report, width - INDENT.length)],
    ['agreement', report.agreements.map(agreementLine)],
    ['scripts', scriptLines(report)],
    ['to look at', troubleLines(report)],
  ] as const
  return sections
    .filter(([, lines]) => lines.length > 0)
    .map(([title, lines]) => `${style('bold', title)}\n${lines.map(line => `${INDENT}${line}\n`).join('')}`)
    .join('\n')
}

const nodeLines = ({ nodes }: LiveReport): readonly string[] =>
  nodes.map(({ address, keys, sampled, isWhole }) => {
    const looked = isWhole ? 'all looked at' : `${countText(sampled)} looked at, the rest estimated`
    return `${address}  ${plural(keys, 'key')}, ${looked}`
  })

function keyLines({ groups, others, nodes }: LiveReport, width: number): readonly string[] {
  const isWhole = nodes.every(node => node.isWhole)
  const count = (keys: number) => `${isWhole ? '' : '~ '}${countText(keys)}`
  const rows = groups.map(group => [
    printable(group.name),
    group.system,
    group.algorithm ?? '',
    printable(group.prefix),
    count(group.estimated),
    group.endless === 0 ? '' : countText(group.endless),
    group.wrongType === 0 ? '' : countText(group.wrongType),
  ])
  const table = rows.length === 0 ? ['no key of a limiter'] : layoutColumns(COLUMNS, rows, width)
  return others === 0 ? table : [...table, `and ${count(others)} of others`]
}

function agreementLine({ key, meta, problem }: Agreement): string {
  if (problem !== undefined) return printable(problem)
  if (meta === undefined) return `${printable(key)}  does not exist: limiters before 1.0.0 wrote these keys`
  return `${printable(key)}  ${plural(meta.shards, 'shard')}, states of version ${meta.stateVersion}`
}

function scriptLines({ scripts, libraries, nodes, notAllowed }: LiveReport): readonly string[] {
  const where = (loaded: readonly string[]) =>
    nodes.length === 1 ? '' : ` on ${loaded.length === nodes.length ? 'every server' : loaded.join(', ')}`
  return [
    ...scripts.map(({ name, sha1, nodes: loaded }) => `${sha1}  ${name}${where(loaded)}`),
    ...libraries.map(({ name, nodes: loaded }) => `library ${printable(name)}${where(loaded)}`),
    ...notAllowed.map(command => `the user may not run ${command}, so more may be there`),
  ]
}

const troubleLines = ({ groups }: LiveReport): readonly string[] =>
  groups.flatMap(group => {
    const such = (keys: number) =>
      `${plural(keys, 'key')} of ${nameOf(group)}, such as '${printable(group.example)}'`
    return [
      ...(group.endless > 0 ? [`without end: ${such(group.endless)}`] : []),
      ...(group.wrongType > 0 ? [`of a type that is not theirs: ${such(group.wrongType)}`] : []),
    ]
  })

const nameOf = ({ name, system }: KeyGroup): string => `${printable(name)} (${system})`
