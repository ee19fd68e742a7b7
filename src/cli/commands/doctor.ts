import type { Command } from 'commander'
import { systemClock } from '../../core/time.js'
import type { TextStyle } from '../../replay/render/text-report.js'
import { plural } from '../../replay/render/wording.js'
import { examine } from '../doctor/examine.js'
import type { Finding, Status } from '../doctor/finding.js'
import { Exit } from '../exit-codes.js'
import type { Output } from '../output.js'
import { addStoreOptions, requiredStore, type StoreOptions } from '../store-options.js'
import { verdictLines } from '../verdict-lines.js'

interface DoctorCliOptions extends StoreOptions {
  readonly json: boolean
}

const EXAMPLES = `
Examples:
  $ sluice doctor --store redis://localhost:6379
  $ sluice doctor --prefix shop --json --store redis+cluster://node-1:7000,node-2:7000

Ends with 0 when limits can be trusted to this store, warnings included; with 1 when something failed; with 3 when the
store cannot be reached. Counts for subjects of its own for a moment, and leaves nothing.
`

const STYLES: Readonly<Record<Status, TextStyle>> = {
  ok: 'green',
  warning: 'yellow',
  failed: 'red',
  skipped: 'dim',
}

export function addDoctorCommand(program: Command, output: Output, onExit: (code: Exit) => void): void {
  const command = program
    .command('doctor')
    .description('look at a store from every side: can limits be trusted to it, and what to do where not')
  addStoreOptions(command, { keys: true })
    .option('--json', 'print what was found as JSON', false)
    .addHelpText('after', EXAMPLES)
    .action(async (options: DoctorCliOptions) => {
      const { prefix, shards } = options
      const nowMs = () => systemClock.nowUs() / 1000
      const findings = await examine({ store: requiredStore(options), prefix, shards, nowMs })
      const healthy = findings.every(({ status }) => status !== 'failed')
      if (options.json) output.writeJson({ healthy, findings })
      else output.write(describe(findings, output))
      onExit(healthy ? Exit.ok : isReached(findings) ? Exit.refused : Exit.store)
    })
}

const isReached = (findings: readonly Finding[]): boolean =>
  findings.some(({ check, status }) => check === 'connection' && status === 'ok')

function describe(findings: readonly Finding[], output: Output): string {
  const servers = new Set(findings.map(({ server }) => server).filter(server => server !== undefined))
  const lines = findings.map(({ check, status, server, found, advice }) => ({
    verdict: status,
    style: STYLES[status],
    // One server needs no name.
    about: server === undefined || servers.size === 1 ? check : `${check} ${server}`,
    found,
    meaning: advice,
  }))
  const count = (status: Status) => findings.filter(finding => finding.status === status).length
  const summary =
    count('failed') > 0
      ? output.style('red', `${plural(count('failed'), 'failure')}`)
      : output.style('green', 'healthy')
  const warnings = count('warning') > 0 ? `, ${plural(count('warning'), 'warning')}` : ''
  return `${verdictLines(lines, output)}\n${summary}${warnings}\n`
}
