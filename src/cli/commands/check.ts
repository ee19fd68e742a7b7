import { type Command, Option } from 'commander'
import type { CheckState, Decision } from '../../decision.js'
import { countText, durationText, printable, windowText } from '../../replay/render/wording.js'
import { Exit } from '../exit-codes.js'
import type { Output } from '../output.js'
import { positiveInteger } from '../policy-options.js'
import { addLimiterOptions, type LimiterCliOptions, withLimiter } from '../store-options.js'
import { readSubject, subjectWords } from '../subject-words.js'

interface CheckCliOptions extends LimiterCliOptions {
  readonly cost: number
  readonly json: boolean
}

const EXAMPLES = `
Examples:
  $ sluice check per-user alice --policy 'per-user=100/m' --store redis://localhost:6379
  $ sluice check api tenant=acme user=7 --cost 3 --policies policies.json
`

/** `check` takes units, `peek` only looks. They say the same things, and end with 1 when the answer is no. */
export function addCheckCommands(program: Command, output: Output, onExit: (code: Exit) => void): void {
  for (const { name, does } of [
    { name: 'check', does: 'take units for a subject, if the policy lets them pass' },
    { name: 'peek', does: 'tell what check would answer, and take nothing' },
  ] as const) {
    const command = program
      .command(name)
      .description(`${does}; ends with 1 when refused`)
      .argument('<policy>', 'name of the policy')
      .argument('<subject...>', 'whom to count: a text, or several parts as name=value')
      .addOption(new Option('--cost <n>', 'units to take').argParser(positiveInteger).default(1))
    addLimiterOptions(command)
      .option('--json', 'print the decision as JSON', false)
      .addHelpText('after', EXAMPLES.replaceAll('sluice check', `sluice ${name}`))
      .action(async (policy: string, words: string[], options: CheckCliOptions) => {
        const decision = await withLimiter(options, limiter =>
          limiter[name](policy, readSubject(words), { cost: options.cost }),
        )
        if (options.json) output.writeJson(decision)
        else output.write(describeDecision(decision, subjectWords(words), output))
        onExit(decision.allowed ? Exit.ok : Exit.refused)
      })
  }
}

function describeDecision(decision: Decision, subject: string, { style }: Output): string {
  const { allowed, reason, policy, checks, delayMs } = decision
  const verdict = allowed
    ? style('green', 'allowed')
    : style('red', reason === 'blocked' ? 'blocked' : 'refused')
  const lines = [`${verdict}: ${printable(subject)} by ${printable(policy)}`]
  if (delayMs > 0) lines.push(`  to be held back for ${durationText(delayMs)}`)
  return `${[...lines, ...checks.map(state => `  ${describeState(state)}`)].join('\n')}\n`
}

function describeState({
  limit,
  windowMs,
  algorithm,
  remaining,
  retryAfterMs,
  resetAfterMs,
}: CheckState): string {
  const left = `${countText(remaining)} left of ${countText(limit)} per ${windowText(windowMs)} (${algorithm})`
  const wait = retryAfterMs > 0 ? `, passes in ${durationText(retryAfterMs)}` : ''
  return `${left}${wait}, unused in ${durationText(resetAfterMs)}`
}
