import { type Command, Option } from 'commander'
import { type Release, readRelease } from '../../compat/releases.js'
import {
  type Compatibility,
  compareReleases,
  type Finding,
  type Verdict,
} from '../../compat/releases-compare.js'
import { showStates } from '../../compat/releases-shown.js'
import { connectNodes } from '../../redis/store-nodes.js'
import { targetOf } from '../../redis/targets/target-of.js'
import type { TextStyle } from '../../replay/render/text-report.js'
import { printable } from '../../replay/render/wording.js'
import { Exit } from '../exit-codes.js'
import type { Output } from '../output.js'
import { positiveInteger } from '../policy-options.js'
import { verdictLines } from '../verdict-lines.js'

interface CompatCheckOptions {
  readonly store?: string
  readonly shards?: number
  readonly all: boolean
  readonly json: boolean
}

const EXAMPLES = `
Examples:
  $ sluice compat check node_modules/sluice/lua ../next/node_modules/sluice/lua
  $ sluice compat check lua/releases/0.9.0 lua --shards 128 --all
  $ sluice compat check lua/releases/0.9.0 lua --store redis://localhost:6379

Ends with 0 when replicas of both may share keys, with 1 when not or when it cannot be told.
`

const STYLES: Readonly<Record<Verdict, TextStyle>> = {
  same: 'green',
  note: 'dim',
  unknown: 'yellow',
  breaks: 'red',
}

export function addCompatCheckCommand(compat: Command, output: Output, onExit: (code: Exit) => void): void {
  compat
    .command('check')
    .description(
      'tell whether replicas of two releases may work on the same keys; asks no server unless one is named',
    )
    .argument('<old>', 'the folder of a release, such as lua/releases/0.9.0, or its manifest.json')
    .argument('<new>', 'the same of the other')
    .addOption(
      new Option('--shards <n>', 'the number of shards that all replicas are set up for').argParser(
        positiveInteger,
      ),
    )
    .option(
      '--store <address>',
      'run both scripts through the examples there, under keys that are deleted again',
    )
    .option('--all', 'show what is the same, too', false)
    .option('--json', 'print what was found as JSON', false)
    .addHelpText('after', EXAMPLES)
    .action(async (before: string, after: string, options: CompatCheckOptions) => {
      const releases = [readRelease(before), readRelease(after)] as const
      const shown = options.store === undefined ? undefined : await showOn(options.store, releases)
      const compared = compareReleases(...releases, { shards: options.shards, shown })
      if (options.json) output.writeJson({ old: before, new: after, ...compared })
      else output.write(describe(before, after, compared, options.all, output))
      onExit(compared.compatible ? Exit.ok : Exit.refused)
    })
}

async function showOn(
  address: string,
  releases: readonly [Release, Release],
): Promise<readonly Finding[] | undefined> {
  const store = await connectNodes(targetOf(address))
  try {
    return await showStates(...releases, store)
  } finally {
    await store.close()
  }
}

function describe(
  before: string,
  after: string,
  { compatible, findings }: Compatibility,
  all: boolean,
  output: Output,
): string {
  const both = `${printable(before)} and ${printable(after)}`
  const verdict = compatible
    ? `${output.style('green', 'compatible')}: replicas of ${both} may share keys, in any mix`
    : findings.some(finding => finding.verdict === 'breaks')
      ? `${output.style('red', 'incompatible')}: replicas of ${both} must not share keys`
      : `${output.style('yellow', 'unknown')}: it cannot be told whether replicas of ${both} may share keys`
  const shown = all ? findings : findings.filter(finding => finding.verdict !== 'same')
  const lines = shown.map(finding => ({ ...finding, style: STYLES[finding.verdict] }))
  return `${verdict}\n${lines.length === 0 ? '' : `\n${verdictLines(lines, output)}`}`
}
