import { type Command, Option } from 'commander'
import { GENERATIONS } from '../../compat/mcp-gateway/config.js'
import { migrate, SETTLE_MS } from '../../compat/migrate/migrate.js'
import { parseDuration } from '../../policy.js'
import { Exit } from '../exit-codes.js'
import { interruptible } from '../interruptible.js'
import { describeReport } from '../migrate/report.js'
import { DIALECT_NAMES, readSides, type SideOptions } from '../migrate/sides.js'
import { describeMigration, StateFile } from '../migrate/state-file.js'
import type { Output } from '../output.js'
import { positiveInteger } from '../policy-options.js'
import type { Progress } from '../progress-bar.js'
import { addLimiterOptions } from '../store-options.js'

interface MigrateCliOptions extends SideOptions {
  readonly apply: boolean
  readonly force: boolean
  readonly rate?: number
  /** ms */
  readonly settle: number
  readonly state?: string
  readonly json: boolean
}

const EXAMPLES = `
Examples:
  $ sluice migrate --from rate-limiter-flexible --to sluice --limiters limiters.json --store redis://localhost:6379
  $ sluice migrate --from mcp-gateway --to sluice --limiters gateway.json --policies policies.json --apply --state move.json
  $ sluice migrate --from sluice --to sluice --from-shards 64 --shards 128 --policies policies.json
`

/** Ends with 1 when the old limiter still runs. */
export function addMigrateCommand(
  program: Command,
  output: Output,
  progress: Progress,
  onExit: (code: Exit) => void,
): void {
  const command = program
    .command('migrate')
    .description(
      'carry what another limiter has counted over to the keys of the next one; a dry run without --apply',
    )
    .addOption(
      new Option('--from <dialect>', 'whose keys to read').choices(DIALECT_NAMES).makeOptionMandatory(),
    )
    .addOption(
      new Option('--to <dialect>', 'whose keys to write').choices(DIALECT_NAMES).makeOptionMandatory(),
    )
    .option('--limiters <file>', 'the options of the limiters that are not of sluice, as JSON')
    .option('--to-limiters <file>', 'those of --to, where neither side is sluice')
    .addOption(
      new Option('--generation <release>', 'of mcp-gateway: which release wrote the keys').choices(
        GENERATIONS,
      ),
    )
    .option('--to-store <address>', 'where the new keys are (default: the same store)')
    .option('--from-prefix <text>', 'the prefix before, from sluice to sluice')
    .addOption(
      new Option('--from-shards <n>', 'the shards before, from sluice to sluice').argParser(positiveInteger),
    )
    .option('--apply', 'write', false)
    .option('--force', 'carry although the old keys are still being written', false)
    .addOption(
      new Option('--rate <keys>', 'keys per second, at most (default: 5000)').argParser(positiveInteger),
    )
    .addOption(
      new Option('--settle <time>', 'time between two looks at the old keys, to see whether they are in use')
        .argParser(text => parseDuration(text, '--settle') / 1000)
        .default(SETTLE_MS, '3.5 s'),
    )
    .option('--state <file>', 'go on where this file says, and keep it up to date')
  addLimiterOptions(command)
    .option('--json', 'print the report as JSON', false)
    .addHelpText('after', EXAMPLES)
    .action(async (options: MigrateCliOptions) => {
      const report = await interruptible(signal => runMigration(options, progress, signal)).finally(() =>
        progress.stop(),
      )
      if (options.json) output.writeJson(report)
      else output.write(describeReport(report, options.from, options.to, output))
      onExit(report.live === undefined || options.force ? Exit.ok : Exit.refused)
    })
}

async function runMigration(options: MigrateCliOptions, progress: Progress, signal: AbortSignal) {
  const { apply, force, rate, settle, state } = options
  const sides = readSides(options)
  const file = state === undefined ? undefined : new StateFile(state, describeMigration(sides, apply))
  const report = await migrate({
    ...sides,
    apply,
    force,
    place: file?.read(),
    signal,
    settleMs: settle,
    ...(rate !== undefined && { keysPerSecond: rate }),
    onPage(place, share) {
      progress.onProgress(share, 1)
      file?.save(place)
    },
  })
  file?.remove()
  return report
}
