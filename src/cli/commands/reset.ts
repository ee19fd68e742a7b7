import type { Command } from 'commander'
import { printable } from '../../replay/render/wording.js'
import type { Output } from '../output.js'
import { addLimiterOptions, type LimiterCliOptions, withLimiter } from '../store-options.js'
import { readSubject, subjectWords } from '../subject-words.js'

interface ResetCliOptions extends LimiterCliOptions {
  readonly json: boolean
}

const EXAMPLES = `
Examples:
  $ sluice reset per-user alice --policy 'per-user=100/m' --store redis://localhost:6379
`

export function addResetCommand(program: Command, output: Output): void {
  const command = program
    .command('reset')
    .description('forget a subject: its counters, leases and block under a policy')
    .argument('<policy>', 'name of the policy')
    .argument('<subject...>', 'whom to forget: a text, or several parts as name=value')
  addLimiterOptions(command)
    .option('--json', 'print what was reset as JSON', false)
    .addHelpText('after', EXAMPLES)
    .action(async (policy: string, words: string[], options: ResetCliOptions) => {
      const subject = readSubject(words)
      await withLimiter(options, limiter => limiter.reset(policy, subject))
      if (options.json) output.writeJson({ policy, subject, reset: true })
      else output.write(`reset: ${printable(subjectWords(words))} by ${printable(policy)}\n`)
    })
}
